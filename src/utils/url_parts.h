#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

/// The parts of URLs (RFC 3986 section 3) as they stand there: nothing is decoded, and whether they
/// are right is for whoever knows what the URL is for.
namespace network_system::inline v0_1::detail {

struct url_parts {
    /// Empty when there is no "://".
    std::string_view scheme;
    std::string_view authority;
    /// The path, the query and the fragment.
    std::string_view rest;
};
[[nodiscard]] url_parts split_url(std::string_view text) noexcept;

/// "[user@]host[:port]"
struct url_authority {
    /// All before the last '@'; nothing when there is none.
    std::optional<std::string_view> user;
    /// With the brackets of an IPv6 address. One that is not closed goes to the end.
    std::string_view host;
    /// Empty, or a colon and the port; something else only behind brackets.
    std::string_view behind_host;
};
[[nodiscard]] url_authority split_authority(std::string_view text) noexcept;

/// Nothing when it is not a number of 1 to 65535.
[[nodiscard]] std::optional<std::uint16_t> port_in(std::string_view digits) noexcept;

}  // namespace network_system::detail
