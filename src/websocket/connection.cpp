// What a ws_connection does that is none of the library's.
#include "utils/failure.h"

#include <network_system/core/ws_options.h>
#include <network_system/core/ws_session_manager.h>
#include <network_system/session/ws_connection.h>

namespace network_system::inline v0_1 {

// Here, so that options of several kinds of clients can name it in a build without WebSocket.
core::ws_client_config::ws_client_config() = default;

namespace session {
namespace {

const ws_request no_request;
const ws_response no_response;

}  // namespace

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
    return no_request;
}

const ws_response& ws_connection::response() const noexcept {
    return no_response;
}

VoidResult ws_connection::send_copy(std::span<const std::uint8_t> data, send_callback& done) {
    return send_copy_as(data, done, ws_message_type::binary);
}

VoidResult ws_connection::send_owned_as(std::vector<std::uint8_t>& data, send_callback& done,
                                        ws_message_type type) {
    auto sent = send_copy_as(data, done, type);
    if (sent) {
        data.clear();
    }
    return sent;
}

}  // namespace session

namespace core {

// Not in the header, because programs may be compiled without RTTI.
std::shared_ptr<session::ws_connection> as_connection(
    const std::shared_ptr<session::messaging_session>& session) {
    return std::dynamic_pointer_cast<session::ws_connection>(session);
}

}  // namespace core
}  // namespace network_system
