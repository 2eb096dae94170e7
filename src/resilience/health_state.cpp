#include "resilience/health_state.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::resilience {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds shortest_interval{10};
constexpr hours longest_interval{24};
constexpr unsigned most_misses = 1000;
// Bytes that are more than the pings themselves.
constexpr std::int64_t least_taken = 256;

/// What is left of the time for timers and threads to be late in.
health_state::duration margin_of(milliseconds interval) noexcept {
    return std::clamp(interval / 20, milliseconds{2}, milliseconds{20});
}

constexpr std::array health_ranges{
    detail::range<&health_options::interval>("interval", shortest_interval.count(),
                                             milliseconds(longest_interval).count()),
    detail::range<&health_options::max_missed>("max_missed", 1, most_misses),
};

}  // namespace

void check_health(detail::option_checks& checks, const std::optional<health_options>& health,
                  const connection_options& connection) {
    if (health) {
        const bool is_framed =
            connection.kind == connection_kind::tcp || connection.kind == connection_kind::tls;
        checks.ranges(*health, health_ranges, "health.");
        checks.must(!is_framed || connection.client.session.frames == framing::message,
                    "health needs connections with pings: framing::message or WebSocket");
    }
}

void round_trips::add(microseconds taken) noexcept {
    if (count_ == 0) {
        // RFC 6298, section 2.2.
        smoothed_ = least_ = most_ = taken;
        variation_ = taken / 2;
    } else {
        // Section 2.3, with alpha 1/8 and beta 1/4.
        variation_ = (3 * variation_ + std::chrono::abs(smoothed_ - taken)) / 4;
        smoothed_ = (7 * smoothed_ + taken) / 8;
        least_ = std::min(least_, taken);
        most_ = std::max(most_, taken);
    }
    last_[next_] = taken;
    next_ = (next_ + 1) % kept;
    count_ = std::min(count_ + 1, kept);
}

void round_trips::describe(health_report& into) const {
    if (count_ == 0) {
        return;
    }
    std::array<microseconds, kept> sorted = last_;
    const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(count_);
    std::sort(sorted.begin(), end);
    // The nearest rank: the smallest that so many per cent do not exceed.
    const auto percentile = [&](std::size_t percent) {
        return sorted[(count_ * percent + 99) / 100 - 1];
    };
    into.last_rtt = last_[(next_ + kept - 1) % kept];
    into.smoothed_rtt = smoothed_;
    into.rtt_variation = variation_;
    into.min_rtt = least_;
    into.max_rtt = most_;
    into.p50_rtt = percentile(50);
    into.p90_rtt = percentile(90);
    into.p99_rtt = percentile(99);
}

const char* health_state::check(const health_options& options) noexcept {
    if (options.interval < shortest_interval || options.interval > longest_interval) {
        return "health_options::interval is not from 10 ms to one day";
    }
    if (options.max_missed < 1 || options.max_missed > most_misses) {
        return "health_options::max_missed is not from 1 to 1000";
    }
    return nullptr;
}

health_state::health_state(const health_options& options) noexcept
    : max_missed_(options.max_missed),
      period_(max_missed_ > 1 ? duration(options.interval) : duration(options.interval) / 2),
      patience_((max_missed_ * duration(options.interval) - period_ - margin_of(options.interval)) /
                max_missed_) {}

void health_state::begin(const traffic& seen) {
    is_watching_ = true;
    state_ = health::unknown;
    missed_ = 0;
    step_ = 0;
    // As if the last answer were a period ago: a probe is due at once.
    base_ = -period_;
    last_look_ = duration{0};
    last_ = seen;
    waiting_.clear();
    waiting_.reserve(most_waiting);
}

std::vector<health_state::waiting_probe> health_state::end() noexcept {
    is_watching_ = false;
    if (state_ != health::dead) {
        state_ = health::unknown;
        missed_ = 0;
    }
    return std::exchange(waiting_, {});
}

