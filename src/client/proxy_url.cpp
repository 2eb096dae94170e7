// The proxy of a URL. No error repeats what is in it: in a URL that is wrong, any part may be a
// part of the password.
#include "utils/ascii.h"
#include "utils/failure.h"
#include "utils/host.h"
#include "utils/url_parts.h"

#include <network_system/core/proxy_options.h>

#include <array>
#include <optional>
#include <utility>

namespace network_system::inline v0_1::core {
namespace {

struct proxy_scheme {
    std::string_view name;
    proxy_kind kind;
    std::uint16_t port;
};
constexpr std::array<proxy_scheme, 3> proxy_schemes{{
    {"http", proxy_kind::http_connect, 80},
    {"https", proxy_kind::https_connect, 443},
    {"socks5h", proxy_kind::socks5h, 1080},
}};

constexpr unsigned digit_of(char each) noexcept {
    return detail::is_digit(each) ? static_cast<unsigned>(each - '0')
                                  : static_cast<unsigned>(detail::to_lower(each) - 'a') + 10;
}

/// RFC 3986 section 2.1. Nothing when there is a '%' without two digits.
std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        if (text.size() - i < 3 || !detail::is_hexadecimal(text[i + 1]) ||
            !detail::is_hexadecimal(text[i + 2])) {
            return std::nullopt;
        }
        decoded += static_cast<char>(digit_of(text[i + 1]) * 16 + digit_of(text[i + 2]));
        i += 2;
    }
    return decoded;
}

/// A parser of one text; the first thing that is wrong is its result.
class proxy_url_parser {
public:
    explicit proxy_url_parser(std::string_view text) : text_(text) {}

    [[nodiscard]] Result<proxy_options> parse() {
        const auto parts = detail::split_url(text_);
        take_scheme(parts.scheme);
        refuse_rest(parts.rest);
        const auto authority = detail::split_authority(parts.authority);
        if (authority.user) {
            take_user(*authority.user);
        }
        take_host(authority);
        if (wrong_ != nullptr) {
            return detail::failure_in_words(errc::invalid_argument, wrong_, "proxy");
        }
        return std::move(parsed_);
    }

private:
    void must(bool holds, const char* wrong) noexcept {
        if (!holds && wrong_ == nullptr) {
            wrong_ = wrong;
        }
    }

    void take_scheme(std::string_view name) {
        for (const proxy_scheme& each : proxy_schemes) {
            if (detail::equals_ignoring_case(name, each.name)) {
                parsed_.kind = each.kind;
                parsed_.port = each.port;
            }
        }
        must(!detail::equals_ignoring_case(name, "socks5"),
             "socks5:// resolves names before the proxy is asked; write socks5h:// for the proxy "
             "to resolve them");
        must(parsed_.kind != proxy_kind::none,
             "the URL of a proxy begins with http://, https:// or socks5h://");
    }

    void refuse_rest(std::string_view rest) {
        must(rest.find('@') == std::string_view::npos,
             "in the user or the password of the URL, '/', '?' and '#' have to be percent-encoded");
        must(rest.empty() || rest == "/", "the URL of a proxy has no path, query or fragment");
    }

    void take_user(std::string_view info) {
        const auto colon = info.find(':');
        const bool has_password = colon != std::string_view::npos;
        auto user = percent_decoded(info.substr(0, colon));
        auto password = percent_decoded(has_password ? info.substr(colon + 1) : "");
        must(user && password, "in the user or the password of the URL, '%' is not followed by two "
                               "hexadecimal digits; it stands for itself as %25");
        must(!info.empty() && colon != 0, "the URL has a password, but no user");
        parsed_.user = std::move(user).value_or("");
        parsed_.password = std::move(password).value_or("");
    }

    void take_host(const detail::url_authority& from) {
        const auto host = detail::host::parse(from.host);
        const bool is_bracketed = from.host.starts_with('[');
        must(host && !host.value().is_path() &&
                 is_bracketed == (host.value().address().kind() == endpoint::family::ipv6) &&
                 (from.behind_host.empty() || from.behind_host.starts_with(':')),
             "the host of the URL is neither a name nor an address, of which IPv6 stands in "
             "brackets");
        parsed_.host = host ? host.value().text() : std::string();
        // "host:" has the default port (RFC 3986 section 3.2.3).
        if (from.behind_host.size() > 1) {
            const auto port = detail::port_in(from.behind_host.substr(1));
            must(port.has_value(), "the port of the URL is not a number of 1 to 65535");
            parsed_.port = port.value_or(0);
        }
    }

    std::string_view text_;
    const char* wrong_ = nullptr;
    proxy_options parsed_;
};

}  // namespace

Result<proxy_options> parse_proxy(std::string_view url) {
    return detail::within_memory([&] { return proxy_url_parser(url).parse(); });
}

}  // namespace network_system::core
