#pragma once

#include "runtime/backoff.h"
#include "utils/deadline.h"

#include <network_system/core/reconnect_options.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <system_error>

namespace network_system::inline v0_1::core {

/// A pause that the server has asked for, instead of the next one of the backoff.
struct requested_pause {
    std::chrono::milliseconds least;
    /// The pause is drawn from `least` to this. Nothing: the pause of the backoff is added to
    /// `least`, so that a server that asks for no time at all is not asked again and again.
    std::optional<std::chrono::milliseconds> most;
};

/// What the end of a connection, or of an attempt to make one, says about the next attempt.
struct reconnect_advice {
    /// There is to be none.
    bool is_final = false;
    std::optional<requested_pause> requested = std::nullopt;
};

/// Whether the same attempt would fail in the same way again, without anybody changing anything.
[[nodiscard]] bool is_lasting_refusal(std::error_code failure) noexcept;

/// Whether and when a client that has lost its connection makes a new one.
///
/// Pauses are random up to a ceiling that grows with each attempt ("full jitter"). A connection
/// counts as a success once it has lasted: what breaks before that is one more failed attempt, so
/// that a server that accepts and drops is treated like one that refuses.
///
/// Pure: time and randomness are the caller's.
class reconnect_policy {
public:
    explicit reconnect_policy(const reconnect_options& options) noexcept
        : options_(options), backoff_({options.initial_delay, options.max_delay, options.factor}) {}

    void connected(detail::steady_time now) noexcept { connected_at_ = now; }
    /// The connection is lost, or an attempt to make one has failed. Whether to make another
    /// attempt: after `next_pause`.
    [[nodiscard]] bool failed(detail::steady_time now,
                              const reconnect_advice& advice = {}) noexcept;
    /// `random` is uniform over all 64-bit numbers.
    [[nodiscard]] std::chrono::milliseconds next_pause(std::uint64_t random) noexcept;

private:
    const reconnect_options options_;
    runtime::backoff backoff_;
    // Of the present connection.
    std::optional<detail::steady_time> connected_at_;
    // Since the last stable connection.
    unsigned attempts_ = 0;
    // Of the next pause only.
    std::optional<requested_pause> requested_;
};

}  // namespace network_system::core
