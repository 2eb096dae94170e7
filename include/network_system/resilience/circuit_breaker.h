#pragma once

#include <network_system/export.h>
#include <network_system/internal/build_checks.h>

#include <chrono>
#include <cstdint>

namespace network_system::inline v0_1::resilience {

enum class circuit_state : std::uint8_t {
    /// All is well: everything is let through.
    closed,
    /// It has failed too often: nothing is let through.
    open,
    /// A few are let through, to see whether it works again.
    half_open,
};

/// Durations: see queue_limits.
struct circuit_breaker_options {
    /// Failures in a row that open the circuit. 0 = it never opens (default of a resilient_client).
    unsigned failure_threshold = 5;
    /// How long it is open before it is tried again. At least 1 ms. Default 10 s.
    std::chrono::milliseconds open_for{10'000};
    /// How many are let through while it is half open, and have to succeed for it to close. At
    /// least 1. Default 1.
    unsigned trials = 1;
};

/// Whether something that may fail is to be tried now: a caller that would only wait for a failure
/// learns of it at once, and the one that has failed is left alone for a while.
///
///     closed --failure_threshold failures in a row--> open --open_for--> half open
///       ^                                              ^                    |  |
///       |                                              +----- a failure ----+  |
///       +------------------ as many successes as trials -----------------------+
///
/// Pure: time is the caller's.
///
/// Thread-safety: none.
class NETWORK_SYSTEM_EXPORT circuit_breaker {
public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit circuit_breaker(const circuit_breaker_options& options) noexcept;

    /// Whether one more is let through now. While half open it counts as a trial, whose outcome has
    /// to be told.
    [[nodiscard]] bool allows(time_point now) noexcept;
    void succeeded() noexcept;
    void failed(time_point now) noexcept;
    /// It is known to work: closed.
    void reset() noexcept { *this = circuit_breaker(options_); }

    [[nodiscard]] circuit_state state() const noexcept { return state_; }
    /// Since it was opened last; meaningless while it is closed.
    [[nodiscard]] time_point opened_at() const noexcept { return opened_at_; }

private:
    void open(time_point now) noexcept;

    circuit_breaker_options options_;
    time_point opened_at_{};
    // In a row, while it is closed.
    unsigned failures_ = 0;
    // While it is half open.
    unsigned begun_trials_ = 0;
    unsigned successes_ = 0;
    circuit_state state_ = circuit_state::closed;
};

}  // namespace network_system::resilience
