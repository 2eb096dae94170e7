#pragma once

#include "utils/ascii.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

/// The alphabets of HTTP (RFC 9110 section 5.6), whatever the locale.
namespace network_system::inline v0_1::protocol {

using detail::equals_ignoring_case;
using detail::is_alphanumeric;
using detail::is_control_character;
using detail::is_digit;
using detail::to_lower;

[[nodiscard]] constexpr bool is_blank(char each) noexcept {
    return each == ' ' || each == '\t';
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
