#pragma once

#include <cstdint>
#include <span>

namespace network_system::inline v0_1::detail {

/// Numbers that follow from a seed (splitmix64): the same for the same seed, on every machine.
/// Whoever sees one of them can tell the next ones.
class random_sequence {
public:
    explicit random_sequence(std::uint64_t seed) noexcept : state_(seed) {}

    /// Uniform over all 64-bit numbers.
    std::uint64_t next() noexcept {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
        z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31U);
    }

private:
    std::uint64_t state_;
};

/// Fills with random bytes of the operating system that nobody can foresee. One system call; where
/// there is no such source the process ends, since nothing could be kept secret then.
void fill_random(std::span<std::uint8_t> bytes) noexcept;

}  // namespace network_system::detail
