#pragma once

#include <network_system/internal/build_checks.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace network_system::inline v0_1 {

/// What a send does when the session's queue is over its high watermark.
enum class send_policy : std::uint8_t {
    /// Fail with `send_buffer_full`; nothing is queued.
    reject,
    /// Block the caller until there is room for its message, at most
    /// `queue_limits::send_wait_timeout`. On an I/O thread nothing may block, so there it
    /// rejects.
    wait,
    /// Fail with `send_buffer_full` and close the connection.
    close,
    /// The oldest queued messages give way: counted as dropped, their callbacks get
    /// `message_superseded`. What is being written (up to 64 KiB) stays.
    drop_oldest,
    /// A message sent with a key (`send_conflated`, a publish to a topic) takes the place of the
    /// queued one of the same key, as above. Others, and new keys, meet `reject`.
    conflate,
};

/// How the application gets the messages of a connection.
enum class receive_mode : std::uint8_t {
    /// Each message runs the receive callback.
    callback,
    /// Messages wait until `receive_packet` (or `async_receive`) asks for them; the receive
    /// callback does not run.
    pull,
};

/// The queues of a connection or of a UDP socket: what is kept of what the application sends and
/// has not asked for yet. Sizes are bytes of payload.
///
/// Durations, here and in every other struct and call of the library: `milliseconds::max()`, and
/// whatever else reaches beyond the range of the clock (some 290 years), means never. A negative
/// one is `invalid_argument`, and the message names it.
struct queue_limits {
    /// A send that would leave more than this queued meets `policy`; a single message larger than
    /// the mark passes when the queue is empty. A datagram counts as its size and 64 bytes. At
    /// least 1. Default 4 MiB.
    std::size_t high_watermark = std::size_t{4} * 1024 * 1024;

    /// The writable callback runs once the queue falls to this after a send was refused. At most
    /// `high_watermark`. Default 1 MiB.
    std::size_t low_watermark = std::size_t{1024} * 1024;

    /// For datagrams `reject`, `wait` or `drop_oldest`: the others need a connection. Default
    /// `reject`.
    send_policy policy = send_policy::reject;

    /// How long a send under `send_policy::wait` blocks before it fails with `send_buffer_full`.
    /// 0 never blocks. Default 10 s.
    std::chrono::milliseconds send_wait_timeout{10'000};

    receive_mode receiving = receive_mode::callback;

    /// `receive_mode::pull` only: with this many bytes of messages (and some 32 for each) waiting
    /// the socket is not read, until half of them have been asked for. What one read brought beyond
    /// the mark (up to 256 KiB, or one larger message) still waits here. Datagrams count 64 bytes
    /// more each; over the mark they are dropped and counted (`datagrams_unread`). At least 1.
    /// Default 1 MiB.
    std::size_t receive_queue_limit = std::size_t{1024} * 1024;
};

/// What connections of all protocols have in common. WebSocket has other defaults for three of
/// them: see `core::ws_connection_config`.
struct connection_limits : queue_limits {
    /// The largest message accepted or sent, of WebSocket over all its fragments. 1 … 2^31−1.
    /// Default 16 MiB. A longer one from the peer closes the connection with `message_too_large`
    /// (WebSocket: 1009) before anything is allocated for it.
    std::size_t max_message_size = std::size_t{16} * 1024 * 1024;

    /// Messages (requests included) the peer may send per second, a second's worth at once. Over
    /// it the socket is not read until the rate is kept again, so that TCP slows the peer down;
    /// nothing is lost. 0 = no limit (default); at most 1,000,000,000.
    std::uint32_t max_messages_per_second = 0;

    /// The connection is closed with `session_expired` when no byte passed in either direction
    /// for this long, and the peer has not taken what was sent before. 0 = never. Default 5 min.
    /// Pings count as bytes.
    std::chrono::milliseconds idle_timeout{300'000};

    /// `framing::message` and WebSocket: a ping is sent when nothing arrived for this long; after
    /// `session_config::max_missed_pings` unanswered ones (WebSocket: one) the connection is closed
    /// with `connection_timeout`. Any byte received counts as life; so do 1,024 bytes of what is
    /// queued that the peer's system takes in that time, because the ping waits behind them. 0 = no
    /// pings. Default 30 s.
    std::chrono::milliseconds ping_interval{30'000};

    /// How long to wait for the answer to a ping, or for any other byte, before the ping counts as
    /// missed. Pings are at least this far apart. 0 = as long as `ping_interval` (default).
    std::chrono::milliseconds pong_timeout{0};

    /// Bytes per second that a peer has to take for its connection to be given more time than
    /// `drain_timeout` to end: as long as its system acknowledges this rate, measured over each
    /// `drain_timeout`, what is queued for it is sent to the last byte. A slower one is reset.
    /// Does not apply to the end of a whole server or client, which `drain_timeout` bounds. 0 = any
    /// byte is enough. Default 1 KiB.
    std::size_t min_drain_rate = 1024;
};

}  // namespace network_system
