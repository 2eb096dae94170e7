#pragma once

#include <network_system/core/accept_answer.h>
#include <network_system/core/callback_forms.h>
#include <network_system/session/ws_connection.h>
#include <network_system/session/ws_handshake.h>
#include <network_system/session/ws_message.h>

#include <memory>
#include <string_view>
#include <system_error>

namespace network_system::inline v0_1 {
namespace detail {

using ws_connection_ptr = std::shared_ptr<session::ws_connection>;
using ws_message_callback =
    callback_of_kind<message_kind, void(const ws_connection_ptr&, const ws_message&)>;
using ws_end_callback =
    callback_of_kind<ws_end_kind, void(const ws_connection_ptr&, std::error_code, ws_close_code,
                                       std::string_view)>;

}  // namespace detail

namespace core {

/// `callback(request, remote, answer)`; see messaging_ws_server::set_handshake_callback.
using ws_handshake_callback =
    unique_function<void(const ws_request&, const endpoint& remote, ws_handshake_answer&)>;
/// `callback(request, remote, response)`; see messaging_ws_server::set_http_callback.
using ws_http_callback =
    unique_function<void(const ws_request&, const endpoint& remote, http_response&)>;

/// The callbacks of a WebSocket server, to be given when it is constructed. Each is what the setter
/// of messaging_ws_server takes, in any of its forms. Empty = none (default).
struct ws_server_callbacks {
    using session_ptr = std::shared_ptr<session::ws_connection>;

    /// See messaging_ws_server::set_accept_callback.
    accept_callback accept = {};
    /// See messaging_ws_server::set_handshake_callback.
    ws_handshake_callback handshake = {};
    /// See messaging_ws_server::set_http_callback.
    ws_http_callback http = {};
    /// See messaging_ws_server::set_connection_callback.
    detail::session_callback<session_ptr> connected = {};
    /// See messaging_ws_server::set_receive_callback.
    detail::data_callback<session_ptr> received = {};
    /// See messaging_ws_server::set_message_callback.
    detail::ws_message_callback message = {};
    /// See messaging_ws_server::set_text_message_callback.
    detail::text_callback<session_ptr> text = {};
    /// See messaging_ws_server::set_binary_message_callback.
    detail::data_callback<session_ptr> binary = {};
    /// See messaging_ws_server::set_ping_callback.
    detail::data_callback<session_ptr> pinged = {};
    /// See messaging_ws_server::set_writable_callback.
    detail::session_callback<session_ptr> writable = {};
    /// See messaging_ws_server::set_error_callback.
    detail::failure_callback<session_ptr> failed = {};
    /// See messaging_ws_server::set_disconnection_callback.
    detail::ws_end_callback disconnected = {};
};

/// The callbacks of a WebSocket client, to be given when it is constructed. Each is what the setter
/// of messaging_ws_client takes, in any of its forms. Empty = none (default).
struct ws_client_callbacks {
    using session_ptr = std::shared_ptr<session::ws_connection>;

    /// See messaging_ws_client::set_connected_callback.
    detail::session_callback<session_ptr> connected = {};
    /// See messaging_ws_client::set_receive_callback.
    detail::data_callback<session_ptr> received = {};
    /// See messaging_ws_client::set_message_callback.
    detail::ws_message_callback message = {};
    /// See messaging_ws_client::set_text_message_callback.
    detail::text_callback<session_ptr> text = {};
    /// See messaging_ws_client::set_binary_message_callback.
    detail::data_callback<session_ptr> binary = {};
    /// See messaging_ws_client::set_ping_callback.
    detail::data_callback<session_ptr> pinged = {};
    /// See messaging_ws_client::set_writable_callback.
    detail::session_callback<session_ptr> writable = {};
    /// See messaging_ws_client::set_error_callback.
    detail::failure_callback<session_ptr> failed = {};
    /// See messaging_ws_client::set_reconnecting_callback.
    detail::reconnecting_callback reconnecting = {};
    /// See messaging_ws_client::set_disconnected_callback.
    detail::ws_end_callback disconnected = {};
};

}  // namespace core
}  // namespace network_system
