#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace network_system::inline v0_1 {

/// Bytes of somebody else's.
using bytes_view = std::span<const std::uint8_t>;

/// A text as it goes over the wire.
[[nodiscard]] inline bytes_view bytes_of(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace network_system
