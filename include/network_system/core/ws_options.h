#pragma once

#include <network_system/core/options.h>
#include <network_system/core/tls_config.h>
#include <network_system/export.h>
#include <network_system/internal/websocket_handshake.h>
#include <network_system/session/connection_limits.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace network_system::inline v0_1::core {

/// What both ends of a WebSocket connection have. It has other defaults than `session_config`: 10
/// MiB for `max_message_size`, 10 s for `pong_timeout`, which is at least 1 ms here, and no
/// `idle_timeout`.
struct ws_connection_config : stream_options, connection_limits {
    ws_connection_config() {
        max_message_size = std::size_t{10} * 1024 * 1024;
        pong_timeout = std::chrono::seconds{10};
        idle_timeout = std::chrono::milliseconds{0};
    }

    /// The largest head of the opening handshake that is accepted of the peer, from its first byte
    /// to the empty line. A server refuses a longer one with 431. 256 … 65,535 bytes. Default 16
    /// KiB.
    std::size_t max_header_size = std::size_t{16} * 1024;
    /// Its header fields; more are refused with 431. 8 … 10,000. Default 100.
    std::size_t max_headers = 100;

    /// Answers the peer's pings. Off: the ping callback gets each, and it is for the application to
    /// answer with `send_pong`.
    bool auto_pong = true;

    /// Whether `ws_connection::request` has something to say once the connection is open. Costs the
    /// memory of the request's head. Default true.
    bool keep_request = true;

    /// wss: WebSocket over TLS. A server needs an identity; a client verifies the server's
    /// certificate unless told otherwise (see tls_config). Without `application_protocols` it
    /// offers or takes "http/1.1". Empty = ws, plain TCP (default). `start_server` and
    /// `start_client` fail with `not_supported` when the build has no TLS.
    std::optional<tls_config> tls = {};
};

struct ws_server_config : ws_connection_config, listen_options {
    ws_server_config() { max_connections = 1'000; }

    /// In host byte order; 0 lets the system pick one: see `local_port`. 0 for a Unix domain
    /// socket. Default 0.
    std::uint16_t port = 0;

    /// The path that is served, without a query: a handshake for another one is refused with 404.
    /// Begins with '/'. Empty = every path. Default "/".
    std::string path = "/";
    /// Further paths that are served. Not used while `path` is empty.
    std::vector<std::string> more_paths = {};
    /// Subprotocols that are spoken here (RFC 6455 section 1.9), each a token. Of those that a
    /// client offers, the first one found here is chosen; none when there is none. A handshake
    /// callback may choose another one. Empty = none (default).
    std::vector<std::string> subprotocols = {};

    /// A connection whose request is not complete by then is answered with 408 and closed; with
    /// TLS, whose handshake is part of the time, without an answer before that is done. At least 1
    /// ms. Default 10 s.
    std::chrono::milliseconds handshake_timeout{10'000};
};

/// What a WebSocket client knows more about the end of its connection than reconnect_options.
///
/// It makes no new one also: after the server closed with 1000 (normal closure), and after an
/// answer to the handshake that would be the same again, unless `after_rejection`: 2xx, 3xx and
/// 4xx. 408, 425, 429 and 5xx are temporary.
struct ws_reconnect_config : reconnect_options {
    /// After the server closed with 1012 (service restart) the first pause is random between these:
    /// its clients come back neither at once nor together. `restart_delay_least` at most
    /// `restart_delay_most`. Defaults 5 s and 30 s, the values registered with IANA.
    std::chrono::milliseconds restart_delay_least{5'000};
    std::chrono::milliseconds restart_delay_most{30'000};
    /// After the server closed with 1013 (try again later), or answered 429 or 503 without a
    /// Retry-After, no pause is shorter than this; up to as much is added at random. Default 60 s.
    std::chrono::milliseconds try_again_delay{60'000};
    /// A server that says Retry-After (RFC 9110 section 10.2.3) is not asked before, but at the
    /// latest after this time; the usual pause is added. 0 = Retry-After is not heeded. Default
    /// 1 h.
    std::chrono::milliseconds max_retry_after{3'600'000};
};

struct ws_client_config : ws_connection_config, connect_options {
    // In the library: at each call that leaves a configuration out, GCC 12 takes what it would
    // inline for uninitialized.
    NETWORK_SYSTEM_EXPORT ws_client_config();

    /// A name or a numeric address, as for `messaging_client::start_client`; "unix:/path" is a Unix
    /// domain socket, for which `port` is 0.
    std::string host = {};
    /// In host byte order. 1 … 65535. Default 0, which is none: set it.
    std::uint16_t port = 0;
    /// What is asked for, with a query if there is one: "/chat?room=1". Begins with '/'; visible
    /// ASCII without '#'. Default "/".
    std::string path = "/";

    /// Sent with the request, in this order: Authorization, Cookie, Origin, … Those that the
    /// handshake sets itself (Host, Upgrade, Connection, Sec-WebSocket-…), or that would contradict
    /// it, are refused with `invalid_argument`, and so is what would not be one header field; see
    /// `websocket::encode_response`.
    std::vector<websocket::header_field> headers = {};
    /// What the Host header says instead of `host` and `port`: "name", "name:port" or
    /// "[address]:port", without a zone. Empty = those (default), an IPv6 address in brackets and
    /// without its zone, a name without the dot at its end.
    std::string host_header = {};
    /// Offered to the server, the preferred first; each a token, none twice. The server may choose
    /// one or none: see ws_connection::subprotocol. Empty = none are offered (default).
    std::vector<std::string> subprotocols = {};

    ws_reconnect_config reconnect = {};
};

}  // namespace network_system::core
