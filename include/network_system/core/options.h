#pragma once

#include <network_system/core/io_thread_options.h>
#include <network_system/core/proxy_options.h>
#include <network_system/core/reconnect_options.h>
#include <network_system/core/run_options.h>
#include <network_system/session/delivery.h>
#include <network_system/session/session_config.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace network_system::inline v0_1::core {

/// The PROXY protocol, version 2 (HAProxy, "The PROXY protocol"): a proxy in front of the server
/// begins each connection with a header that names the client, and that client is then what
/// `remote_endpoint` and the limits per address see.
struct proxy_protocol_options {
    /// The proxies: addresses ("192.0.2.1"), networks ("10.0.0.0/8", "2001:db8::/32"), or "unix:"
    /// for every peer of a Unix domain socket. Their connections must begin with a header; those
    /// from elsewhere are served as they are. Whoever is trusted can claim any address. Empty = the
    /// protocol is not used (default).
    std::vector<std::string> trusted = {};

    /// A connection whose header is not complete by then is closed. At least 1 ms. Default 10 s.
    /// Until then it may take up to 64 KiB of memory, as much as has arrived: a header has at most
    /// 65,551 bytes, all of which the protocol allows for extensions.
    std::chrono::milliseconds header_timeout{10'000};
};

/// One more address that a server listens on.
struct listen_address {
    /// As `listen_options::bind_address`.
    std::string host = {};
    /// In host byte order; 0 lets the system pick one: see `local_endpoints`. None = the port that
    /// the first address has got (default). 0 or none for a Unix domain socket.
    std::optional<std::uint16_t> port = {};
};

/// Where a server of connections listens, and whom it lets in. Durations: see queue_limits.
struct listen_options {
    /// A numeric IPv4 or IPv6 address, with or without brackets. Empty = all addresses, dual stack
    /// where there is IPv6.
    ///
    /// "unix:/path" is a Unix domain socket, "unix:@name" one in Linux's abstract namespace; the
    /// port is then 0. The file of a server that is gone is replaced, and the file is removed at
    /// stop. `not_supported` on Windows.
    std::string bind_address = {};

    /// Further addresses: {{"::1"}, {"unix:/run/app"}}. `start_server` listens on all of them or
    /// fails, and its error names the one that it could not have. Limits, callbacks and the queue
    /// of each (`backlog`) are the same everywhere. Empty = none (default).
    std::vector<listen_address> listen_addresses = {};

    /// Mode bits of the file of a Unix domain socket, 1 … 0777 (octal), set before anybody can
    /// connect: 0660 lets the group in. 0 = what the umask leaves (default).
    unsigned unix_permissions = 0;

    /// Number of I/O threads of the server's own pool, 1 … 256. With one, all callbacks of the
    /// server are serial; with more, those of one session are. Ignored with `io_context`.
    std::size_t io_threads = 1;
    /// Their names and places, and what the application does on each of them. Ignored with
    /// `io_context`, and in a simulation.
    io_thread_options io_thread = {};

    /// Connections beyond this are told `server_full` (WebSocket: 503) and closed; those whose
    /// handshake is not complete count. 0 = no limit. Default 10,000, of WebSocket 1,000.
    std::size_t max_connections = 10'000;

    /// The same for the connections of one peer address, of IPv6 one network (see below). 0 = no
    /// limit (default). Does not apply to the peers of a Unix domain socket, which have no address
    /// of their own.
    std::size_t max_connections_per_address = 0;
    /// How many bits of an IPv6 address count for `max_connections_per_address`, 1 … 128: a peer
    /// has a whole network of addresses, mostly 64 bits of it. Link-local addresses (fe80::/10)
    /// count one by one; IPv4 addresses, mapped ones included, always do. Default 64.
    unsigned address_prefix_v6 = 64;

    /// Topics that one session may subscribe to; the next one fails with `rate_limited`.
    /// 0 = no limit. Default 1,000.
    std::size_t max_subscriptions_per_session = 1'000;

    /// Length of the kernel's queue of connections waiting to be accepted; 0 = the most the
    /// operating system allows.
    int backlog = 0;

    /// A connection without a valid header is closed; the error callback gets the reason with a
    /// null session, and `server_metrics::proxy_errors` counts it.
    proxy_protocol_options proxy_protocol = {};
};

/// The address that a client's connections or datagrams come from.
struct bind_options {
    /// A numeric address; the server's addresses of the other family are then skipped. Empty = the
    /// operating system's choice (default).
    std::string bind_address = {};
    /// The port they come from, in host byte order; it has to be free towards the server. 0 = the
    /// operating system's choice (default).
    std::uint16_t bind_port = 0;
};

/// How a client of connections makes one.
struct connect_options : bind_options {
    /// Bounds all of `start_client`, and each attempt to reconnect: resolving, connecting, the
    /// proxy's answer, TLS, and the server's first word (WebSocket: its answer to the request). At
    /// least 1 ms. Default 10 s.
    std::chrono::milliseconds connect_timeout{10'000};

    /// Makes a new connection when one is lost, as the client's `reconnect` says. Default false.
    bool auto_reconnect = false;

    /// What the connection goes through. `start_client` fails with `invalid_argument` when the
    /// target is a Unix domain socket; but what the environment names is not asked for then.
    /// Default: nothing. An HTTP proxy: {proxy_kind::http_connect, "proxy.example.org", 3128}; that
    /// of the environment: {proxy_kind::from_environment}.
    proxy_options proxy = {};
};

/// What a server with `framing::message` remembers of those who send messages with ids
/// (`messaging_session::send_with_id`), so that it delivers none twice. See docs/DELIVERY.md.
struct delivery_options {
    /// Senders that are remembered, over all connections of the server. One more takes the place of
    /// the one that is without a connection for longest; while all have one, it is told
    /// `server_full` and its connection ends. 0 = messages with ids are not accepted. Default
    /// 10,000.
    std::size_t max_senders = 10'000;

    /// A sender's latest ids, of which it is known whether they were taken. Older ones are refused
    /// (`delivery_expired`) where that is not known. At least 1. Default 65,536. They cost memory
    /// only where some are missing: 16 bytes for each gap, of which there are at most 1,024.
    std::size_t window = 65'536;

    /// A sender without a connection is forgotten after this long; what it sends again is then
    /// refused (`delivery_forgotten`). 0 = only for want of room. Default 10 min.
    std::chrono::milliseconds forget_after{600'000};
};

/// Of a server of TCP or TLS.
struct server_options : stream_options, listen_options {
    /// Limits and timeouts of every connection.
    session_config session = {};

    delivery_options delivery = {};
};

/// Of a client of TCP or TLS.
struct client_options : stream_options, connect_options {
    reconnect_options reconnect = {};
    session_config session = {};

    /// Who the client is that sends messages with `messaging_session::send_with_id`; needs
    /// `framing::message`. Null = it sends none (default).
    std::shared_ptr<session::delivery_sender> delivery = {};
};

}  // namespace network_system::core
