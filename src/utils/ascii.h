#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

/// Characters and texts of ASCII, whatever the locale.
namespace network_system::inline v0_1::detail {

[[nodiscard]] constexpr bool is_digit(char each) noexcept {
    return each >= '0' && each <= '9';
}
[[nodiscard]] constexpr bool is_alphanumeric(char each) noexcept {
    return is_digit(each) || (each >= 'A' && each <= 'Z') || (each >= 'a' && each <= 'z');
}
[[nodiscard]] constexpr char to_lower(char each) noexcept {
    return each >= 'A' && each <= 'Z' ? static_cast<char>(each + ('a' - 'A')) : each;
}
[[nodiscard]] constexpr bool is_hexadecimal(char each) noexcept {
    return is_digit(each) || (to_lower(each) >= 'a' && to_lower(each) <= 'f');
}
[[nodiscard]] constexpr bool is_ascii(char each) noexcept {
    return static_cast<unsigned char>(each) < 0x80;
}
[[nodiscard]] constexpr bool is_control_character(char each) noexcept {
    return static_cast<unsigned char>(each) < 0x20 || each == 0x7F;
}

[[nodiscard]] constexpr bool equals_ignoring_case(std::string_view one,
                                                  std::string_view other) noexcept {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [](char a, char b) { return to_lower(a) == to_lower(b); });
}

[[nodiscard]] inline std::string lower_case(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(), &to_lower);
    return lower;
}

/// For errors: at most `longest` characters, in hexadecimal what is not printable ASCII.
[[nodiscard]] inline std::string in_quotes(std::string_view text,
                                           std::size_t longest = std::string_view::npos) {
    std::string shown = "'";
    for (const char each : text.substr(0, longest)) {
        if (is_ascii(each) && !is_control_character(each)) {
            shown += each;
        } else {
            shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(each));
        }
    }
    return shown + (text.size() > longest ? "...'" : "'");
}

}  // namespace network_system::detail
