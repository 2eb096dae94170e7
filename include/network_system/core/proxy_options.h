#pragma once

#include <network_system/core/tls_config.h>
#include <network_system/export.h>
#include <network_system/internal/http_head.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/strict_bool.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::core {

/// What a client's connections go through.
enum class proxy_kind : std::uint8_t {
    /// Nothing: straight to the target (default).
    none,
    /// What `proxy_from_environment` answers for the target, asked at each start.
    from_environment,
    /// CONNECT of HTTP/1.1 (RFC 9110 section 9.3.6).
    http_connect,
    /// The same inside TLS: the proxy is spoken to in secret, and its certificate is verified
    /// against `proxy_options::host`.
    https_connect,
    /// SOCKS 5 (RFC 1928); names are resolved by the proxy.
    socks5h,
};

/// A proxy that opens a tunnel to the target of a client. What the client then speaks, TLS to the
/// target included, is end to end: the target's certificate is verified against the target.
///
/// The connection's `remote_endpoint` is the proxy. See docs/PROXIES.md.
struct proxy_options {
    /// With `none` and `from_environment` everything else has to be left out: `invalid_argument`.
    proxy_kind kind = proxy_kind::none;
    /// A name or a numeric address. It is resolved here.
    std::string host = {};
    /// In host byte order. 0 = 80 for HTTP, 443 for HTTPS, 1080 for SOCKS (default).
    std::uint16_t port = 0;

    /// Who asks: Basic authentication for HTTP (RFC 7617; the user without ':', both without
    /// control characters), user name and password for SOCKS (RFC 1929; 1 to 255 bytes each). Empty
    /// = nobody (default). Neither is ever in a log or in an error.
    std::string user = {};
    std::string password = {};

    /// HTTP and HTTPS: further fields of the CONNECT request, in this order. Those that the request
    /// sets itself (Host, Connection, Content-Length, …) are refused with `invalid_argument`, and
    /// so are Proxy-Authorization together with a `user`, and what would not be one field. Their
    /// values are never in a log or in an error.
    std::vector<websocket::header_field> headers = {};

    /// HTTPS: whom to trust, what to verify. Null = what the system trusts, and the name of the
    /// proxy (default).
    std::shared_ptr<const tls_config> tls = {};
};

/// The proxy of a URL: "http://host:3128", "https://user:password@host", "socks5h://[::1]:1080".
/// User and password are percent-decoded; no path, query or fragment may follow. Without a port it
/// is 80, 443 or 1080.
///
/// Error: `invalid_argument`, which repeats nothing of the URL but its scheme. "socks5://" is
/// refused: elsewhere it means that the client resolves the name, which goes past the proxy.
[[nodiscard]] NETWORK_SYSTEM_EXPORT Result<proxy_options> parse_proxy(std::string_view url);

/// The proxy that this process's environment names for a target; `proxy_kind::none` when it names
/// none. `host` is a name or a numeric address, `port` in host byte order, and `is_secure` says
/// whether TLS is spoken to the target.
///
/// For TLS HTTPS_PROXY counts, then ALL_PROXY; otherwise ALL_PROXY only. HTTP_PROXY never does: a
/// CGI program has it from its client's Proxy header. NO_PROXY lists the targets that are connected
/// to directly, between commas: "*", names with their subdomains, addresses, networks
/// ("10.0.0.0/8"), each also with a port ("example.org:443", "[::1]:80"). Variables may be written
/// in small letters, which win; empty ones are none.
///
/// Error: `invalid_argument`, which names the variable that is wrong, not what is in it.
///
/// Thread-safety: any thread, as long as no other one changes the environment (setenv).
[[nodiscard]] NETWORK_SYSTEM_EXPORT Result<proxy_options> proxy_from_environment(
    std::string_view host, std::uint16_t port, strict_bool is_secure);

}  // namespace network_system::core
