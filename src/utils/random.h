#pragma once

#include <cstdint>
#include <span>

namespace network_system::detail {

/// Fills with random bytes of the operating system that nobody can foresee. One system call; where
/// there is no such source the process ends, since nothing could be kept secret then.
void fill_random(std::span<std::uint8_t> bytes) noexcept;

}  // namespace network_system::detail
