#pragma once

#include <network_system/session/messaging_session.h>
#include <network_system/utils/tls_info.h>

#include <cstddef>
#include <cstdint>

namespace network_system::inline v0_1::core {

/// The counters of a server since its last start; those of closed sessions included.
struct server_metrics {
    std::uint64_t connections_accepted = 0;
    /// Open now; connections in their handshake are not.
    std::size_t connections_active = 0;
    /// Told that the server or their address had reached its limit, and closed.
    std::uint64_t connections_refused = 0;
    /// Turned away by the accept callback, or because it threw.
    std::uint64_t connections_rejected = 0;
    /// accept() failed (too many open files, for example) and was retried after a pause.
    std::uint64_t accept_errors = 0;
    /// Connections of trusted proxies that ended before their PROXY header was complete, or whose
    /// header was malformed. Not those that the proxy ended without a byte, as health checks do.
    std::uint64_t proxy_errors = 0;
    /// Sessions that ended with an error. Not those that the client ended without a byte of its
    /// own, before a message had gone to it, as health checks do.
    std::uint64_t session_errors = 0;
    /// Exceptions that left a user callback; each closed its session.
    std::uint64_t callback_exceptions = 0;
    /// Topics that somebody subscribes to.
    std::size_t topics = 0;
    /// The sums over all sessions, living and closed.
    session::session_metrics totals = {};
    /// Of all starts; zero without TLS.
    tls_metrics tls = {};
};

/// What became of a broadcast or a publish: `queued + dropped + closed == receivers`.
struct broadcast_result {
    std::size_t receivers = 0;
    std::size_t queued = 0;
    /// Refused by the backpressure policy of the session.
    std::size_t dropped = 0;
    /// Already closing.
    std::size_t closed = 0;
};

/// The counters of a client since it was constructed.
struct client_metrics {
    std::uint64_t connects = 0;
    std::uint64_t connect_failures = 0;
    /// Attempts that `auto_reconnect` has begun to wait for.
    std::uint64_t reconnect_attempts = 0;
    /// Connections that ended with an error.
    std::uint64_t session_errors = 0;
    /// Exceptions that left a user callback; each closed the connection.
    std::uint64_t callback_exceptions = 0;
    /// The sums over all connections of this client.
    session::session_metrics totals = {};
    /// Zero without TLS.
    tls_metrics tls = {};
};

}  // namespace network_system::core
