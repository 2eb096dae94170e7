#include "resilience/pool_core.h"
#include "utils/contain.h"
#include "utils/failure.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace network_system::inline v0_1::resilience {

using std::chrono::milliseconds;

namespace {

[[nodiscard]] milliseconds least_pause_of(const connection_options& how) noexcept {
    return how.kind == connection_kind::ws || how.kind == connection_kind::wss
               ? how.ws.reconnect.initial_delay
               : how.client.reconnect.initial_delay;
}

}  // namespace

void pool_core::note_for_initializers() noexcept {
    for (const auto& each : initializers_) {
        if (!each->failure) {
            each->failure =
                detail::told_anyway(static_cast<errc>(failure_->code), [&] { return *failure_; });
        }
    }
}

void pool_core::refuse_for_a_while(const error_info& reason) noexcept {
    refusal_ = detail::told_anyway(static_cast<errc>(reason.code), [&] { return reason; });
    refused_until_ = detail::after(world_->now(), least_pause_of(options_.connection));
}

void pool_core::settle_first(pool_entry& entry) noexcept {
    if (std::exchange(entry.is_new, false)) {
        --new_entries_;
    }
}

// Who gets what.

void pool_core::serve() noexcept {
    while (!waiting_.empty()) {
        pool_entry* const found = usable_entry();
        if (found == nullptr) {
            break;
        }
        if (needs_check(*found)) {
            if (waiting_.size() <= count(node_state::checking)) {
                break;
            }
            begin_check(*found);
            continue;
        }
        if (lend_to(*waiting_.take_first(), *found)) {
            ++counted_.waited;
        }
    }
    if (refusal_ && live() == 0) {
        while (pool_waiter* const each = waiting_.take_first()) {
            ++counted_.abandoned;
            settle(*each, each->operation.complete()
                              ? detail::told_anyway(static_cast<errc>(refusal_->code),
                                                    [&] { return *refusal_; })
                              : told(errc::cancelled));
        }
    }
    make_missing(0);
    answer_initializers();
}

void pool_core::make_missing(std::size_t more) noexcept {
    if (is_shut_down_ || refusal_ || !is_prepared_) {
        return;
    }
    const std::size_t coming = count(node_state::connecting) + count(node_state::checking);
    const std::size_t needed = waiting_.size() + more;
    const std::size_t wanted =
        std::min(options_.max_size,
                 std::max(options_.min_size, live() + (needed > coming ? needed - coming : 0)));
    while (live() < wanted && entries_.size() / 2 < options_.max_size) {
        if (!detail::attempt([this] { add_entry(); })) {
            note_failure(errc::out_of_memory, {},
                         [] { return std::string("there is no memory for a connection"); });
            return;  // until the next who asks
        }
    }
}

void pool_core::prepare_one_more() noexcept {
    if (pool_entry* const stale = usable_entry()) {
        begin_check(*stale);
    } else {
        make_missing(1);
    }
}

bool pool_core::lend_to(pool_waiter& waiter, pool_entry& entry) noexcept {
    const bool is_wanted = waiter.operation.complete();
    if (is_wanted) {
        settle(waiter, lend(entry));
    } else {
        refuse(waiter, errc::cancelled);
    }
    return is_wanted;
}

void pool_core::settle(pool_waiter& waiter, Result<lease>&& outcome) noexcept {
    waiter.result.emplace(std::move(outcome));
    if (waiter.blocked != nullptr) {
        waiter.blocked->notify_one();
    } else {
        ready_.add(std::unique_ptr<pool_answer>(&waiter));
    }
}

void pool_core::refuse(pool_waiter& waiter, errc code) noexcept {
    ++counted_.abandoned;
    settle(waiter, told(waiter.operation.complete_with(code)));
}

void pool_core::end_waits() noexcept {
    while (pool_waiter* const each = waiting_.take_first()) {
        refuse(*each, errc::connection_closed);
    }
    while (!initializers_.empty()) {
        answer(0, told(errc::connection_closed));
    }
}

void pool_core::answer_initializers() noexcept {
    const bool is_decided =
        open() >= options_.min_size || new_entries_ == 0 || is_shut_down_ || live() == 0;
    while (is_decided && !initializers_.empty()) {
        initializer& one = *initializers_.front();
        const bool has_any = options_.min_size == 0 || open() > 0;
        const auto& failure = one.failure ? one.failure : failure_;
        answer(0, has_any ? ok() : VoidResult(failure ? *failure : told(errc::connection_failed)));
    }
}

void pool_core::answer(std::size_t place, VoidResult outcome) noexcept {
    std::unique_ptr<initializer> one = std::move(initializers_[place]);
    initializers_.erase(initializers_.begin() + static_cast<std::ptrdiff_t>(place));
    one->result =
        one->operation.complete() ? std::move(outcome) : VoidResult(told(errc::cancelled));
    ready_.add(std::move(one));
}

