#pragma once

#include <network_system/core/callback_forms.h>
#include <network_system/resilience/connection_options.h>
#include <network_system/resilience/health_monitor.h>
#include <network_system/session/messaging_session.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace network_system::inline v0_1::resilience {

/// What a connection_pool keeps, and for how long. Durations: see queue_limits.
struct pool_options {
    server_address server = {};

    /// How connections are made, and made again when they break: `reconnect` in it says when. All
    /// of them reconnect; `auto_reconnect` and `retry_start_for` are the pool's to set.
    connection_options connection = {};

    /// Connections that are kept, used or not. At most `max_size`. 0 = none: the first is made for
    /// whoever asks first. Default 1.
    std::size_t min_size = 1;
    /// Connections at a time, those included that are being made. At least 1. One that is closing
    /// does not count, so that another takes its place at once; with those that close there are
    /// never more than twice as many. Default 10.
    std::size_t max_size = 10;

    /// How long `acquire` waits for a connection. 0 = it does not: it is given one that is idle.
    /// `milliseconds::max()` = for ever. Default 5 s.
    std::chrono::milliseconds acquire_timeout{5'000};
    /// How many may wait at a time; who comes then is refused with `rate_limited`. 0 = nobody may.
    /// Default 1,000.
    std::size_t max_waiting = 1'000;

    /// A connection that has been idle for this long is closed if there are more than `min_size`.
    /// So is an attempt to make one, when nobody has asked for so long. 0 = never. Default 5 min.
    std::chrono::milliseconds idle_timeout{300'000};
    /// A connection that is so old is closed when it is idle, and a new one is made if it is
    /// needed. 0 = never. Default 30 min.
    std::chrono::milliseconds max_lifetime{1'800'000};
    /// Each connection lives up to this much shorter, at random, so that those which were made
    /// together do not end together. In percent of `max_lifetime`, 0 … 100. Default 10.
    unsigned lifetime_jitter = 10;

    /// A connection that has been idle for longer is asked with a ping before somebody gets it.
    /// 0 = never. Connections without pings (other framings than `framing::message`) are not asked.
    /// Default 30 s.
    std::chrono::milliseconds check_after{30'000};
    /// A connection that has not answered by then is closed. At least 1 ms. Default 2 s.
    std::chrono::milliseconds check_timeout{2'000};

    /// Watches each connection with a health_monitor: one that has gone quiet is set aside until it
    /// answers again, and one that is dead is ended, and made anew. Who has leased a quiet one
    /// keeps it; it is set aside when it is given back. Whoever waits gets another one, made for
    /// that if there may be more, and no quiet one. Needs a protocol with pings; `close_when_dead`
    /// is the pool's to set. Nothing = none is watched (default).
    std::optional<health_options> health = {};
};

/// Whom a connection_pool tells what happens on its connections. They run on the I/O threads of the
/// connections, those of different ones at the same time, and not any more once the pool has been
/// shut down. What they throw closes the connection.
struct pool_callbacks {
    using session_ptr = std::shared_ptr<session::messaging_session>;

    /// `callback(session)`, or fewer: a connection has been made, and nobody has got it yet. What
    /// it sends is sent first.
    detail::session_callback<session_ptr> connected = {};
    /// `callback(session, data)`, or fewer: a message that is no answer to a request. Unless
    /// `receive_mode::pull`.
    detail::data_callback<session_ptr> received = {};
};

/// The counters of a connection_pool since it was constructed.
struct pool_metrics {
    /// Leases given, those of the next line included.
    std::uint64_t acquired = 0;
    /// Of those, how many had to wait.
    std::uint64_t waited = 0;
    /// Given up after their time.
    std::uint64_t timeouts = 0;
    /// Cancelled, or ended by a shutdown, or because no connection could be had.
    std::uint64_t abandoned = 0;
    /// Refused over `max_waiting`.
    std::uint64_t refused = 0;
    /// Connections made, those in place of broken ones included.
    std::uint64_t created = 0;
    /// Attempts to make one that failed.
    std::uint64_t failed = 0;
    /// Connections that broke, or that the server closed.
    std::uint64_t broken = 0;
    /// Closed because nobody needed them.
    std::uint64_t evicted_idle = 0;
    /// Closed because of their age.
    std::uint64_t evicted_lifetime = 0;
    /// Closed because their lease said so.
    std::uint64_t discarded = 0;
    /// Connections asked whether they still work.
    std::uint64_t checks = 0;
    /// Those that did not answer.
    std::uint64_t checks_failed = 0;
    /// Times that a connection was set aside because it was quiet.
    std::uint64_t set_aside = 0;
    /// Open connections now: leased, idle, being asked, and set aside.
    std::size_t size = 0;
    /// Of these, those that are idle or being asked.
    std::size_t idle = 0;
    /// Of these, those that are quiet, leased or not.
    std::size_t quiet = 0;
    /// Leases now, those of broken connections included.
    std::size_t active = 0;
    /// Connections being made now.
    std::size_t connecting = 0;
    /// Who waits for a connection now.
    std::size_t waiting = 0;
};

}  // namespace network_system::resilience
