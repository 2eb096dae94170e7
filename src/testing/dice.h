#pragma once

#include "utils/random.h"

#include <network_system/testing/simulation.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace network_system::inline v0_1::testing::detail {

/// All that is random in a simulation, from one seed.
class dice {
public:
    explicit dice(std::uint64_t seed) noexcept : sequence_(seed) {}

    std::uint64_t next() noexcept { return sequence_.next(); }
    /// 0 to `bound` - 1; 0 when it is 0. The bias is that of a remainder: immaterial here.
    std::uint64_t below(std::uint64_t bound) noexcept { return bound == 0 ? 0 : next() % bound; }
    bool chance(double probability) noexcept {
        return probability > 0 && static_cast<double>(next() >> 11U) * 0x1p-53 < probability;
    }
    std::chrono::nanoseconds in(const duration_range& range) noexcept {
        using std::chrono::nanoseconds;
        const auto least = in_range(range.least);
        const auto width = std::max(in_range(range.most), least) - least;
        return least +
               nanoseconds(static_cast<std::int64_t>(
                   width.count() == 0 ? 0 : below(static_cast<std::uint64_t>(width.count()) + 1)));
    }
    std::size_t in(const size_range& range) noexcept {
        const std::size_t least = std::max<std::size_t>(range.least, 1);
        const std::size_t most = std::max(range.most, least);
        const auto low = static_cast<unsigned>(std::bit_width(least));
        const auto high = static_cast<unsigned>(std::bit_width(most));
        const auto width = low + static_cast<unsigned>(below(high - low + 1));
        const std::size_t from = std::max(least, std::size_t{1} << (width - 1));
        const std::size_t to = std::min(most, from | ((std::size_t{1} << (width - 1)) - 1));
        return from + static_cast<std::size_t>(below(to - from + 1));
    }

private:
    /// Nanoseconds do not hold all microseconds.
    static std::chrono::nanoseconds in_range(std::chrono::microseconds time) noexcept {
        using std::chrono::microseconds;
        constexpr auto most = std::chrono::floor<microseconds>(std::chrono::nanoseconds::max());
        return std::clamp(time, microseconds{0}, most);
    }

    network_system::detail::random_sequence sequence_;
};

}  // namespace network_system::testing::detail
