#pragma once

#include <network_system/session/connection_limits.h>
#include <network_system/utils/endpoint.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace network_system::inline v0_1 {

/// The limits of one UDP socket. Sizes are bytes of payload.
struct datagram_config : queue_limits {
    /// The largest datagram accepted or sent, 1 … 65,527. Longer ones are not delivered, not even
    /// in part: they are counted (`datagrams_truncated`) and the error callback gets
    /// `message_too_large`. Default 65,507, all that IPv4 carries.
    std::size_t max_datagram_size = 65'507;

    /// How many datagrams are received or sent with one system call, where the system can do that;
    /// 1 … 64. Default 64.
    std::size_t batch_size = 64;

    /// SO_SNDBUF and SO_RCVBUF in bytes; 0 = the operating system's choice, which is small for
    /// bursts of datagrams. The system may grant less: see the metrics. Default 0 and 4 MiB.
    int send_buffer_size = 0;
    int receive_buffer_size = 4 * 1024 * 1024;

    /// Lets the system cut one large send into datagrams of one size to one peer (UDP_SEGMENT), and
    /// hand over what it has put together (UDP_GRO), where it can. What arrives is the same; with
    /// GRO the socket keeps 64 KiB of address space for each datagram of a batch.
    bool uses_segmentation_offload = true;
    bool uses_receive_offload = true;
};

/// A datagram that was asked for; see `receive_mode::pull`.
struct received_datagram {
    std::vector<std::uint8_t> data = {};
    endpoint from = {};
};

/// Where every datagram of a socket went.
///
/// Of the sends that were accepted: `datagrams_sent` + `send_failures` + `datagrams_dropped` +
/// `queued_datagrams`. Of what arrived at the socket: `datagrams_received` + `datagrams_truncated`
/// + `datagrams_limited` + `datagrams_unread` (+ `kernel_drops`, as far as the system tells).
struct datagram_metrics {
    /// Handed to the operating system, which may still lose them, as may the network.
    std::uint64_t datagrams_sent = 0;
    std::uint64_t bytes_sent = 0;
    /// Given to the receive callback or to whoever asked.
    std::uint64_t datagrams_received = 0;
    std::uint64_t bytes_received = 0;

    /// Sends that were refused over the high watermark: never accepted.
    std::uint64_t sends_rejected = 0;
    /// Accepted, and given up before they reached the system: by `drop_oldest`, or by a stop.
    std::uint64_t datagrams_dropped = 0;
    /// Accepted, and refused by the system; by cause:
    std::uint64_t send_failures = 0;
    /// longer than the network or the system takes (EMSGSIZE),
    std::uint64_t failed_too_large = 0;
    /// out of memory or of buffers (ENOBUFS, ENOMEM),
    std::uint64_t failed_no_buffers = 0;
    /// no way there (ENETUNREACH, EHOSTUNREACH and the like), or not permitted (EACCES, EPERM).
    std::uint64_t failed_unreachable = 0;
    std::uint64_t failed_not_permitted = 0;
    /// Times the socket's buffer was full, and sending waited for room.
    std::uint64_t send_stalls = 0;
    /// Refusals by the peer of a connected socket (ICMP port unreachable).
    std::uint64_t refusals = 0;
    /// What else the network has told a connected socket of a datagram that had been sent: that it
    /// is prohibited, too large for the way, or its protocol unknown there (ICMP). The error
    /// callback gets `message_too_large` or `send_failed`; no send fails for it.
    std::uint64_t datagrams_undelivered = 0;
    /// Answers whose source, the address that the peer had asked, was gone: they have left from the
    /// address that the system chose. Part of `datagrams_sent`.
    std::uint64_t sent_without_source = 0;

    /// Longer than `max_datagram_size`, and not delivered.
    std::uint64_t datagrams_truncated = 0;
    /// Dropped by the operating system because the socket's buffer was full. Linux only; brought up
    /// to date at most every 10 ms while datagrams arrive, and at the stop.
    std::uint64_t kernel_drops = 0;
    /// Over a peer's rate, or from a new peer when there were too many.
    std::uint64_t datagrams_limited = 0;
    /// Arrived in pull mode when the queue was full, or were never asked for; or there is no
    /// receive callback.
    std::uint64_t datagrams_unread = 0;
    /// Other errors of receiving.
    std::uint64_t receive_errors = 0;

    /// System calls that moved datagrams, to see what batching does.
    std::uint64_t send_calls = 0;
    std::uint64_t receive_calls = 0;

    /// Accepted and not yet handed over; bytes as `high_watermark` counts them.
    std::uint64_t queued_datagrams = 0;
    std::uint64_t queued_bytes = 0;

    std::uint64_t callback_exceptions = 0;

    /// Peers that are tracked, and those that were forgotten after `idle_timeout`.
    std::uint64_t peers_active = 0;
    std::uint64_t peers_expired = 0;

    /// What the kernel can do and was asked for; may turn false when a network interface cannot.
    bool has_segmentation_offload = false;
    bool has_receive_offload = false;
    /// What the system granted; 0 before the start. On Linux twice what was asked for, since its
    /// own bookkeeping counts.
    std::size_t send_buffer_size = 0;
    std::size_t receive_buffer_size = 0;
};

/// Peers of a server, known by their addresses.
struct peer_limits {
    /// The most peers that are tracked. When there are as many, the datagrams of new ones are
    /// dropped and counted (`datagrams_limited`): a flood of invented addresses costs this much
    /// memory (some 150 bytes for each) and disturbs nobody who is known. 0 = peers are not tracked
    /// (default).
    std::size_t max_peers = 0;

    /// A peer that sent nothing for this long is forgotten. 0 = never. Default 1 min.
    std::chrono::milliseconds idle_timeout{60'000};

    /// What a peer may send per second, a second's worth at once; the rest is dropped and counted.
    /// 0 = no limit (default); at most 1,000,000,000.
    std::uint32_t max_datagrams_per_second = 0;
};

}  // namespace network_system
