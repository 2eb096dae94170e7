#pragma once

#include <chrono>
#include <cstdint>

namespace network_system::inline v0_1::runtime {

struct backoff_settings {
    /// The ceiling of the first pause. At least 1 ms.
    std::chrono::milliseconds initial;
    /// The ceiling of every pause. At least `initial`.
    std::chrono::milliseconds cap;
    /// What the ceiling is multiplied with after each pause. At least 1.
    double factor = 2.0;
    /// No pause is shorter, so that trying again never becomes spinning. At most `cap`.
    std::chrono::milliseconds floor{0};
};

/// The pauses between attempts that fail: random up to a ceiling that grows exponentially ("full
/// jitter"), so that those who failed together do not come back together.
///
/// Pure: time and randomness are the caller's.
class backoff {
public:
    explicit backoff(const backoff_settings& settings) noexcept
        : settings_(settings), ceiling_(settings.initial) {}

    /// The pause before the next attempt; `random` is uniform over all 64-bit numbers.
    [[nodiscard]] std::chrono::milliseconds next(std::uint64_t random) noexcept;
    /// An attempt has succeeded.
    void reset() noexcept { ceiling_ = settings_.initial; }

private:
    backoff_settings settings_;
    std::chrono::milliseconds ceiling_;
};

}  // namespace network_system::runtime
