#pragma once

#include "protocol/http1/body.h"
#include "runtime/time_source.h"
#include "websocket/session.h"

#include <network_system/internal/websocket_handshake.h>

#include <memory>
#include <optional>
#include <variant>

namespace network_system::inline v0_1::session {

struct websocket_session::opening {
    /// A client's: the body of an answer that refuses, while it arrives.
    struct refusal {
        protocol::response_body body;
        /// The error waits no longer.
        runtime::steady_time due_by;
    };

    std::variant<websocket::request_parser, websocket::response_parser> parser;
    /// A client's.
    ws_request request = {};
    std::unique_ptr<refusal> refused = {};
    /// How the server has refused it. Read by other threads once the session is gone.
    std::shared_ptr<ws_rejection> rejection = {};
    /// Where the server has sent it instead.
    std::optional<websocket::url> redirected = {};
};

}  // namespace network_system::session
