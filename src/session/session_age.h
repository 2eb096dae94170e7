#pragma once

#include "utils/deadline.h"

#include <chrono>
#include <cstdint>
#include <ratio>

namespace network_system::inline v0_1::session {

/// How long a connection has been there, for the log. Small, because there is one in each: tenths
/// of a second, which come round after thirteen years.
class session_age {
public:
    void begin(detail::steady_time now) noexcept { began_ = mark(now); }
    [[nodiscard]] double seconds(detail::steady_time now) const noexcept {
        constexpr double in_a_second = 10;
        return static_cast<double>(mark(now) - began_) / in_a_second;
    }

private:
    [[nodiscard]] static std::uint32_t mark(detail::steady_time now) noexcept {
        using tenths = std::chrono::duration<std::int64_t, std::deci>;
        return static_cast<std::uint32_t>(
            std::chrono::floor<tenths>(now.time_since_epoch()).count());
    }

    std::uint32_t began_ = 0;
};

}  // namespace network_system::session
