#pragma once

#include "runtime/backoff.h"

#include <network_system/core/ws_options.h>
#include <network_system/session/ws_connection.h>

#include <chrono>
#include <cstdint>

namespace network_system::core {

/// Whether and when a WebSocket client that has lost its connection makes a new one.
///
/// Pure: randomness is the caller's.
class ws_reconnection {
public:
    explicit ws_reconnection(const ws_reconnect_config& config) noexcept
        : config_(config), backoff_({config.initial_delay, config.max_delay, config.factor}) {}

    /// A connection was made: what follows is another loss.
    void connected() noexcept {
        backoff_.reset();
        attempts_ = 0;
        wait_ = wait::backoff;
    }

    // Each answers whether to try (again), and then `next_pause` is asked.

    /// The connection was lost; `is_own`: by a close of the application.
    [[nodiscard]] bool lost(bool is_own, ws_close_code code) noexcept;
    /// An attempt has failed; `http_status` is what the server answered, 0 when it did not.
    [[nodiscard]] bool failed(unsigned http_status) noexcept;

    /// `random` is uniform over all 64-bit numbers.
    [[nodiscard]] std::chrono::milliseconds next_pause(std::uint64_t random) noexcept;

private:
    /// What the next pause follows.
    enum class wait : std::uint8_t { backoff, restart, try_again };

    [[nodiscard]] bool has_attempts_left() noexcept;

    const ws_reconnect_config config_;
    runtime::backoff backoff_;
    unsigned attempts_ = 0;
    wait wait_ = wait::backoff;
};

}  // namespace network_system::core