health_state::duration health_state::next_deadline() const noexcept {
    return moment(step_);
}

void health_state::move_base(duration to) noexcept {
    base_ = std::max(base_, to);
    missed_ = 0;
    // What was done at the last look need not be done again.
    const auto passed = last_look_ - moment(0);
    step_ = passed < duration{0}
                ? 0
                : std::min(static_cast<unsigned>(passed / patience_) + 1, max_missed_);
}

bool health_state::has_taken_enough(const traffic& seen) const noexcept {
    return last_.is_behind && seen.taken - last_.taken >= least_taken;
}

health_state::action health_state::on_deadline(duration now, const traffic& seen) {
    const duration late = now - next_deadline();
    if (!is_watching_ || state_ == health::dead || late < duration{0}) {
        return action::none;
    }
    const bool was_heard = seen.received != last_.received;
    const bool is_alive = was_heard || has_taken_enough(seen);
    const bool was_paused = seen.is_paused || last_.is_paused;
    const duration before = last_look_;
    last_ = seen;
    last_look_ = now;
    if (was_paused) {
        // The peer is not to blame for what was not read.
        base_ = now - period_ + patience_;
        step_ = 0;
        missed_ = 0;
        return action::none;
    }
    if (step_ > 0 && is_alive) {
        if (was_heard) {
            state_ = health::healthy;
        }
        // It was there at the last look or later.
        last_look_ = before;
        move_base(before);
        last_look_ = now;
        if (next_deadline() > now) {
            return action::none;
        }
    } else if (step_ > 0 && late > patience_ / 2) {
        // This side was held up: the answer may well have arrived, and wait to be read.
        base_ += late + patience_;
        return action::none;
    } else if (step_ > 0) {
        return miss();
    } else if (late > patience_ / 2) {
        base_ += late;
    }
    ++step_;
    return action::probe;
}

health_state::action health_state::miss() noexcept {
    ++missed_;
    ++missed_total_;
    for (waiting_probe& each : waiting_) {
        if (!std::exchange(each.is_settled, true)) {
            settle(false);
        }
    }
    if (step_ >= max_missed_) {
        state_ = health::dead;
        waiting_.clear();
        return action::give_up;
    }
    state_ = health::quiet;
    ++step_;
    return action::probe;
}

void health_state::settle(bool is_answered) noexcept {
    outcomes_.set(next_outcome_, !is_answered);
    next_outcome_ = (next_outcome_ + 1) % kept_outcomes;
    outcome_count_ = std::min(outcome_count_ + 1, kept_outcomes);
}

std::optional<std::uint64_t> health_state::on_probe(std::uint64_t name, duration now) {
    std::optional<std::uint64_t> forgotten;
    if (waiting_.size() == most_waiting) {
        forgotten = waiting_.front().name;
        waiting_.erase(waiting_.begin());
    }
    waiting_.push_back({name, now, false});
    ++sent_;
    return forgotten;
}

void health_state::on_answer(std::uint64_t name, microseconds taken) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const waiting_probe& each) { return each.name == name; });
    if (found == waiting_.end()) {
        return;
    }
    const waiting_probe answered = *found;
    waiting_.erase(found);
    ++answered_;
    trips_.add(taken);
    if (!answered.is_settled) {
        settle(true);
    }
    state_ = health::healthy;
    move_base(answered.sent);
}

void health_state::on_failed(std::uint64_t name) noexcept {
    std::erase_if(waiting_, [&](const waiting_probe& each) { return each.name == name; });
}

void health_state::describe(health_report& into) const {
    into.state = state_;
    trips_.describe(into);
    into.probes_sent = sent_;
    into.probes_answered = answered_;
    into.probes_missed = missed_total_;
    into.missed = missed_;
    into.loss_rate = outcome_count_ == 0 ? 0
                                         : static_cast<double>(outcomes_.count()) /
                                               static_cast<double>(outcome_count_);
}

}  // namespace network_system::resilience
