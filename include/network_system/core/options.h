#pragma once

#include <network_system/internal/asio_version.h>
#include <network_system/session/session_config.h>
#include <network_system/utils/thread_pool_interface.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace asio {
class io_context;
}

namespace network_system::runtime {
class environment;
}

namespace network_system::core {

/// How a loop learns that sockets are ready.
enum class readiness : std::uint8_t {
    /// The batch set where the platform has one (epoll on Linux), else one wait per socket.
    automatic,
    /// One Asio wait per socket, on every platform.
    per_socket,
};

/// Socket options, applied to every connection.
struct socket_options {
    /// TCP_NODELAY. The library batches by itself, so Nagle's algorithm only adds delay.
    bool no_delay = true;
    /// SO_KEEPALIVE with the operating system's timing.
    bool keep_alive = true;
    /// SO_REUSEADDR on the listening socket, so that a restart can bind while old connections
    /// are in TIME_WAIT. Ignored on Windows, where it would allow stealing the port.
    bool reuse_address = true;
    /// SO_REUSEPORT: several sockets may listen on the port. An error where it does not exist.
    bool reuse_port = false;
    /// SO_SNDBUF and SO_RCVBUF in bytes; 0 = the operating system's choice (autotuned on Linux). A
    /// server sets the latter on its listener as well, one that was handed to it included: only
    /// there the handshake knows of it, which fixes how far the window can open (RFC 7323).
    int send_buffer_size = 0;
    int receive_buffer_size = 0;
};

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

/// Durations: `milliseconds::max()` means never, and a negative one is `invalid_argument` (see
/// session_config).
struct server_options {
    /// A numeric IPv4 or IPv6 address, with or without brackets. Empty = all addresses, dual stack
    /// where there is IPv6.
    ///
    /// "unix:/path" is a Unix domain socket, "unix:@name" one in Linux's abstract namespace;
    /// `start_server` then takes port 0. The file of a server that is gone is replaced, and the
    /// file is removed at stop. `not_supported` on Windows.
    std::string bind_address = {};

    /// Mode bits of the file of a Unix domain socket, 1 … 0777 (octal), set before anybody can
    /// connect: 0660 lets the group in. 0 = what the umask leaves (default).
    unsigned unix_permissions = 0;

    /// Number of I/O threads of the server's own pool, 1 … 256. With one, all callbacks of the
    /// server are serial; with more, those of one session are. Ignored with `io_context`.
    std::size_t io_threads = 1;

    /// Run on this context instead of an own pool; it must outlive the server's connections, and
    /// the user runs it, on any number of threads. Null = own pool.
    asio::io_context* io_context = nullptr;

    /// Runs the callbacks of sessions instead of the I/O threads, which then only read, write and
    /// decode: for callbacks that take long. Null = none (default). It must run when the server
    /// starts; pending in it are at most as many tasks as it has threads.
    ///
    /// Callbacks of one session run in order and never overlap; those of different sessions run in
    /// parallel on the pool's threads. A thread inside a callback counts as an I/O thread: blocking
    /// calls answer `would_block` there. Everything that is not a callback set on the server stays
    /// on the I/O thread, and may run at the same time: completions of sends, and the handlers of
    /// requests, pings, `receive_packet` and `post`, and
    /// accept errors. When the pool
    /// stops, its sessions are closed with `internal_error`, and no callback tells so.
    std::shared_ptr<thread_pool_interface> callback_pool = {};

    /// Bytes of messages (and some 16 for each) that may wait for the pool before a session is not
    /// read, so that TCP slows its peer down; it is read again below half of them. What one read
    /// brought beyond the mark (up to 256 KiB, or one larger message) still waits. At least 1.
    /// Default 1 MiB.
    std::size_t callback_queue_limit = std::size_t{1024} * 1024;

    /// Limits and timeouts of every connection.
    session_config session = {};

    /// Connections beyond this are told `server_full` and closed. 0 = no limit. Default 10,000.
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

    /// `stop_server` closes what has not drained by then. The end of a single connection may take
    /// longer while its peer keeps `session_config::min_drain_rate`. 0 = close at once. Default 5
    /// s.
    std::chrono::milliseconds drain_timeout{5'000};

    /// Length of the kernel's queue of connections waiting to be accepted; 0 = the most the
    /// operating system allows.
    int backlog = 0;

    /// A connection without a valid header is closed; the error callback gets the reason with a
    /// null session, and `server_metrics::proxy_errors` counts it.
    proxy_protocol_options proxy_protocol = {};

    socket_options socket = {};
    readiness readiness_method = readiness::automatic;

    /// Runs the server in a simulation (testing/simulation.h), which sets it. Null = on the machine
    /// (default).
    std::shared_ptr<runtime::environment> environment = {};
};

/// Durations: `milliseconds::max()` means never, and a negative one is `invalid_argument` (see
/// session_config).
struct client_options {
    /// Run on this context instead of the process's shared client pool; the user runs it.
    asio::io_context* io_context = nullptr;

    /// Runs the callbacks of sessions instead of the I/O threads, which then only read, write and
    /// decode: for callbacks that take long. Null = none (default). It must run when the client
    /// starts; pending in it are at most as many tasks as it has threads.
    ///
    /// Callbacks of one session run in order and never overlap; those of different sessions run in
    /// parallel on the pool's threads. A thread inside a callback counts as an I/O thread: blocking
    /// calls answer `would_block` there. Everything that is not a callback set on the client stays
    /// on the I/O thread, and may run at the same time: completions of sends, and the handlers of
    /// requests, pings, `receive_packet` and `post`, and the
    /// handler of a start that fails. When the pool
    /// stops, its sessions are closed with `internal_error`, and no callback tells so.
    ///
    /// A connection begun inside the disconnected callback may call before that one has returned.
    std::shared_ptr<thread_pool_interface> callback_pool = {};

    /// Bytes of messages (and some 16 for each) that may wait for the pool before a session is not
    /// read, so that TCP slows its peer down; it is read again below half of them. What one read
    /// brought beyond the mark (up to 256 KiB, or one larger message) still waits. At least 1.
    /// Default 1 MiB.
    std::size_t callback_queue_limit = std::size_t{1024} * 1024;

    session_config session = {};

    /// Bounds all of `start_client`: resolving, connecting and the server's first word. At least
    /// 1 ms. Default 10 s.
    std::chrono::milliseconds connect_timeout{10'000};

    /// The numeric address that connections come from; the server's addresses of the other family
    /// are then skipped. Empty = the operating system's choice (default).
    std::string bind_address = {};
    /// The port they come from, in host byte order; it has to be free towards the server. 0 = the
    /// operating system's choice (default).
    std::uint16_t bind_port = 0;

    /// `stop_client` closes what has not drained by then; requests in progress are answered before
    /// that. 0 = close at once. Default 5 s.
    std::chrono::milliseconds drain_timeout{5'000};

    socket_options socket = {};
    readiness readiness_method = readiness::automatic;

    /// Runs the client in a simulation (testing/simulation.h), which sets it. Null = on the machine
    /// (default).
    std::shared_ptr<runtime::environment> environment = {};
};

}  // namespace network_system::core
