#pragma once

#include "runtime/time_source.h"
#include "transport/progress.h"

#include <chrono>
#include <cstdint>

namespace network_system::inline v0_1::session {

/// Decides when a peer is pinged, when it is given up, and when a connection has been idle for too
/// long. Reads no clock and sends nothing: whoever owns it tells it what has happened, and does
/// what it answers.
///
/// Thread-safety: none.
class keep_alive {
public:
    struct limits {
        /// 0 = no limit.
        std::chrono::milliseconds idle_timeout{0};
        /// 0 = no pings.
        std::chrono::milliseconds ping_interval{0};
        /// 0 = `ping_interval`.
        std::chrono::milliseconds pong_timeout{0};
        unsigned max_missed_pings = 3;
    };
    /// When bytes last went in each direction.
    struct traffic {
        runtime::steady_time last_read;
        runtime::steady_time last_write;
    };
    enum class action : std::uint8_t { none, ping, give_up, expire };

    /// When to look next; `steady_time::max()` for never.
    [[nodiscard]] runtime::steady_time next_deadline(const limits& given, const traffic& seen,
                                                     runtime::steady_time now) const noexcept;
    /// Whether `on_deadline` has to know what the peer has taken: finding out costs a system call.
    [[nodiscard]] bool needs_progress(const limits& given, const traffic& seen,
                                      runtime::steady_time now) const noexcept;
    /// What to do now. `made`: what the peer has taken since the last time it was asked for.
    [[nodiscard]] action on_deadline(const limits& given, const traffic& seen,
                                     runtime::steady_time now,
                                     const transport::peer_progress& made) noexcept;

    /// Bytes have arrived: the peer is alive.
    void on_read() noexcept { missed_pings_ = 0; }
    /// Reading goes on after a pause, which the peer is not to blame for.
    void on_resume(runtime::steady_time now) noexcept { resumed_at_ = now; }

private:
    [[nodiscard]] static bool has_pings(const limits& given) noexcept {
        return given.ping_interval > std::chrono::milliseconds{0};
    }
    [[nodiscard]] static bool has_idle_limit(const limits& given) noexcept {
        return given.idle_timeout > std::chrono::milliseconds{0};
    }
    /// Whether what the peer takes is measured from halfway through the idle time on. Where there
    /// are pings, it is measured from one to the next.
    [[nodiscard]] static bool looks_halfway(const limits& given) noexcept {
        return has_idle_limit(given) && !has_pings(given);
    }
    [[nodiscard]] runtime::steady_time last_active(const traffic& seen) const noexcept;
    [[nodiscard]] bool is_idle(const limits& given, const traffic& seen,
                               runtime::steady_time now) const noexcept;
    [[nodiscard]] bool is_ping_due(const limits& given, const traffic& seen,
                                   runtime::steady_time now) const noexcept;
    [[nodiscard]] runtime::steady_time ping_due(const limits& given,
                                                const traffic& seen) const noexcept;
    [[nodiscard]] bool has_taken_enough(const limits& given, runtime::steady_time now,
                                        const transport::peer_progress& made) noexcept;

    runtime::steady_time last_ping_{};
    // When reading was resumed, or the peer has shown that it is alive by taking what it was sent.
    runtime::steady_time resumed_at_{};
    // No more of them are told apart than fit.
    std::uint16_t missed_pings_ = 0;
    // Whether, at the last ping or sign of life, the peer had not taken everything.
    bool was_behind_ = false;
};

}  // namespace network_system::session
