// Pretends to be compiled with another Asio than the library, or is, by a macro of Asio's: linking
// has to fail.
#include <asio/io_context.hpp>
#include <asio/version.hpp>

#ifndef SAME_ASIO_VERSION
#undef ASIO_VERSION
#define ASIO_VERSION 100000
#endif

#include <network_system/core/messaging_server.h>

int main() {
    const network_system::core::messaging_server server("mismatch");
    return server.is_running() ? 1 : 0;
}
