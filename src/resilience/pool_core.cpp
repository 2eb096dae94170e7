#include "resilience/pool_core.h"

#include "lifecycle/addresses.h"
#include "utils/contain.h"

#include <limits>
#include <utility>

namespace network_system::inline v0_1::resilience {

using std::chrono::milliseconds;

void idle_list::add(pool_entry& one) noexcept {
    one.fresher = nullptr;
    one.staler = freshest_;
    (freshest_ != nullptr ? freshest_->fresher : stalest_) = &one;
    freshest_ = &one;
}

void idle_list::remove(pool_entry& one) noexcept {
    (one.fresher != nullptr ? one.fresher->staler : freshest_) = one.staler;
    (one.staler != nullptr ? one.staler->fresher : stalest_) = one.fresher;
    one.fresher = nullptr;
    one.staler = nullptr;
}

pool_core::pool_core(const pool_options& options, VoidResult validity,
                     std::unique_ptr<pool_world> world)
    : options_(options), validity_(std::move(validity)), world_(std::move(world)),
      target_(core::describe_target(options.server.host, options.server.port)) {}

pool_core::~pool_core() {
    // After a shutdown nobody waits.
    while (pool_waiter* const left = waiting_.take_first()) {
        if (left->blocked == nullptr) {
            delete left;
        }
    }
}

void pool_core::apply(pool_entry& entry, node_event event) noexcept {
    const node_step next = step(entry.state, event);
    --counts_[static_cast<std::size_t>(entry.state)];
    ++counts_[static_cast<std::size_t>(next.next)];
    entry.state = next.next;
    switch (next.action) {
        case node_action::none: break;
        case node_action::offer:
            entry.idle_since = world_->now();
            entry.check = session::operation_id::none;
            idle_.add(entry);
            want_wake_for_idle(entry);
            break;
        case node_action::withdraw: idle_.remove(entry); break;
        case node_action::check:
            idle_.remove(entry);
            entry.is_to_check = true;
            add_job(entry);
            break;
        case node_action::withdraw_and_close: idle_.remove(entry); [[fallthrough]];
        case node_action::close:
            entry.check = session::operation_id::none;
            settle_first(entry);
            entry.is_to_stop = true;
            add_job(entry);
            break;
    }
}

void pool_core::add_entry() {
    auto added = std::make_unique<pool_entry>();
    added->place = entries_.size();
    added->is_to_start = true;
    entries_.push_back(std::move(added));
    ++counts_[static_cast<std::size_t>(node_state::connecting)];
    ++new_entries_;
    add_job(*entries_.back());
    if (idle_.stalest() != nullptr) {
        want_wake_for_idle(*idle_.stalest());  // there may be more than the minimum now
    }
}

void pool_core::retire(pool_entry& entry, ending why) noexcept {
    switch (why) {
        case ending::idle: ++counted_.evicted_idle; break;
        case ending::lifetime: ++counted_.evicted_lifetime; break;
        case ending::shutdown: break;
    }
    apply(entry, node_event::retired);
}

void pool_core::begin_check(pool_entry& entry) noexcept {
    ++counted_.checks;
    apply(entry, node_event::check_begun);
    entry.check = session::next_operation_id();
    entry.check_until = detail::after(world_->now(), options_.check_timeout);
    want_wake(entry.check_until);
}

pool_entry* pool_core::usable_entry() noexcept {
    while (pool_entry* const freshest = idle_.freshest()) {
        const session::messaging_session& at = *freshest->session;
        if (!at.is_stopped() && at.takes_requests()) {
            return freshest;
        }
        // It ends, and its client is about to tell.
        apply(*freshest, node_event::lost);
    }
    return nullptr;
}

bool pool_core::needs_check(const pool_entry& entry) const noexcept {
    return options_.check_after > milliseconds{0} &&
           detail::after(entry.idle_since, options_.check_after) < world_->now();
}

void pool_core::set_aside(pool_entry& entry) noexcept {
    const bool was_aside = entry.state == node_state::quiet;
    apply(entry, node_event::went_quiet);
    counted_.set_aside += entry.state == node_state::quiet && !was_aside ? 1U : 0U;
}

bool pool_core::is_surplus(const pool_entry& entry) const noexcept {
    if (entry.state != node_state::connecting || live() <= options_.min_size) {
        return false;
    }
    // One goes on trying while somebody may come again: its pauses are what keeps those who ask
    // often from asking the server as often.
    return count(node_state::connecting) > waiting_.size() + (is_wanted_again() ? 1U : 0U);
}

bool pool_core::is_wanted_again() const noexcept {
    return options_.idle_timeout == milliseconds{0} ||
           world_->now() < detail::after(last_wish_, options_.idle_timeout);
}

pool_core::steady_time pool_core::end_of_life() const noexcept {
    if (options_.max_lifetime == milliseconds{0}) {
        return steady_time::max();
    }
    const auto latest = detail::after(world_->now(), options_.max_lifetime);
    if (latest == steady_time::max()) {
        return latest;
    }
    constexpr double all = 100.0 * static_cast<double>(std::numeric_limits<std::uint32_t>::max());
    const double part = static_cast<double>(static_cast<std::uint32_t>(world_->random())) *
                        static_cast<double>(options_.lifetime_jitter) / all;
    return latest - std::chrono::duration_cast<milliseconds>(options_.max_lifetime * part);
}

std::size_t pool_core::leases_out() const noexcept {
    return count(node_state::leased) + count(node_state::broken) + count(node_state::replaced) +
           count(node_state::ended);
}

std::size_t pool_core::open() const noexcept {
    return count(node_state::leased) + count(node_state::replaced) + count(node_state::idle) +
           count(node_state::checking) + count(node_state::quiet);
}

lease pool_core::lend(pool_entry& entry) noexcept {
    ++counted_.acquired;
    apply(entry, node_event::taken);
    return {shared_from_this(), &entry, entry.session};
}

void pool_core::give_back(pool_entry& entry, bool is_reusable) noexcept {
    guard lock(mutex_);
    if (entry.state == node_state::leased && entry.session->is_stopped()) {
        apply(entry, node_event::lost);  // its client is about to tell
    }
    if (is_shut_down_) {
        retire(entry, ending::shutdown);
    } else if (is_reusable) {
        apply(entry, node_event::returned);
        if (entry.state == node_state::idle && entry.expires <= entry.idle_since) {
            retire(entry, ending::lifetime);
        } else if (entry.is_quiet) {
            set_aside(entry);
        }
    } else {
        ++counted_.discarded;
        apply(entry, node_event::discarded);
    }
    if (!waiting_.empty() || entry.state != node_state::idle) {
        if (is_surplus(entry)) {
            retire(entry, ending::idle);
        }
        serve();
    }
    finish(lock);
}

// What follows.

void pool_core::add_job(pool_entry& entry) noexcept {
    if (std::exchange(entry.has_job, true)) {
        return;
    }
    entry.next_job = nullptr;
    (last_job_ != nullptr ? last_job_->next_job : first_job_) = &entry;
    last_job_ = &entry;
}

void pool_core::work(guard& lock) noexcept {
    if (std::exchange(is_working_, true)) {
        lock.unlock();
        return;  // whoever does it goes on with this
    }
    const auto self = shared_from_this();
    for (;;) {
        if (pool_entry* const entry = first_job_) {
            first_job_ = entry->next_job;
            last_job_ = first_job_ != nullptr ? last_job_ : nullptr;
            entry->has_job = false;
            do_job(lock, *entry);
        } else if (std::exchange(is_wake_wanted_, false)) {
            const steady_time when = wake_at_;
            lock.unlock();
            detail::insist([&] { world_->wake_at(self, when); });
            lock.lock();
        } else if (!ready_.empty() && !are_answers_due_) {
            are_answers_due_ = true;
            lock.unlock();
            const bool is_called = detail::insist([&] { world_->call_for_answers(self); });
            lock.lock();
            if (!is_called) {
                are_answers_due_ = false;  // with whatever happens next
                break;
            }
        } else {
            break;
        }
    }
    is_working_ = false;
    lock.unlock();
}

void pool_core::do_job(guard& lock, pool_entry& entry) noexcept {
    const bool is_to_start = std::exchange(entry.is_to_start, false);
    const bool is_to_stop = std::exchange(entry.is_to_stop, false);
    const bool is_to_check = std::exchange(entry.is_to_check, false) && !is_to_stop;
    session_ptr asked = is_to_check ? entry.session : nullptr;
    const auto operation = entry.check;
    lock.unlock();
    if (is_to_start && !is_to_stop) {
        start(entry);
    }
    if (asked) {
        check(asked, operation);
        asked.reset();
    }
    if (is_to_stop) {
        if (entry.connection) {
            entry.connection->stop();
        } else {
            on_stopped(entry);
        }
    }
    lock.lock();
}

void pool_core::start(pool_entry& entry) noexcept {
    const VoidResult begun = detail::within_memory([&]() -> VoidResult {
        auto made = world_->make(shared_from_this(), entry);
        if (!made) {
            return made.error();
        }
        entry.connection = std::move(made).value();
        return entry.connection->start();
    });
    if (!begun) {
        on_gave_up(entry, begun.error());
    }
}

void pool_core::check(const session_ptr& who, session::operation_id operation) noexcept {
    const VoidResult begun = detail::within_memory([&] {
        return who->ping(
            [core = weak_from_this(), operation](const Result<std::chrono::microseconds>& time) {
                if (const auto alive = core.lock()) {
                    alive->on_checked(operation, time.is_ok());
                }
            },
            operation);
    });
    if (!begun) {
        // Connections without pings are taken as they are.
        on_checked(operation, begun.error() == errc::not_supported);
    }
}

}  // namespace network_system::resilience
