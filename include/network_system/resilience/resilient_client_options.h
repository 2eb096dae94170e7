#pragma once

#include <network_system/resilience/circuit_breaker.h>
#include <network_system/resilience/connection_options.h>
#include <network_system/resilience/health_monitor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace network_system::inline v0_1::resilience {

/// Which of several servers gets a message.
enum class balancing : std::uint8_t {
    /// The first in the list that is connected. The next one is connected when one before it fails,
    /// and let go when one before it is back and has lasted for `reconnect_options::stable_after`.
    priority,
    /// Each in turn, of those that are connected. All are.
    round_robin,
    /// The one with the fewest bytes in its queue, of those that are connected. All are.
    least_pending,
};

/// What becomes of messages when connections break.
enum class delivery_mode : std::uint8_t {
    /// What a connection has taken is sent once: it arrives, or it is lost, and its callback gets
    /// an error.
    at_most_once,
    /// The server acknowledges each message, and what it has not acknowledged is sent again over
    /// the next connection. It delivers each once as long as it runs; one that was restarted, or
    /// another one, may get a message again, and can tell
    /// (`messaging_session::current_delivery().may_be_resent`). Needs `tcp` or `tls`,
    /// `framing::message`, and `balancing::priority`.
    at_least_once,
};

/// What a send does while the queue is full.
enum class offline_policy : std::uint8_t {
    /// Fails with `send_buffer_full`.
    reject,
    /// Takes the place of the oldest messages that are not on their way: their callbacks get
    /// `message_superseded`. Fails like `reject` when all are.
    drop_oldest,
    /// Blocks the caller until there is room, at most for `offline_wait`. On an I/O thread nothing
    /// may block, so there it fails.
    wait,
};

/// Durations: see queue_limits.
struct resilient_client_options {
    /// The servers, at least one, the preferred first.
    std::vector<server_address> endpoints = {};
    balancing balance = balancing::priority;

    /// How connections are made, and replaced: `client.reconnect` or `ws.reconnect`. Their
    /// `max_attempts` bounds each endpoint's attempts, after which it is given up.
    connection_options connection = {};
    /// How long `connect` tries; 0 = one attempt at each endpoint. Default 30 s.
    std::chrono::milliseconds connect_for{30'000};

    delivery_mode delivery = delivery_mode::at_most_once;

    /// Watches each connection with a health_monitor: one that has gone quiet gets no message while
    /// there is another one, and one that is dead is ended, and made anew. Needs a protocol with
    /// pings. Nothing = none is watched (default).
    std::optional<health_options> health = {};

    /// Messages that wait for a connection, or for their acknowledgement: bytes of payload, and
    /// messages. A message larger than the first waits when it is alone. Each at least 1. Defaults
    /// 4 MiB and 65,536.
    std::size_t offline_bytes = std::size_t{4} * 1024 * 1024;
    std::size_t offline_messages = 65'536;
    offline_policy when_full = offline_policy::reject;
    /// Default 10 s; 0 never blocks.
    std::chrono::milliseconds offline_wait{10'000};

    /// While the circuit is open a send fails with `circuit_open` instead of waiting for a
    /// connection. Failures are attempts to connect that fail and connections that break; a success
    /// is a connection that is ready. Off unless a `failure_threshold` is set.
    circuit_breaker_options breaker{.failure_threshold = 0};
};

}  // namespace network_system::resilience
