#include "protocol/websocket/url.h"

#include "protocol/http1/text.h"
#include "utils/failure.h"

#include <network_system/internal/websocket_handshake.h>

#include <charconv>
#include <optional>
#include <system_error>
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
        take_scheme();
        take_authority();
        take_target();
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

    void take_scheme() {
        const auto end = text_.find("://");
        const auto scheme = end == npos ? std::string_view() : text_.substr(0, end);
        parsed_.is_secure = protocol::equals_ignoring_case(scheme, "wss");
        must(parsed_.is_secure || protocol::equals_ignoring_case(scheme, "ws"),
             "a WebSocket URL begins with ws:// or wss://");
        text_.remove_prefix(end == npos ? text_.size() : end + 3);
    }

    void take_authority() {
        const auto end = text_.find_first_of("/?#");
        auto authority = text_.substr(0, end);
        text_.remove_prefix(authority.size());
        must(authority.find('@') == npos,
             "a WebSocket URL has no user information: send an Authorization header");
        const auto host = take_host(authority);
        must(!host.empty(), "the URL names no host");
        parsed_.host = decoded_zone(host);
        parsed_.port = parsed_.is_secure ? secure_port : plain_port;
        // "host:" has the default port (RFC 3986 section 3.2.3).
        if (authority.size() > 1) {
            take_port(authority.substr(1));
        }
    }

    /// Leaves nothing, or a colon and the port.
    [[nodiscard]] std::string_view take_host(std::string_view& authority) {
        const bool is_bracketed = authority.starts_with('[');
        const auto end = is_bracketed ? authority.find(']') : authority.find(':');
        must(!is_bracketed || end != npos, "the bracket around the IPv6 address is not closed");
        const auto host = is_bracketed ? authority.substr(1, end == npos ? npos : end - 1)
                                       : authority.substr(0, end);
        const auto taken = end == npos ? authority.size() : end + (is_bracketed ? 1U : 0U);
        authority.remove_prefix(taken);
        must(authority.empty() || authority.front() == ':',
             "behind the bracket of an IPv6 address comes a colon and the port");
        must(authority.empty() || authority.find(':', 1) == npos,
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

    void take_port(std::string_view digits) {
        unsigned port = 0;
        const auto* const end = digits.data() + digits.size();
        const auto [rest, error] = std::from_chars(digits.data(), end, port);
        must(error == std::errc() && rest == end && port >= 1 && port <= 65535,
             "the port of the URL is not a number of 1 to 65535");
        parsed_.port = static_cast<std::uint16_t>(port);
    }

    void take_target() {
        must(text_.find('#') == npos, "a WebSocket URL has no fragment (#)");
        parsed_.target = text_.starts_with('/') ? "" : "/";
        parsed_.target += text_;
        must(protocol::is_target(parsed_.target) || text_.find('#') != npos,
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
