#pragma once

#include <network_system/core/accept_answer.h>
#include <network_system/core/callback_forms.h>
#include <network_system/session/messaging_session.h>

#include <memory>

namespace network_system::inline v0_1::core {

/// The callbacks of a TCP or TLS server, to be given when it is constructed:
///
///     messaging_server server("echo", server_callbacks{
///         .received = [](const auto& session, std::span<const std::uint8_t> data) {
///             (void)session->send_packet(data);
///         }});
///
/// Each is what the setter of messaging_server takes, in any of its forms. Empty = none (default).
struct server_callbacks {
    using session_ptr = std::shared_ptr<session::messaging_session>;

    /// See messaging_server::set_accept_callback.
    accept_callback accept = {};
    /// See messaging_server::set_connection_callback.
    detail::session_callback<session_ptr> connected = {};
    /// See messaging_server::set_receive_callback.
    detail::data_callback<session_ptr> received = {};
    /// See messaging_server::set_request_callback.
    detail::request_callback<session_ptr> requested = {};
    /// See messaging_server::set_writable_callback.
    detail::session_callback<session_ptr> writable = {};
    /// See messaging_server::set_error_callback.
    detail::failure_callback<session_ptr> failed = {};
    /// See messaging_server::set_disconnection_callback.
    detail::end_callback<session_ptr> disconnected = {};
};

/// The callbacks of a TCP or TLS client, to be given when it is constructed. Each is what the
/// setter of messaging_client takes, in any of its forms. Empty = none (default).
struct client_callbacks {
    using session_ptr = std::shared_ptr<session::messaging_session>;

    /// See messaging_client::set_connected_callback.
    detail::session_callback<session_ptr> connected = {};
    /// See messaging_client::set_receive_callback.
    detail::data_callback<session_ptr> received = {};
    /// See messaging_client::set_request_callback.
    detail::request_callback<session_ptr> requested = {};
    /// See messaging_client::set_writable_callback.
    detail::session_callback<session_ptr> writable = {};
    /// See messaging_client::set_error_callback.
    detail::failure_callback<session_ptr> failed = {};
    /// See messaging_client::set_reconnecting_callback.
    detail::reconnecting_callback reconnecting = {};
    /// See messaging_client::set_disconnected_callback.
    detail::end_callback<session_ptr> disconnected = {};
};

}  // namespace network_system::core
