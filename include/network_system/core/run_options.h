#pragma once

#include <network_system/internal/asio_version.h>
#include <network_system/utils/log.h>
#include <network_system/utils/thread_pool_interface.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace asio {
class io_context;
}

namespace network_system::inline v0_1::runtime {
class environment;
}

namespace network_system::inline v0_1::core {

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

/// How everything ends that has a socket, servers and clients as well as adopted sockets, and where
/// its lines of the log go. Durations: see queue_limits.
struct lifecycle_options {
    /// A stop (or a close) sends what is queued until then, and drops the rest; a client's requests
    /// in progress are answered before that. The end of a single connection may take longer while
    /// its peer keeps `connection_limits::min_drain_rate`. 0 = close at once. Default 5 s.
    std::chrono::milliseconds drain_timeout{5'000};

    readiness readiness_method = readiness::automatic;

    /// Gets the lines of this server, client or socket, of its sessions and of its TLS, with a
    /// level of its own. What several objects share (loops, thread pools) writes to the process's
    /// sink. Null = the process's sink and level (default). See docs/LOGGING.md.
    std::shared_ptr<log_output> log = {};
};

/// Where servers and clients run.
struct run_options : lifecycle_options {
    /// Run on this context instead of own threads (a server) or the process's shared client pool;
    /// it must outlive the connections, and the user runs it, on any number of threads. Null = own
    /// threads (default).
    asio::io_context* io_context = nullptr;
};

/// What the servers and clients of connections (TCP, TLS, WebSocket) have in common.
struct stream_options : run_options {
    /// Runs the callbacks of sessions instead of the I/O threads, which then only read, write and
    /// decode: for callbacks that take long. Null = none (default). It must run when the server or
    /// client starts; pending in it are at most as many tasks as it has threads.
    ///
    /// Callbacks of one session run in order and never overlap; those of different sessions run in
    /// parallel on the pool's threads. A thread inside a callback counts as an I/O thread: blocking
    /// calls answer `would_block` there. Everything that is not a callback set on the server or
    /// client stays on the I/O thread, and may run at the same time: completions of sends, and the
    /// handlers of requests, pings, `receive_packet` and `post`, accept errors, the handler of a
    /// start that fails, and WebSocket's handshakes and plain HTTP requests. When the pool stops,
    /// its sessions are closed with `internal_error`, and no callback tells so.
    ///
    /// A client's connection begun inside the disconnected callback may call before that one has
    /// returned.
    std::shared_ptr<thread_pool_interface> callback_pool = {};

    /// Bytes of messages (and some 16 for each) that may wait for the pool before a session is not
    /// read, so that TCP slows its peer down; it is read again below half of them. What one read
    /// brought beyond the mark (up to 256 KiB, or one larger message) still waits. At least 1.
    /// Default 1 MiB.
    std::size_t callback_queue_limit = std::size_t{1024} * 1024;

    socket_options socket = {};

    /// Runs in a simulation (testing/simulation.h), which sets it. Null = on the machine (default).
    std::shared_ptr<runtime::environment> environment = {};
};

}  // namespace network_system::core
