#pragma once

#include <algorithm>
#include <chrono>

namespace network_system::inline v0_1::testing::detail {

using std::chrono::nanoseconds;

/// Where simulated time ends, an hour before the clock that the loops see: never.
inline constexpr nanoseconds forever = nanoseconds::max() - std::chrono::hours{1};

/// A sum that does not go beyond the end of time; the past is now.
[[nodiscard]] constexpr nanoseconds later(nanoseconds now, nanoseconds by) noexcept {
    return by < forever - now ? now + std::max(by, nanoseconds{0}) : forever;
}

}  // namespace network_system::testing::detail
