// Pretends to be compiled with another Asio than the library: linking has to fail.
#include <asio/io_context.hpp>
#include <asio/version.hpp>

#undef ASIO_VERSION
#define ASIO_VERSION 100000

#include <network_system/core/messaging_server.h>

int main() {
    const network_system::core::messaging_server server("mismatch");
    return server.is_running() ? 1 : 0;
}
