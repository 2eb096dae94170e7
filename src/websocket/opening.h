#pragma once

#include "websocket/session.h"

#include <network_system/internal/websocket_handshake.h>

#include <memory>
#include <variant>

namespace network_system::inline v0_1::session {

struct websocket_session::opening {
    std::variant<websocket::request_parser, websocket::response_parser> parser;
    /// A client's.
    ws_request request = {};
    /// How the server has refused it. Read by other threads once the session is gone.
    std::shared_ptr<const ws_rejection> rejection = {};
};

}  // namespace network_system::session
