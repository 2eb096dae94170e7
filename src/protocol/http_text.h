#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

/// The alphabets of HTTP (RFC 9110 section 5.6), whatever the locale.
namespace network_system::protocol {

[[nodiscard]] constexpr bool is_digit(char each) noexcept {
    return each >= '0' && each <= '9';
}
[[nodiscard]] constexpr bool is_alphanumeric(char each) noexcept {
    return is_digit(each) || (each >= 'A' && each <= 'Z') || (each >= 'a' && each <= 'z');
}
[[nodiscard]] constexpr char to_lower(char each) noexcept {
    return each >= 'A' && each <= 'Z' ? static_cast<char>(each + ('a' - 'A')) : each;
}
[[nodiscard]] constexpr bool is_blank(char each) noexcept {
    return each == ' ' || each == '\t';
}
[[nodiscard]] constexpr bool is_control_character(char each) noexcept {
    return static_cast<unsigned char>(each) < 0x20 || each == 0x7F;
}

[[nodiscard]] constexpr bool consists_of(std::string_view text, bool (*accepts)(char)) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), accepts);
}

[[nodiscard]] constexpr bool is_token(std::string_view text) noexcept {
    return consists_of(text, [](char each) {
        return is_alphanumeric(each) ||
               std::string_view("!#$%&'*+-.^_`|~").find(each) != std::string_view::npos;
    });
}
/// What may stand behind the colon of a header field; it may be empty.
[[nodiscard]] constexpr bool is_field_value(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(),
                       [](char each) { return each == '\t' || !is_control_character(each); });
}
/// A request target without a fragment. Browsers send characters that URIs have to encode: what can
/// do no harm passes.
[[nodiscard]] constexpr bool is_target(std::string_view text) noexcept {
    return consists_of(text, [](char each) { return each > ' ' && each < 0x7F && each != '#'; });
}
/// A host with or without a port, and without user information.
[[nodiscard]] constexpr bool is_authority(std::string_view text) noexcept {
    return consists_of(text, [](char each) {
        return is_alphanumeric(each) ||
               std::string_view("-._~%!$&'()*+,;=:[]").find(each) != std::string_view::npos;
    });
}

[[nodiscard]] constexpr bool equals_ignoring_case(std::string_view one,
                                                  std::string_view other) noexcept {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [](char a, char b) { return to_lower(a) == to_lower(b); });
}
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}
/// Takes what stands before `separator`, and the separator; all when there is none.
[[nodiscard]] constexpr std::string_view take_until(std::string_view& text,
                                                    char separator) noexcept {
    const std::size_t at = text.find(separator);
    const std::string_view part = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return part;
}

}  // namespace network_system::protocol
