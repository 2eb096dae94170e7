// A log-linear histogram: 64 steps in every power of two, hence an error below 1.6 %. All memory
// is part of the object, so that recording never allocates.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace compare {

class histogram {
public:
    void record(std::uint64_t value) noexcept {
        ++counts_[index_of(value)];
        ++total_;
    }

    void clear() noexcept {
        counts_.fill(0);
        total_ = 0;
    }

    std::uint64_t total() const noexcept { return total_; }

    std::uint64_t quantile(double fraction) const noexcept {
        const double wanted = std::ceil(fraction * static_cast<double>(total_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen > 0 && static_cast<double>(seen) >= wanted) {
                return middle_of(i);
            }
        }
        return 0;
    }

private:
    static constexpr int step_bits = 6;
    static constexpr std::uint64_t steps = 1u << step_bits;

    // Values below 2 * steps have a bucket each; above, a bucket holds 2^shift values.
    static std::size_t index_of(std::uint64_t value) noexcept {
        const int shift =
            value < steps ? 0 : static_cast<int>(std::bit_width(value)) - 1 - step_bits;
        return static_cast<std::size_t>(static_cast<std::uint64_t>(shift) * steps +
                                        (value >> shift));
    }

    static std::uint64_t middle_of(std::size_t index) noexcept {
        if (index < 2 * steps) {
            return index;
        }
        const std::uint64_t shift = index / steps - 1;
        return ((index - shift * steps) << shift) + (std::uint64_t{1} << shift) / 2;
    }

    std::array<std::uint64_t, (64 - step_bits + 1) * steps> counts_{};
    std::uint64_t total_ = 0;
};

}  // namespace compare
