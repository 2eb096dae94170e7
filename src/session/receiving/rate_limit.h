#pragma once

#include "runtime/time_source.h"
#include "utils/counter.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace network_system::inline v0_1::session {

/// How fast messages may arrive: the generic cell rate algorithm (ITU-T I.371), one point in time.
/// A second's worth may come at once.
///
/// Thread-safety: none; used on the loop's executor. Only `times_exceeded` may be read by any
/// thread.
class rate_limit {
public:
    explicit rate_limit(std::uint32_t messages_per_second)
        : interval_(std::chrono::nanoseconds(std::chrono::seconds{1}) / messages_per_second) {}

    /// `count` messages have arrived. When it was too many: until when no more are to be read.
    [[nodiscard]] std::optional<runtime::steady_time> arrived(std::uint64_t count,
                                                              runtime::steady_time now) {
        due_ = std::max(due_, now) + interval_ * static_cast<std::int64_t>(count);
        if (due_ - now <= burst) {
            return std::nullopt;
        }
        exceeded_.add();
        resume_at_ = due_ - burst;
        return resume_at_;
    }

    [[nodiscard]] runtime::steady_time resume_at() const noexcept { return resume_at_; }
    [[nodiscard]] std::uint64_t times_exceeded() const noexcept { return exceeded_; }

private:
    static constexpr std::chrono::seconds burst{1};

    const std::chrono::nanoseconds interval_;
    // When the messages so far would have arrived at the permitted rate.
    runtime::steady_time due_{};
    runtime::steady_time resume_at_{};
    detail::counter exceeded_;
};

}  // namespace network_system::session
