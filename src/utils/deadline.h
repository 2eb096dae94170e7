#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

namespace network_system::inline v0_1::detail {

using steady_time = std::chrono::steady_clock::time_point;

/// The time point that lies `wait` after `now`: the one way to make a deadline of a duration that a
/// user has given. Beyond the range of the clock it is `steady_time::max()`, which means never: a
/// plain sum would overflow into the past. `wait` is not negative.
[[nodiscard]] constexpr steady_time after(steady_time now,
                                          std::chrono::milliseconds wait) noexcept {
    // Compared in milliseconds, because nanoseconds do not hold all of them.
    const auto left = std::chrono::floor<std::chrono::milliseconds>(steady_time::max() -
                                                                    std::max(now, steady_time{}));
    return wait < left ? now + wait : steady_time::max();
}

/// The largest duration when the sum is beyond it, which means never. Both are not negative.
[[nodiscard]] constexpr std::chrono::milliseconds sum(std::chrono::milliseconds one,
                                                      std::chrono::milliseconds other) noexcept {
    return one < std::chrono::milliseconds::max() - other ? one + other
                                                          : std::chrono::milliseconds::max();
}

/// Waits as `condition.wait_until(lock, deadline, is_over)` does; `steady_time::max()` is no
/// deadline. Standard libraries that convert the deadline to another clock would let it overflow.
template <typename Condition, typename Lock, typename Predicate>
bool wait_until(Condition& condition, Lock& lock, steady_time deadline, Predicate is_over) {
    if (deadline == steady_time::max()) {
        condition.wait(lock, std::move(is_over));
        return true;
    }
    return condition.wait_until(lock, deadline, std::move(is_over));
}
/// The same without a predicate: it may return before anything has happened.
template <typename Condition, typename Lock>
void wait_until(Condition& condition, Lock& lock, steady_time deadline) {
    if (deadline == steady_time::max()) {
        condition.wait(lock);
    } else {
        (void)condition.wait_until(lock, deadline);
    }
}

}  // namespace network_system::detail
