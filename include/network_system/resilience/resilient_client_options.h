#pragma once

#include <network_system/resilience/circuit_breaker.h>
#include <network_system/resilience/connection_options.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
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

/// What a send does while there is no connection and the queue is full.
enum class offline_policy : std::uint8_t {
    /// Fails with `send_buffer_full`.
    reject,
    /// Takes the place of the oldest messages: their callbacks get `message_superseded`.
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

    /// Messages that wait for a connection: bytes of payload, and messages. A message larger than
    /// the first waits when it is alone. Each at least 1. Defaults 4 MiB and 65,536.
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