// Time.

void pool_core::want_wake(steady_time when) noexcept {
    if (when < wake_at_) {
        wake_at_ = when;
        is_wake_wanted_ = true;
    }
}

void pool_core::want_wake_for_idle(const pool_entry& entry) noexcept {
    want_wake(entry.expires);
    if (options_.idle_timeout > milliseconds{0} && live() > options_.min_size) {
        want_wake(detail::after(entry.idle_since, options_.idle_timeout));
    }
}

void pool_core::on_time() {
    guard lock(mutex_);
    wake_at_ = steady_time::max();
    is_wake_wanted_ = false;
    if (!is_shut_down_) {
        const steady_time now = world_->now();
        sweep_waiting(now);
        sweep_entries(now);
        serve();
        schedule();
    }
    finish(lock);
}

void pool_core::sweep_waiting(steady_time now) noexcept {
    for (pool_waiter* each = waiting_.first(); each != nullptr;) {
        pool_waiter& one = *each;
        each = waiting_list::after(one);
        if (one.deadline <= now) {
            waiting_.remove(one);
            ++counted_.timeouts;
            settle(one, one.operation.complete() ? timed_out(one) : told(errc::cancelled));
        }
    }
    for (std::size_t i = 0; i < initializers_.size();) {
        if (initializers_[i]->deadline <= now) {
            answer(i, failure_ ? detail::told_anyway(static_cast<errc>(failure_->code),
                                                     [&] { return *failure_; })
                               : told(errc::connection_timeout));
        } else {
            ++i;
        }
    }
}

void pool_core::sweep_entries(steady_time now) noexcept {
    for (const auto& each : entries_) {
        const bool is_unused = each->state == node_state::idle || each->state == node_state::quiet;
        if (is_unused && each->expires <= now) {
            retire(*each, ending::lifetime);
        } else if (each->state == node_state::checking && each->check_until <= now) {
            ++counted_.checks_failed;
            apply(*each, node_event::check_failed);
        } else if (each->state == node_state::connecting && waiting_.empty() &&
                   live() > options_.min_size && !is_wanted_again()) {
            retire(*each, ending::idle);
        }
    }
    while (options_.idle_timeout > milliseconds{0} && live() > options_.min_size) {
        pool_entry* const stalest = idle_.stalest();
        if (stalest == nullptr || detail::after(stalest->idle_since, options_.idle_timeout) > now) {
            break;
        }
        retire(*stalest, ending::idle);
    }
}

void pool_core::schedule() noexcept {
    for (const pool_waiter* each = waiting_.first(); each != nullptr;
         each = waiting_list::after(*each)) {
        want_wake(each->deadline);
    }
    for (const auto& each : initializers_) {
        want_wake(each->deadline);
    }
    for (const auto& each : entries_) {
        if (each->state == node_state::idle || each->state == node_state::quiet) {
            want_wake(each->expires);
        } else if (each->state == node_state::checking) {
            want_wake(each->check_until);
        }
    }
    if (idle_.stalest() != nullptr) {
        want_wake_for_idle(*idle_.stalest());
    }
    const bool has_attempts = count(node_state::connecting) > 0 && live() > options_.min_size;
    if (has_attempts && options_.idle_timeout > milliseconds{0}) {
        want_wake(std::max(detail::after(last_wish_, options_.idle_timeout),
                           detail::after(world_->now(), milliseconds{1})));
    }
}

// What is told.

pool_metrics pool_core::metrics() const {
    if (!belongs_here()) {
        return {};
    }
    const std::lock_guard lock(mutex_);
    pool_metrics all = counted_;
    all.size = open();
    all.idle = count(node_state::idle) + count(node_state::checking);
    all.active = leases_out();
    all.connecting = count(node_state::connecting) + count(node_state::broken);
    all.waiting = waiting_.size();
    all.quiet = static_cast<std::size_t>(
        std::count_if(entries_.begin(), entries_.end(), [](const auto& each) {
            return each->is_quiet && each->state != node_state::closing;
        }));
    return all;
}

std::optional<detail::steady_time> pool_core::unused_since() const {
    const std::lock_guard lock(mutex_);
    if (leases_out() > 0 || !waiting_.empty() || !initializers_.empty()) {
        return std::nullopt;
    }
    steady_time since = last_wish_;
    for (const auto& each : entries_) {
        if (each->state == node_state::idle || each->state == node_state::quiet) {
            since = std::max(since, each->idle_since);
        }
    }
    return since;
}

}  // namespace network_system::resilience
