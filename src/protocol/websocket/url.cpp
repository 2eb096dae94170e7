#include "protocol/websocket/url.h"

#include "protocol/http1/text.h"
#include "utils/failure.h"
#include "utils/url_parts.h"

#include <network_system/internal/websocket_handshake.h>

#include <utility>

namespace network_system::inline v0_1::websocket {
namespace {

constexpr std::uint16_t plain_port = 80;
constexpr std::uint16_t secure_port = 443;
constexpr auto npos = std::string_view::npos;

/// A parser of one text; the first thing that is wrong is its result.
class parser {
public:
    parser(std::string_view text, std::string_view source) : text_(text), source_(source) {}

    [[nodiscard]] Result<url> parse() {
        const auto parts = detail::split_url(text_);
        take_scheme(parts.scheme);
        take_authority(detail::split_authority(parts.authority));
        take_target(parts.rest);
        if (wrong_ != nullptr) {
            return detail::failure(errc::invalid_argument, wrong_, source_);
        }
        return std::move(parsed_);
    }

private:
    void must(bool holds, const char* wrong) noexcept {
        if (!holds && wrong_ == nullptr) {
            wrong_ = wrong;
        }
    }

    void take_scheme(std::string_view scheme) {
        parsed_.is_secure = protocol::equals_ignoring_case(scheme, "wss");
        must(parsed_.is_secure || protocol::equals_ignoring_case(scheme, "ws"),
             "a WebSocket URL begins with ws:// or wss://");
    }

    void take_authority(const detail::url_authority& from) {
        must(!from.user, "a WebSocket URL has no user information: send an Authorization header");
        const auto host = host_of(from);
        must(!host.empty(), "the URL names no host");
        parsed_.host = decoded_zone(host);
        parsed_.port = parsed_.is_secure ? secure_port : plain_port;
        // "host:" has the default port (RFC 3986 section 3.2.3).
        if (from.behind_host.size() > 1) {
            const auto port = detail::port_in(from.behind_host.substr(1));
            must(port.has_value(), "the port of the URL is not a number of 1 to 65535");
            parsed_.port = port.value_or(0);
        }
    }

    /// Without brackets.
    [[nodiscard]] std::string_view host_of(const detail::url_authority& from) {
        std::string_view host = from.host;
        const bool is_bracketed = host.starts_with('[');
        if (is_bracketed) {
            must(host.ends_with(']'), "the bracket around the IPv6 address is not closed");
            host.remove_prefix(1);
            host.remove_suffix(host.ends_with(']') ? 1 : 0);
        }
        must(from.behind_host.empty() || from.behind_host.front() == ':',
             "behind the bracket of an IPv6 address comes a colon and the port");
        must(from.behind_host.empty() || from.behind_host.find(':', 1) == npos,
             "an IPv6 address in a URL is in brackets");
        must(is_bracketed ? host.find(':') != npos : host.find('%') == npos,
             is_bracketed ? "what is in brackets is no IPv6 address"
                          : "the host of a URL is not percent-encoded");
        return host;
    }

    /// RFC 6874: the zone of an address stands behind "%25".
    [[nodiscard]] std::string decoded_zone(std::string_view host) {
        const auto zone = host.find('%');
        if (zone == npos) {
            return std::string(host);
        }
        constexpr std::string_view separator = "%25";
        must(host.substr(zone).starts_with(separator),
             "the zone of an IPv6 address follows \"%25\"");
        std::string decoded(host.substr(0, zone));
        decoded += '%';
        decoded += host.size() > zone + separator.size() ? host.substr(zone + separator.size())
                                                         : std::string_view();
        return decoded;
    }

    void take_target(std::string_view rest) {
        must(rest.find('#') == npos, "a WebSocket URL has no fragment (#)");
        parsed_.target = rest.starts_with('/') ? "" : "/";
        parsed_.target += rest;
        must(protocol::is_target(parsed_.target) || rest.find('#') != npos,
             "the path and the query of a URL are visible ASCII: percent-encode the rest");
    }

    std::string_view text_;
    std::string_view source_;
    const char* wrong_ = nullptr;
    url parsed_{};
};

}  // namespace

Result<url> parse_url(std::string_view text, std::string_view source) {
    return parser(text, source).parse();
}

std::string to_string(const url& of) {
    return (of.is_secure ? "wss://" : "ws://") + host_header(of.host, of.port, of.is_secure) +
           of.target;
}

bool is_same_origin(const url& one, const url& other) noexcept {
    return one.is_secure == other.is_secure && one.port == other.port &&
           protocol::equals_ignoring_case(one.host, other.host);
}

}  // namespace network_system::websocket
