#pragma once

#include "utils/deadline.h"

#include <network_system/utils/log.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace network_system::inline v0_1::detail {

/// What a peer can cause to be logged, at `info` or above.
enum class log_kind : std::uint8_t {
    failed_session,
    violation,
    reported_error,
    proxy_header,
    full,
    socket_option,
    accept_error,
    thrown,
    unusable_answer,
    callback_pool,
    memory,
    connecting,
    not_connected,
    connected,
    disconnected,
    reconnecting,
};
inline constexpr std::size_t log_kinds = 16;

/// At which level lines of the kind are written.
[[nodiscard]] log_level level_of(log_kind kind) noexcept;
/// In the plural.
[[nodiscard]] std::string_view name_of(log_kind kind) noexcept;

/// Lets a few lines through in each second of the clock, and counts the rest.
///
/// Pure: time is the caller's.
///
/// Thread-safety: any thread, without a lock. Nothing is lost or counted twice.
class log_limit {
public:
    static constexpr std::uint32_t most_per_second = 10;

    struct verdict {
        bool may_pass = false;
        /// How many were held back, to be told now, and in how many seconds.
        std::uint32_t held_back = 0;
        std::uint32_t seconds = 0;
    };

    /// One line more.
    [[nodiscard]] verdict ask(steady_time now) noexcept;
    /// What was held back and not told yet.
    [[nodiscard]] verdict settle(steady_time now) noexcept;

private:
    // The second in which counting began, in the upper half, and how many lines since then.
    std::atomic<std::uint64_t> state_{0};
};

/// One limit for each kind: of a server or client, or of what belongs to none.
class log_limits {
public:
    [[nodiscard]] log_limit& of(log_kind kind) noexcept {
        return limits_[static_cast<std::size_t>(kind)];
    }

private:
    std::array<log_limit, log_kinds> limits_;
};

}  // namespace network_system::detail
