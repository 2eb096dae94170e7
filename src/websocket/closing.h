#pragma once

#include "utils/contain.h"
#include "websocket/session.h"

#include <network_system/session/ws_connection.h>

#include <string>
#include <system_error>

namespace network_system::inline v0_1::core {

/// How a WebSocket has ended, as the application is told.
struct ws_closing {
    /// `cause` is what the session ended with; empty after a clean close.
    ws_closing(const session::ws_connection& ended, std::error_code cause) noexcept
        : code(ended.close_code()) {
        // The application is told of the end, if need be without words.
        detail::contain([&] {
            reason = ended.close_reason();
            if (code == ws_close_code::abnormal && reason.empty()) {
                reason = cause.message();
            }
        });
    }

    ws_close_code code;
    std::string reason;
};

}  // namespace network_system::core
