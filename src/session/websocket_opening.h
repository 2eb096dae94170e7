#pragma once

#include "session/websocket_session.h"

#include <network_system/internal/websocket_handshake.h>

#include <variant>

namespace network_system::session {

struct websocket_session::opening {
    std::variant<websocket::request_parser, websocket::response_parser> parser;
    /// A client's.
    ws_request request = {};
};

}  // namespace network_system::session
