#pragma once

#include "utils/option_checks.h"

#include <network_system/resilience/connection_options.h>
#include <network_system/resilience/health_monitor.h>

#include <array>
#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace network_system::inline v0_1::resilience {

/// Whether connections that are made so can be watched so, if they are to be: their `health`.
void check_health(detail::option_checks& checks, const std::optional<health_options>& health,
                  const connection_options& connection);

/// Round-trip times, in bounded memory.
///
/// Thread-safety: none.
class round_trips {
public:
    static constexpr std::size_t kept = 128;

    void add(std::chrono::microseconds taken) noexcept;
    void describe(health_report& into) const;

private:
    using microseconds = std::chrono::microseconds;

    // The last ones, in a ring.
    std::array<microseconds, kept> last_{};
    std::size_t count_ = 0;
    std::size_t next_ = 0;
    microseconds smoothed_{0};
    microseconds variation_{0};
    microseconds least_{0};
    microseconds most_{0};
};

/// Decides when a session is probed, and what its answers and their absence say about it. Reads no
/// clock and sends nothing: whoever owns it tells it what has happened, and does what it answers.
/// Times count from `begin`.
///
/// From `base`, a moment at which the peer was certainly there, moments follow at which something
/// is done unless it has given a sign of life in between:
///
///     base ──period──> probe ──patience──> probe (1 missed) ──patience──> … ──> dead (all missed)
///
/// Thread-safety: none.
class health_state {
public:
    using duration = std::chrono::nanoseconds;

    /// What the session has seen of its peer so far.
    struct traffic {
        std::uint64_t received = 0;
        /// Bytes the peer has taken; grows, whatever its beginning.
        std::int64_t taken = 0;
        /// Whether there is more for it to take.
        bool is_behind = false;
        /// Nothing is read, so that nothing can be seen.
        bool is_paused = false;
    };
    enum class action : std::uint8_t { none, probe, give_up };
    struct waiting_probe {
        std::uint64_t name;
        duration sent;
        /// It is counted as missed already.
        bool is_settled;
    };

    /// Nothing when the options are in range, else what is wrong.
    [[nodiscard]] static const char* check(const health_options& options) noexcept;
    /// The options are in range.
    explicit health_state(const health_options& options) noexcept;

    /// A new session, at time 0. What was measured before stays.
    void begin(const traffic& seen);
    /// What there is to compare the next look with, if more is known than at `begin`.
    void set_traffic(const traffic& seen) noexcept { last_ = seen; }
    /// The session is not watched any more. The probes that nobody waits for now.
    std::vector<waiting_probe> end() noexcept;

    /// When to call `on_deadline` next; while it is watched and not dead.
    [[nodiscard]] duration next_deadline() const noexcept;
    /// `probe`: `on_probe` has to follow. `give_up`: it is dead.
    [[nodiscard]] action on_deadline(duration now, const traffic& seen);
    /// A probe of this name is sent. The name of one that has waited for too long to be waited for
    /// any longer, if there is one.
    std::optional<std::uint64_t> on_probe(std::uint64_t name, duration now);
    /// Of one that is not waited for, nothing happens.
    void on_answer(std::uint64_t name, std::chrono::microseconds taken);
    void on_failed(std::uint64_t name) noexcept;

    [[nodiscard]] health state() const noexcept { return state_; }
    [[nodiscard]] bool is_watching() const noexcept { return is_watching_; }
    void describe(health_report& into) const;

private:
    // More of them wait behind data only, and are forgotten.
    static constexpr std::size_t most_waiting = 16;
    static constexpr std::size_t kept_outcomes = 128;

    [[nodiscard]] duration moment(unsigned step) const noexcept {
        return base_ + period_ + step * patience_;
    }
    /// The peer was there at that moment: goes on from it, with what comes after the last look.
    void move_base(duration to) noexcept;
    [[nodiscard]] bool has_taken_enough(const traffic& seen) const noexcept;
    [[nodiscard]] action miss() noexcept;
    void settle(bool is_answered) noexcept;

    unsigned max_missed_;
    duration period_;
    duration patience_;

    bool is_watching_ = false;
    health state_ = health::unknown;
    duration base_{0};
    // The next moment is this one's.
    unsigned step_ = 0;
    unsigned missed_ = 0;
    duration last_look_{0};
    traffic last_;
    std::vector<waiting_probe> waiting_;

    round_trips trips_;
    std::uint64_t sent_ = 0;
    std::uint64_t answered_ = 0;
    std::uint64_t missed_total_ = 0;
    // Whether it was missed, of the last ones, in a ring.
    std::bitset<kept_outcomes> outcomes_;
    std::size_t outcome_count_ = 0;
    std::size_t next_outcome_ = 0;
};

}  // namespace network_system::resilience
