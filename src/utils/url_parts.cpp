#include "utils/url_parts.h"

#include <charconv>
#include <system_error>

namespace network_system::inline v0_1::detail {

url_parts split_url(std::string_view text) noexcept {
    constexpr std::string_view separator = "://";
    url_parts parts;
    if (const auto end = text.find(separator); end != std::string_view::npos) {
        parts.scheme = text.substr(0, end);
        text.remove_prefix(end + separator.size());
    }
    parts.authority = text.substr(0, text.find_first_of("/?#"));
    parts.rest = text.substr(parts.authority.size());
    return parts;
}

url_authority split_authority(std::string_view text) noexcept {
    url_authority parts;
    if (const auto at = text.rfind('@'); at != std::string_view::npos) {
        parts.user = text.substr(0, at);
        text.remove_prefix(at + 1);
    }
    const bool is_bracketed = text.starts_with('[');
    const auto end = text.find(is_bracketed ? ']' : ':');
    parts.host = text.substr(0, is_bracketed && end != std::string_view::npos ? end + 1 : end);
    parts.behind_host = text.substr(parts.host.size());
    return parts;
}

std::optional<std::uint16_t> port_in(std::string_view digits) noexcept {
    std::uint16_t port = 0;
    const auto* const end = digits.data() + digits.size();
    const auto [rest, error] = std::from_chars(digits.data(), end, port);
    return error == std::errc() && rest == end && port > 0 ? std::optional(port) : std::nullopt;
}

}  // namespace network_system::detail
