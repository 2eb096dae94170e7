#include "protocol/websocket/redirect.h"

#include "protocol/http1/text.h"
#include "utils/failure.h"
#include "utils/host.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace network_system::inline v0_1::websocket {
namespace {

using protocol::equals_ignoring_case;

/// A URI reference (RFC 3986 section 4.1) without its fragment.
struct reference {
    std::string_view scheme;
    bool has_authority = false;
    std::string_view authority;
    std::string_view path;
    /// With its question mark; empty when there is none.
    std::string_view query;
};

reference split_reference(std::string_view text) noexcept {
    reference parts;
    text = text.substr(0, text.find('#'));
    const auto colon = text.find_first_of(":/?");
    if (colon != std::string_view::npos && text[colon] == ':') {
        parts.scheme = text.substr(0, colon);
        text.remove_prefix(colon + 1);
    }
    if (text.starts_with("//")) {
        parts.has_authority = true;
        text.remove_prefix(2);
        parts.authority = text.substr(0, text.find_first_of("/?"));
        text.remove_prefix(parts.authority.size());
    }
    parts.path = text.substr(0, text.find('?'));
    parts.query = text.substr(parts.path.size());
    return parts;
}

/// RFC 3986 section 5.2.4, of a path that begins with a slash.
std::string without_dot_segments(std::string_view path) {
    std::string clean;
    while (!path.empty()) {
        const auto segment = path.substr(0, path.find('/', 1));
        path.remove_prefix(segment.size());
        if (segment == "/..") {
            clean.resize(clean.empty() ? 0 : clean.rfind('/'));
        } else if (segment != "/.") {
            clean += segment;
            continue;
        }
        if (path.empty()) {
            clean += '/';  // what was left out was a folder
        }
    }
    return clean;
}

/// RFC 3986 section 5.2.2, of a reference without scheme and authority.
std::string resolve_target(std::string_view from, const reference& to) {
    const auto old_path = from.substr(0, from.find('?'));
    if (to.path.empty()) {
        return std::string(to.query.empty() ? from : old_path) + std::string(to.query);
    }
    std::string path;
    if (!to.path.starts_with('/')) {
        path = old_path.substr(0, old_path.rfind('/') + 1);
    }
    path += to.path;
    return without_dot_segments(path) + std::string(to.query);
}

/// "ws" or "wss" for the scheme; empty for one that is not followed.
std::string_view scheme_of(const url& from, const reference& to) noexcept {
    constexpr std::string_view plain = "ws";
    constexpr std::string_view secure = "wss";
    if (to.scheme.empty()) {
        return from.is_secure ? secure : plain;
    }
    if (equals_ignoring_case(to.scheme, secure) || equals_ignoring_case(to.scheme, "https")) {
        return secure;
    }
    const bool is_plain =
        equals_ignoring_case(to.scheme, plain) || equals_ignoring_case(to.scheme, "http");
    return is_plain ? plain : std::string_view();
}

}  // namespace

Result<url> resolve_location(const url& from, std::string_view location, std::string_view source) {
    const auto refuse = [source](std::string text) {
        return detail::failure_in_words(errc::invalid_argument, std::move(text), source);
    };
    const bool is_visible = std::all_of(location.begin(), location.end(),
                                        [](char each) { return each > ' ' && each < '\x7f'; });
    if (location.empty() || !is_visible) {
        return refuse("Location is no URL: it has to be visible ASCII");
    }
    const auto to = split_reference(location);
    const auto scheme = scheme_of(from, to);
    if (scheme.empty() || location.starts_with(':')) {
        return refuse("only ws, wss, http and https are followed");
    }
    if (!to.has_authority) {
        if (!to.scheme.empty()) {
            return refuse("Location names no host");
        }
        url same = from;
        same.target = resolve_target(from.target, to);
        return same;
    }
    if (to.authority.find('@') != std::string_view::npos) {
        return refuse("a Location with a user name is not followed");
    }
    const auto target = without_dot_segments(to.path) + std::string(to.query);
    auto named = parse_url(fmt::format("{}://{}{}", scheme, to.authority, target), source);
    if (!named) {
        return named;
    }
    const auto host = detail::host::parse(named.value().host, source);
    if (!host) {
        return host.error();
    }
    if (host.value().is_path()) {
        return refuse("Location names no host");
    }
    return named;
}

bool is_redirect(unsigned http_status, const http_head& head) {
    constexpr std::array<unsigned, 5> followed{301, 302, 303, 307, 308};
    return std::find(followed.begin(), followed.end(), http_status) != followed.end() &&
           !head.find("Location").value_or("").empty();
}

Result<url> follow_redirect(const url& from, const http_head& head, const redirect_count& count,
                            std::string_view source) {
    const auto refuse = [source](std::string text) {
        return detail::failure_in_words(errc::handshake_rejected, std::move(text), source);
    };
    if (count.most == 0) {
        return refuse("redirects are not followed");
    }
    const auto locations = head.find_all("Location");
    if (locations.size() != 1) {
        return refuse("not exactly one Location");
    }
    auto to = resolve_location(from, locations.front(), source);
    if (!to) {
        return refuse(to.error().message);
    }
    if (from.is_secure && !to.value().is_secure) {
        return refuse("redirects from wss to ws are not followed");
    }
    if (count.followed >= count.most) {
        return refuse(fmt::format("no more than {} are followed (max_redirects)", count.most));
    }
    return to;
}

std::string describe(const url& of) {
    url shown = of;
    const auto query = shown.target.find('?');
    if (query != std::string::npos) {
        shown.target.resize(query);
        shown.target += "?...";
    }
    return to_string(shown);
}

}  // namespace network_system::websocket
