#pragma once

#include <network_system/export.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>

#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>

#include <memory>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

// After Asio, whose version it looks at.
#include <network_system/internal/asio_version.h>

namespace network_system::inline v0_1::internal {

/// What the bytes of a socket travel over: plain TCP, or TLS.
struct stream_kind;
using stream_kind_ptr = std::shared_ptr<const stream_kind>;

[[nodiscard]] NETWORK_SYSTEM_EXPORT error_info refusal_to_take_over(errc code,
                                                                    std::error_code cause,
                                                                    std::string_view source);

/// Takes a socket over from Asio: it is closed for its owner then, and what was pending on it is
/// cancelled; on an error it is left as it was. `source` names who asks.
///
/// Errors: `connection_closed` (a TCP socket that is not connected, a UDP socket that is not
/// bound), `connection_failed` (Asio cannot give it away).
template <typename Socket>
[[nodiscard]] Result<typename Socket::native_handle_type> take_over(Socket&& socket,
                                                                    std::string_view source) {
    std::error_code cause;
    if constexpr (std::is_same_v<Socket, asio::ip::udp::socket>) {
        (void)socket.local_endpoint(cause);
    } else {
        (void)socket.remote_endpoint(cause);
    }
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
