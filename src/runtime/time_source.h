#pragma once

#include "utils/deadline.h"

#include <chrono>
#include <cstdint>

namespace network_system::inline v0_1::runtime {

using detail::after;
using detail::steady_time;
using wall_time = std::chrono::system_clock::time_point;

/// The one place time and randomness come from, so that whole servers and clients can run under
/// virtual time with a fixed seed.
class time_source {
public:
    [[nodiscard]] virtual steady_time now() noexcept = 0;
    /// The date, for what says until when it is valid. May be set back. Any thread.
    [[nodiscard]] virtual wall_time wall() noexcept = 0;
    /// Uniform over all values, and such that nobody can foresee it, unless time is virtual. Any
    /// thread.
    [[nodiscard]] virtual std::uint64_t random() noexcept = 0;
    /// The same where 32 bits are enough.
    [[nodiscard]] virtual std::uint32_t random_word() noexcept {
        return static_cast<std::uint32_t>(random());
    }

protected:
    ~time_source() = default;
};

/// The machine's clock, and random numbers of the operating system's.
[[nodiscard]] time_source& system_time_source() noexcept;

}  // namespace network_system::runtime
