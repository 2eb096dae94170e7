#pragma once

#include "protocol/websocket/redirect.h"

#include <network_system/internal/websocket_handshake.h>

namespace network_system::inline v0_1::session {

/// What WebSockets need to know beyond their session_config; shared by all of a host.
///
///     websocket_session(transport, host, session_setup, std::shared_ptr<const websocket_settings>)
///
/// `session_setup::role` says which side it is; `handshake_deadline`
/// bounds the opening handshake of both.
struct websocket_settings {
    websocket::handshake_limits limits;
    /// Pings are answered by the session; else by the application, which hears of them.
    bool auto_pong = true;
    /// Whether `ws_connection::request` has something to say once the connection is open. Costs the
    /// memory of the request's head.
    bool keep_request = true;
    // Clients only.

    /// Whether `ws_connection::response` has something to say once the connection is open.
    bool keep_response = false;
    /// What it asks for.
    websocket::client_handshake asks;
    /// Where; an empty host where redirects lead nowhere.
    websocket::url at = {};
    websocket::redirect_count redirects;
};

}  // namespace network_system::session
