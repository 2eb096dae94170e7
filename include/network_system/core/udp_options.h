#pragma once

#include <network_system/core/options.h>
#include <network_system/session/datagram_config.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace network_system::inline v0_1::core {

/// Multicast of a UDP socket. Interfaces are named ("eth0"), numbered ("2"), or told by one of
/// their addresses ("192.0.2.1"); empty = the operating system's choice.
struct multicast_options {
    struct group {
        /// A numeric multicast address ("239.1.2.3", "ff02::1234"), which may name the interface as
        /// its zone ("ff02::1234%eth0").
        std::string address = {};
        /// Where it is received. With a zone: empty, or the same.
        std::string interface_name = {};
    };
    /// What is joined at the start. Groups that another program has joined are not received.
    std::vector<group> groups = {};
    /// Where multicast is sent from.
    std::string outgoing_interface = {};
    /// How many networks it may cross (TTL), 0 … 255. 1 = this one only (default).
    int hops = 1;
    /// Whether this machine gets what it sends, too.
    bool is_looped = true;
};

/// Of a UDP server. Durations: see queue_limits.
struct udp_server_options : run_options {
    /// A numeric IPv4 or IPv6 address. Empty = all addresses.
    std::string bind_address = {};
    /// All addresses include those of IPv4 and IPv6, on one socket; else those of IPv4 only. IPv4
    /// peers are shown as IPv4.
    bool is_dual_stack = true;

    /// Number of I/O threads, 1 … 256. More than one need `reuse_port`: each has a socket of its
    /// own then, and the system spreads the peers over them (by address and port, on Linux).
    /// Callbacks of one peer do not overlap then, and those of different peers may. Ignored with
    /// `io_context`.
    std::size_t io_threads = 1;
    /// Their names and places, and what the application does on each of them. Ignored with
    /// `io_context`.
    io_thread_options io_thread = {};

    datagram_config datagrams = {};

    /// Peers as sessions: told of when they are new, bounded in number, rate and silence.
    peer_limits peers = {};

    multicast_options multicast = {};

    /// SO_BROADCAST: without it, sending to a broadcast address fails with `send_failed`.
    bool may_broadcast = false;

    /// SO_REUSEADDR: several programs may receive the same multicast. For other datagrams it would
    /// let them steal the port from each other.
    bool reuse_address = false;
    /// SO_REUSEPORT: several sockets may share the port. An error where it does not exist.
    bool reuse_port = false;
};

/// Of a UDP client. Durations: see queue_limits.
struct udp_client_options : run_options, bind_options {
    /// Whether the socket is connected to the target: only its datagrams are received then, and its
    /// refusals (ICMP port unreachable) reach the error callback as `connection_refused`. Otherwise
    /// anybody may send to the client, and refusals go unnoticed.
    bool is_connected = true;

    datagram_config datagrams = {};
    multicast_options multicast = {};
    bool may_broadcast = false;

    /// Bounds the resolving of a name. At least 1 ms. Default 10 s.
    std::chrono::milliseconds resolve_timeout{10'000};
};

}  // namespace network_system::core
