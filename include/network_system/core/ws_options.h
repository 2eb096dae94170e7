#pragma once

#include <network_system/core/options.h>
#include <network_system/core/tls_config.h>
#include <network_system/session/session_config.h>
#include <network_system/session/ws_handshake.h>
#include <network_system/utils/thread_pool_interface.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace network_system::core {

/// What both ends of a WebSocket connection have. All sizes are bytes of payload. Durations:
/// `milliseconds::max()` means never, and a negative one is `invalid_argument`.
struct ws_connection_config {
    /// The largest message accepted or sent, over all its fragments. 1 … 2^31−1. Default 10 MiB. A
    /// longer one from the peer closes the connection with 1009, before the frame that would exceed
    /// the limit is read.
    std::size_t max_message_size = std::size_t{10} * 1024 * 1024;

    /// The largest head of the opening handshake that is accepted of the peer, from its first byte
    /// to the empty line. A server refuses a longer one with 431. 256 … 65,535 bytes. Default 16
    /// KiB.
    std::size_t max_header_size = std::size_t{16} * 1024;
    /// Its header fields; more are refused with 431. 8 … 10,000. Default 100.
    std::size_t max_headers = 100;

    /// A ping is sent when nothing arrived for this long. 0 = no pings. Default 30 s.
    std::chrono::milliseconds ping_interval{30'000};
    /// The connection is ended with `connection_timeout` when no byte arrives for this long after
    /// a ping; any byte received counts as life, and so does taking what is queued: see
    /// session_config::ping_interval. Pings are at least this far apart. At least 1 ms. Default 10
    /// s.
    std::chrono::milliseconds pong_timeout{10'000};
    /// Answers the peer's pings. Off: the ping callback gets each, and it is for the application to
    /// answer with `send_pong`.
    bool auto_pong = true;

    /// The connection is closed with `session_expired` when no byte passed in either direction for
    /// this long. Pings count as bytes. 0 = never (default).
    std::chrono::milliseconds idle_timeout{0};

    /// A send that would leave more than this queued meets `policy`; a single message larger than
    /// the mark passes when the queue is empty. At least 1. Default 4 MiB.
    std::size_t high_watermark = std::size_t{4} * 1024 * 1024;
    /// The writable callback runs once the queue falls to this after a send was refused. At most
    /// `high_watermark`. Default 1 MiB.
    std::size_t low_watermark = std::size_t{1024} * 1024;
    send_policy policy = send_policy::reject;
    /// How long a send under `send_policy::wait` blocks before it fails with `send_buffer_full`.
    /// 0 never blocks. Default 10 s.
    std::chrono::milliseconds send_wait_timeout{10'000};

    receive_mode receiving = receive_mode::callback;
    /// See session_config::receive_queue_limit. At least 1. Default 1 MiB.
    std::size_t receive_queue_limit = std::size_t{1024} * 1024;
    /// Messages the peer may send per second; over it the socket is not read until the rate is kept
    /// again. 0 = no limit (default); at most 1,000,000,000.
    std::uint32_t max_messages_per_second = 0;

    /// Whether `ws_connection::request` has something to say once the connection is open. Costs the
    /// memory of the request's head. Default true.
    bool keep_request = true;

    /// Bounds the close of a connection, by either side: the queue, the closing handshake and the
    /// peer's end of stream. What is left then is reset, unless the peer keeps taking it: see
    /// `min_drain_rate`. 0 = close at once. Default 5 s.
    std::chrono::milliseconds drain_timeout{5'000};
    /// See session_config::min_drain_rate. Default 1 KiB per second.
    std::size_t min_drain_rate = 1024;

    /// Run on this context instead of own threads (a server) or the process's shared client pool;
    /// it must outlive the connections, and the user runs it, on any number of threads. Null = own
    /// threads (default).
    asio::io_context* io_context = nullptr;
    /// Runs the callbacks of connections instead of the I/O threads; see
    /// server_options::callback_pool. The callbacks of handshakes and plain HTTP requests stay on
    /// the I/O threads. Null = none (default).
    std::shared_ptr<thread_pool_interface> callback_pool = {};
    /// See server_options::callback_queue_limit. At least 1. Default 1 MiB.
    std::size_t callback_queue_limit = std::size_t{1024} * 1024;

    socket_options socket = {};
    readiness readiness_method = readiness::automatic;

    /// wss: WebSocket over TLS. A server needs an identity; a client verifies the server's
    /// certificate unless told otherwise (see tls_config). Without `application_protocols` it
    /// offers or takes "http/1.1". Empty = ws, plain TCP (default). `start_server` and
    /// `start_client` fail with `not_supported` when the build has no TLS.
    std::optional<tls_config> tls = {};

    /// Runs in a simulation (testing/simulation.h), which sets it. Null = on the machine (default).
    std::shared_ptr<runtime::environment> environment = {};
};

struct ws_server_config : ws_connection_config {
    /// In host byte order; 0 lets the system pick one: see `local_port`. Default 0.
    std::uint16_t port = 0;
    /// A numeric IPv4 or IPv6 address, or a Unix domain socket ("unix:/path"), for which `port` is
    /// 0. Empty = all addresses, dual stack where there is IPv6 (default).
    std::string bind_address = {};
    /// Mode bits of the file of a Unix domain socket, 1 … 0777 (octal). 0 = what the umask leaves
    /// (default).
    unsigned unix_permissions = 0;

    /// The path that is served, without a query: a handshake for another one is refused with 404.
    /// Begins with '/'. Empty = every path. Default "/".
    std::string path = "/";
    /// Further paths that are served. Not used while `path` is empty.
    std::vector<std::string> more_paths = {};
    /// Subprotocols that are spoken here (RFC 6455 section 1.9), each a token. Of those that a
    /// client offers, the first one found here is chosen; none when there is none. A handshake
    /// callback may choose another one. Empty = none (default).
    std::vector<std::string> subprotocols = {};

    /// Connections beyond this are refused with 503. Connections whose handshake is not complete
    /// count. 0 = no limit. Default 1,000.
    std::size_t max_connections = 1'000;
    /// The same for the connections of one peer address, of IPv6 one network (see below). 0 = no
    /// limit (default). Does not apply to the peers of a Unix domain socket.
    std::size_t max_connections_per_address = 0;
    /// How many bits of an IPv6 address count for `max_connections_per_address`, 1 … 128: a peer
    /// has a whole network of addresses, mostly 64 bits of it. Link-local addresses (fe80::/10)
    /// count one by one; IPv4 addresses, mapped ones included, always do. Default 64.
    unsigned address_prefix_v6 = 64;
    /// Topics that one connection may subscribe to; the next one fails with `rate_limited`. 0 = no
    /// limit. Default 1,000.
    std::size_t max_subscriptions_per_session = 1'000;

    /// A connection whose request is not complete by then is answered with 408 and closed; with
    /// TLS, whose handshake is part of the time, without an answer before that is done. At least 1
    /// ms. Default 10 s.
    std::chrono::milliseconds handshake_timeout{10'000};

    /// Number of I/O threads of the server's own pool, 1 … 256. With one, all callbacks of the
    /// server are serial; with more, those of one connection are. Ignored with `io_context`.
    std::size_t io_threads = 1;
    /// Length of the kernel's queue of connections waiting to be accepted; 0 = the most the
    /// operating system allows.
    int backlog = 0;
    /// See server_options::proxy_protocol.
    proxy_protocol_options proxy_protocol = {};
};

/// When and how a client that has lost its connection makes a new one.
///
/// It does not: after `stop_client`, after a `close` of its own, after the server closed with 1000
/// (normal closure), and after an answer to the handshake that would be the same again: 2xx, 3xx
/// (redirects are not followed), and 4xx unless `after_rejection`. 408, 425, 429 and 5xx are
/// temporary.
struct ws_reconnect_config {
    /// The pause before an attempt is random, up to a ceiling that begins here and is multiplied
    /// with `factor` after each failure. At least 1 ms. Default 500 ms.
    std::chrono::milliseconds initial_delay{500};
    /// The highest ceiling. At least `initial_delay`. Default 30 s.
    std::chrono::milliseconds max_delay{30'000};
    /// At least 1. Default 2.
    double factor = 2.0;
    /// Attempts before the client gives up, counted until a connection has lasted for
    /// `stable_after`; 0 = no limit (default).
    unsigned max_attempts = 0;
    /// A connection is a success once it has lasted for this long: then pauses begin at
    /// `initial_delay` again, and attempts are counted anew. One that is lost before counts as an
    /// attempt that failed. 0 = every connection made is a success. Default 10 s.
    std::chrono::milliseconds stable_after{10'000};

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

    /// Also try again after a handshake that was rejected with any other 4xx. Default false.
    bool after_rejection = false;
};

struct ws_client_config : ws_connection_config {
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
    std::vector<http_header> headers = {};
    /// What the Host header says instead of `host` and `port`: "name", "name:port" or
    /// "[address]:port", without a zone. Empty = those (default), an IPv6 address in brackets and
    /// without its zone, a name without the dot at its end.
    std::string host_header = {};
    /// Offered to the server, the preferred first; each a token, none twice. The server may choose
    /// one or none: see ws_connection::subprotocol. Empty = none are offered (default).
    std::vector<std::string> subprotocols = {};

    /// Bounds all of `start_client`, and each attempt to reconnect: resolving, connecting, TLS and
    /// the server's answer to the request. At least 1 ms. Default 10 s.
    std::chrono::milliseconds connect_timeout{10'000};

    /// Makes a new connection when one that had been made is lost. Default false.
    bool auto_reconnect = false;
    ws_reconnect_config reconnect = {};

    /// The numeric address that connections come from; the server's addresses of the other family
    /// are then skipped. Empty = the operating system's choice (default).
    std::string bind_address = {};
    /// The port they come from, in host byte order. 0 = the operating system's choice (default).
    std::uint16_t bind_port = 0;
};

}  // namespace network_system::core
