#pragma once

#include "client/reconnect_policy.h"

#include <network_system/core/ws_options.h>
#include <network_system/session/ws_connection.h>
#include <network_system/session/ws_handshake.h>

#include <optional>

namespace network_system::inline v0_1::core {

/// What the ends and answers of WebSocket mean for a reconnect_policy.
///
/// Pure.
class ws_reconnection {
public:
    explicit ws_reconnection(const ws_reconnect_config& config) noexcept : config_(config) {}

    /// The connection was lost, not by a close of the application.
    [[nodiscard]] reconnect_advice after_close(ws_close_code code) const noexcept;
    /// An attempt has failed; `answer` is what the server has said instead of 101, null when it has
    /// said nothing of HTTP.
    [[nodiscard]] reconnect_advice after_failure(const ws_rejection* answer) const noexcept;

private:
    [[nodiscard]] requested_pause try_again() const noexcept;
    [[nodiscard]] std::optional<requested_pause> pause_after(
        const ws_rejection& answer) const noexcept;

    const ws_reconnect_config config_;
};

}  // namespace network_system::core
