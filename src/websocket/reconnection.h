#pragma once

#include "client/reconnect_policy.h"

#include <network_system/core/ws_options.h>
#include <network_system/session/ws_connection.h>
#include <network_system/session/ws_handshake.h>

#include <chrono>
#include <cstdint>
#include <optional>

namespace network_system::core {

/// What the ends and answers of WebSocket mean for a reconnect_policy.
///
/// Pure: time and randomness are the caller's.
class ws_reconnection {
public:
    explicit ws_reconnection(const ws_reconnect_config& config) noexcept;

    void connected(detail::steady_time now) noexcept { policy_.connected(now); }

    // Each answers whether to try (again), and then `next_pause` is asked.

    /// The connection was lost; `is_own`: by a close of the application.
    [[nodiscard]] bool lost(bool is_own, ws_close_code code, detail::steady_time now) noexcept;
    /// An attempt has failed; `answer` is what the server has said instead of 101, null when it has
    /// said nothing of HTTP.
    [[nodiscard]] bool failed(const ws_rejection* answer, detail::steady_time now) noexcept;

    /// `random` is uniform over all 64-bit numbers.
    [[nodiscard]] std::chrono::milliseconds next_pause(std::uint64_t random) noexcept;

private:
    [[nodiscard]] requested_pause try_again() const noexcept;
    [[nodiscard]] std::optional<requested_pause> pause_after(
        const ws_rejection& answer) const noexcept;

    const ws_reconnect_config config_;
    reconnect_policy policy_;
    // What the last end or answer has asked for.
    std::optional<requested_pause> requested_;
};

}  // namespace network_system::core
