#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::testing::detail {

/// What can happen in a simulation.
enum class event : std::uint8_t {
    batch_of_tasks,
    batch_of_deadlines,
    batch_of_sockets,
    thread_stalled,
    pool_task,
    listening,
    connecting,
    connected,
    connect_refused,
    connect_lost,
    accepted,
    accept_failed,
    resolving,
    resolve_failed,
    wrote,
    write_full,
    arrived,
    end_arrived,
    reset_arrived,
    read,
    read_nothing,
    shut_down,
    closed,
    stalled,
    held_up,
    partitioned,
    crashed,
    note,
};

/// The latest events, and a number made of all of them.
///
/// Thread-safety: none.
class event_trace {
public:
    explicit event_trace(std::size_t length) : length_(length) {}

    /// `who` is a socket or a loop, `value` a size or whatever else tells events of a kind apart.
    void add(std::chrono::nanoseconds when, event what, std::uint64_t who, std::uint64_t value) {
        mix(static_cast<std::uint64_t>(when.count()));
        mix((std::uint64_t{static_cast<std::uint8_t>(what)} << 56U) ^ (who << 40U) ^ value);
        keep({when, what, who, value, {}});
    }
    void add_note(std::chrono::nanoseconds when, std::string_view text);

    [[nodiscard]] std::uint64_t fingerprint() const noexcept { return fingerprint_; }
    [[nodiscard]] std::string text() const;

private:
    struct record {
        std::chrono::nanoseconds when;
        event what;
        std::uint64_t who;
        std::uint64_t value;
        std::string text;
    };

    void mix(std::uint64_t value) noexcept {
        fingerprint_ = (fingerprint_ ^ value) * 0x9E3779B97F4A7C15U;
        fingerprint_ ^= fingerprint_ >> 29U;
    }
    void keep(record&& one);

    const std::size_t length_;
    std::uint64_t fingerprint_ = 0xCBF29CE484222325U;
    std::size_t next_ = 0;
    // A ring once it is full.
    std::vector<record> latest_;
};

}  // namespace network_system::testing::detail
