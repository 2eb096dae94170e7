#pragma once

#include <network_system/core/session_manager.h>
#include <network_system/export.h>
#include <network_system/session/ws_connection.h>

#include <memory>

namespace network_system::inline v0_1::core {

/// The registry of a WebSocket server's connections: they are sessions, and kept like those of TCP.
/// What `find_session` and `snapshot` give are `session::ws_connection`s; `as_connection` says so.
using ws_session_manager = session_manager;

/// The session as the WebSocket it is; null when it is none, or null itself.
[[nodiscard]] NETWORK_SYSTEM_EXPORT std::shared_ptr<session::ws_connection> as_connection(
    const std::shared_ptr<session::messaging_session>& session);

}  // namespace network_system::core
