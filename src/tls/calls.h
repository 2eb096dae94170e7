// What the parts of tls_connection share.
#pragma once

#include "os/native_socket.h"

#include <openssl/err.h>

#include <cstddef>

namespace network_system::inline v0_1::transport {

/// Nothing for now.
inline runtime::sockets::io_result io_blocked() noexcept {
    return {runtime::sockets::outcome::would_block, 0, {}};
}
/// So many bytes; none is nothing for now.
inline runtime::sockets::io_result io_done(std::size_t bytes) noexcept {
    return bytes > 0 ? runtime::sockets::io_result{runtime::sockets::outcome::done, bytes, {}}
                     : io_blocked();
}

/// What somebody has left there would be taken for an error of the call that follows.
inline void clear_errors() noexcept {
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

}  // namespace network_system::transport
