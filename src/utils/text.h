#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace network_system::inline v0_1::core {

[[nodiscard]] inline std::span<const std::uint8_t> bytes_of(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace network_system::core
