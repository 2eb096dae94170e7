// What a ws_connection does that is none of the library's.
#include "utils/failure.h"

#include <network_system/session/ws_connection.h>

namespace network_system::session {

// Here, so that its table of virtual functions is in one place.
ws_connection::~ws_connection() = default;

VoidResult ws_connection::receive_message(ws_receive_handler&&, operation_id) {
    return detail::failure(errc::not_supported, "receiving on demand is not supported here", id());
}

VoidResult ws_connection::send_ping(std::span<const std::uint8_t>) {
    return detail::failure(errc::not_supported, "a ping is not supported here", id());
}

VoidResult ws_connection::send_pong(std::span<const std::uint8_t>) {
    return detail::failure(errc::not_supported, "a pong is not supported here", id());
}

const ws_request& ws_connection::request() const noexcept {
    static const ws_request none;
    return none;
}

VoidResult ws_connection::send_owned_as(std::vector<std::uint8_t>& data, send_callback& done,
                                        ws_message_type type) {
    auto sent = send_copy_as(data, done, type);
    if (sent) {
        data.clear();
    }
    return sent;
}

}  // namespace network_system::session
