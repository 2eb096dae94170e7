#include "session/keep_alive.h"

#include <algorithm>
#include <limits>

namespace network_system::inline v0_1::session {

using runtime::steady_time;
using std::chrono::milliseconds;

namespace {

// Bytes that a living peer takes of its queue in one ping interval.
constexpr std::uint64_t least_progress = 1024;
constexpr unsigned most_missed_pings = std::numeric_limits<std::uint16_t>::max();

/// In a part of the interval, as where pongs are waited for a shorter time, the same part of it.
std::uint64_t least_progress_in(steady_time::duration elapsed, milliseconds interval) {
    using seconds = std::chrono::duration<double>;
    const double part = seconds(elapsed) / seconds(interval);
    return part < 1 ? 1 + static_cast<std::uint64_t>(part * static_cast<double>(least_progress))
                    : least_progress;
}

}  // namespace

steady_time keep_alive::last_active(const traffic& seen) const noexcept {
    return std::max({seen.last_read, seen.last_write, resumed_at_});
}

steady_time keep_alive::ping_due(const limits& given, const traffic& seen) const noexcept {
    if (missed_pings_ > 0 && given.pong_timeout > milliseconds{0}) {
        return runtime::after(std::max(last_ping_, resumed_at_), given.pong_timeout);
    }
    // Counted from the last ping too, so that each one gets its full interval for an answer.
    return runtime::after(std::max({seen.last_read, last_ping_, resumed_at_}), given.ping_interval);
}

bool keep_alive::is_idle(const limits& given, const traffic& seen, steady_time now) const noexcept {
    return has_idle_limit(given) && now >= runtime::after(last_active(seen), given.idle_timeout);
}

bool keep_alive::is_ping_due(const limits& given, const traffic& seen,
                             steady_time now) const noexcept {
    return has_pings(given) && now >= ping_due(given, seen);
}

steady_time keep_alive::next_deadline(const limits& given, const traffic& seen,
                                      steady_time now) const noexcept {
    const auto idle = has_idle_limit(given) ? runtime::after(last_active(seen), given.idle_timeout)
                                            : steady_time::max();
    if (has_pings(given)) {
        return std::min(idle, ping_due(given, seen));
    }
    const auto halfway = runtime::after(last_active(seen), given.idle_timeout / 2);
    return looks_halfway(given) && now < halfway ? halfway : idle;
}

bool keep_alive::needs_progress(const limits& given, const traffic& seen,
                                steady_time now) const noexcept {
    return is_idle(given, seen, now) || is_ping_due(given, seen, now) ||
           (looks_halfway(given) &&
            now >= runtime::after(last_active(seen), given.idle_timeout / 2));
}

/// A ping waits behind what is queued, here and in the system's buffers, so that an answer says
/// nothing about a peer that is merely slow. That it takes what it is sent does.
bool keep_alive::has_taken_enough(const limits& given, steady_time now,
                                  const transport::peer_progress& made) noexcept {
    // What is taken when nothing waits may be no more than the pings.
    const auto elapsed = now - std::max(last_ping_, resumed_at_);
    const auto wanted =
        has_pings(given) ? least_progress_in(elapsed, given.ping_interval) : least_progress;
    const bool has = was_behind_ && made.taken >= wanted;
    was_behind_ = made.is_behind;
    if (has) {
        missed_pings_ = 0;
        resumed_at_ = now;
    }
    return has;
}

keep_alive::action keep_alive::on_deadline(const limits& given, const traffic& seen,
                                           steady_time now,
                                           const transport::peer_progress& made) noexcept {
    if (!needs_progress(given, seen, now)) {
        return action::none;
    }
    const bool has_expired = is_idle(given, seen, now);
    const bool must_ping = is_ping_due(given, seen, now);
    // When this comes far too late, it is this side that was held up, and the answer may well be
    // waiting in the socket.
    const bool was_held_up =
        must_ping && now > runtime::after(ping_due(given, seen), given.ping_interval / 2);
    if (has_taken_enough(given, now, made) || (!has_expired && !must_ping)) {
        return action::none;
    }
    if (has_expired) {
        return action::expire;
    }
    if (missed_pings_ >= std::min(given.max_missed_pings, most_missed_pings) && !was_held_up) {
        return action::give_up;
    }
    missed_pings_ = static_cast<std::uint16_t>(std::min(missed_pings_ + 1U, most_missed_pings));
    last_ping_ = now;
    return action::ping;
}

}  // namespace network_system::session
