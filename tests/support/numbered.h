#pragma once

#include "support/loopback.h"

#include <algorithm>

namespace loopback {

/// A pattern of at least four bytes, of which the first are the number.
[[nodiscard]] inline bytes numbered_bytes(std::uint32_t number, std::size_t size) {
    bytes data = pattern(std::max<std::size_t>(size, 4), number);
    for (std::size_t i = 0; i < 4; ++i) {
        data[i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
    return data;
}

[[nodiscard]] inline std::uint32_t number_in(std::span<const std::uint8_t> data) {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        number |= std::uint32_t{data[i]} << (8 * i);
    }
    return number;
}

}  // namespace loopback
