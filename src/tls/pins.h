#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::core {

/// A pin as 64 lower-case hexadecimal digits; nothing when it is none.
[[nodiscard]] std::optional<std::string> parse_pin(std::string_view text);

}  // namespace network_system::core
