#pragma once

#include <network_system/export.h>
#include <network_system/session/messaging_session.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::resilience {

enum class health : std::uint8_t {
    /// No session is watched, or it has not answered yet.
    unknown,
    /// It has answered the last probe in time, or is about to.
    healthy,
    /// A probe has not been answered in time. Nothing is lost yet; what can be sent elsewhere is
    /// better sent there.
    quiet,
    /// It has given no sign of life for `interval` x `max_missed`.
    dead,
};

/// "healthy" and so on.
[[nodiscard]] NETWORK_SYSTEM_EXPORT std::string_view to_string(health state) noexcept;

struct health_options {
    /// Between two probes, while they are answered (half of it if `max_missed` is 1). From 10 ms to
    /// one day.
    std::chrono::milliseconds interval{5'000};
    /// How many probes in a row may go unanswered; from 1 to 1000. After the first one the next
    /// ones follow faster, so that the last answer may be waited for and yet a peer that has gone
    /// is found within `interval` x `max_missed`, counted from the last probe it has answered.
    unsigned max_missed = 3;
    /// Ends a session that is found dead, whose callbacks get `connection_timeout`.
    bool close_when_dead = true;
};

/// What has been measured since the monitor was made, over all sessions it has watched.
struct health_report {
    health state = health::unknown;
    /// Of the session that is watched, or was watched last; empty before the first.
    std::string session_id;

    // Round-trip times; 0 before the first answer.
    std::chrono::microseconds last_rtt{0};
    /// Smoothed, and how far it varies (RFC 6298, section 2).
    std::chrono::microseconds smoothed_rtt{0};
    std::chrono::microseconds rtt_variation{0};
    std::chrono::microseconds min_rtt{0};
    std::chrono::microseconds max_rtt{0};
    /// Percentiles of the last 128 answers.
    std::chrono::microseconds p50_rtt{0};
    std::chrono::microseconds p90_rtt{0};
    std::chrono::microseconds p99_rtt{0};

    std::uint64_t probes_sent = 0;
    /// In time or late.
    std::uint64_t probes_answered = 0;
    /// Not answered in time, when nothing else was heard of the peer either.
    std::uint64_t probes_missed = 0;
    /// Of these, how many in a row up to now.
    unsigned missed = 0;
    /// Part of the last 128 probes that were missed: 0 to 1.
    double loss_rate = 0;
};

/// Watches one session: pings it every `interval`, measures the round trips, tells when it goes
/// quiet, and ends it when it is dead. It finds peers whose end was never told: a machine without
/// power, a cable, a firewall that forgets.
///
///     resilience::health_monitor monitor({.interval = std::chrono::seconds{2}});
///     monitor.set_health_callback([](const auto& now) { set_aside(now.state != healthy); });
///     client.set_connected_callback([&](const auto& session) { (void)monitor.start(session); });
///
/// Of a client that connects again, every connection is a new session: started in the connected
/// callback, as above, the monitor follows the client, and goes on measuring.
///
/// Signs of life are answers and all other bytes that arrive. While a long queue waits, so does the
/// probe in it: that the peer takes what it is sent then counts too, as it does for the keep-alive
/// of session_config. A session that does not read, because it is paused or held by a limit, is
/// neither pinged nor judged.
///
/// Runs on the session's I/O thread, and costs no thread of its own.
///
/// Thread-safety: every member may be called from any thread and from any callback, the health
/// callback included.
///
/// Object lifetimes: it does not keep the session. The destructor stops; see `stop`.
class NETWORK_SYSTEM_EXPORT health_monitor {
public:
    using session_ptr = std::shared_ptr<session::messaging_session>;
    /// Runs on the session's I/O thread at each change to `healthy`, `quiet` or `dead`, the last
    /// before the session is closed; never twice at a time. What it throws closes the session. (The
    /// end of a session is not a change of health; the session's own callbacks tell of it.)
    using health_callback = unique_function<void(const health_report&)>;

    explicit health_monitor(const health_options& options = {});
    health_monitor(const health_monitor&) = delete;
    health_monitor& operator=(const health_monitor&) = delete;
    ~health_monitor();

    /// Watches this session from now on, instead of the one before. The first probe is sent at
    /// once.
    ///
    /// Errors: `invalid_argument` (no session, an option out of its range: the message names it),
    /// `not_supported` (other formats than `framing::message` and WebSocket have no pings),
    /// `connection_closed`, `out_of_memory`.
    [[nodiscard]] VoidResult start(const session_ptr& session);
    /// Watches the present connection of a client: anything with a `get_session`. See above for
    /// clients that connect again. Errors also: those of `get_session`.
    template <typename Client>
        requires requires(const Client& client) { client.get_session().value(); }
    [[nodiscard]] VoidResult start(const Client& client) {
        const auto found = client.get_session();
        return found ? start(session_ptr(found.value())) : VoidResult(found.error());
    }
    /// Ends the watch; the session is left as it is. Idempotent. Once it has returned to a thread
    /// that is not inside a library callback, no health callback runs or will run.
    void stop();

    /// Error: `invalid_argument` (a session is watched: callbacks are set before).
    discardable_result set_health_callback(health_callback callback);

    [[nodiscard]] health state() const;
    [[nodiscard]] health_report report() const;
    [[nodiscard]] const health_options& options() const noexcept;

private:
    class impl;

    // Shared with the handlers of pings.
    std::shared_ptr<impl> impl_;
};

}  // namespace network_system::resilience
