#pragma once

#include <network_system/export.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>

#include <asio/ip/tcp.hpp>

#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

// After Asio, whose version it looks at.
#include <network_system/internal/asio_version.h>

namespace network_system::internal {

/// What the bytes of a socket travel over: plain TCP, or TLS.
struct stream_kind;
using stream_kind_ptr = std::shared_ptr<const stream_kind>;

[[nodiscard]] NETWORK_SYSTEM_EXPORT error_info refusal_to_take_over(errc code,
                                                                    std::error_code cause,
                                                                    std::string_view source);

/// Takes a connected socket over from Asio: it is closed for its owner then, and what was pending
/// on it is cancelled; on an error it is left as it was. `source` names who asks.
///
/// Errors: `connection_closed` (the socket is not connected), `connection_failed` (Asio cannot give
/// it away).
[[nodiscard]] inline Result<asio::ip::tcp::socket::native_handle_type> take_over(
    asio::ip::tcp::socket&& socket, std::string_view source) {
    std::error_code cause;
    (void)socket.remote_endpoint(cause);
    if (cause) {
        return refusal_to_take_over(errc::connection_closed, cause, source);
    }
    socket.native_non_blocking(true, cause);
    if (cause) {
        return refusal_to_take_over(errc::connection_failed, cause, source);
    }
    const auto handle = socket.release(cause);
    if (cause) {
        return refusal_to_take_over(errc::connection_failed, cause, source);
    }
    return handle;
}

}  // namespace network_system::internal
