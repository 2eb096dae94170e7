// What connections tell a pool, and who gets one then.
#include "resilience/pool_core.h"
#include "utils/failure.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::resilience {

void pool_core::on_opened(pool_entry& entry, const session_ptr& who) {
    session_ptr former;  // destroyed after the lock: user data has destructors
    guard lock(mutex_);
    former = std::exchange(entry.session, who);
    if (entry.state == node_state::closing) {
        lock.unlock();
        return;
    }
    ++counted_.created;
    entry.expires = end_of_life();
    entry.is_quiet = false;
    failure_.reset();
    refusal_.reset();
    settle_first(entry);
    apply(entry, node_event::opened);
    serve();
    finish(lock);
}

void pool_core::on_lost(pool_entry& entry, const session_ptr& who, std::error_code reason,
                        bool goes_on) {
    session_ptr lost;
    guard lock(mutex_);
    const bool was_idle = entry.state == node_state::idle || entry.state == node_state::checking ||
                          entry.state == node_state::quiet;
    // It may be told late, when there is another one.
    if (entry.session == who && entry.state != node_state::closing) {
        lost = std::exchange(entry.session, nullptr);
        ++counted_.broken;
        entry.is_quiet = false;
        apply(entry, node_event::lost);
        note_failure(errc::connection_closed, reason,
                     [&] { return "the connection to " + target_ + " has been lost"; });
    }
    if (!goes_on) {
        apply(entry, node_event::gave_up);
        if (was_idle) {
            // Its server does not want it: another one at once would fare no better.
            refuse_for_a_while(failure_.value_or(closed_error("it was closed")));
        }
    } else if (is_surplus(entry)) {
        retire(entry, ending::idle);
    }
    serve();
    finish(lock);
}

void pool_core::on_attempt_failed(pool_entry& entry, unsigned attempts, std::error_code reason) {
    guard lock(mutex_);
    ++counted_.failed;
    const errc code = reason.category() == error_category() && reason
                          ? static_cast<errc>(reason.value())
                          : errc::connection_failed;
    note_failure(code, reason, [&] {
        const std::string tried =
            attempts > 1 ? " in " + std::to_string(attempts) + " attempts" : std::string();
        return "cannot connect to " + target_ + tried;
    });
    settle_first(entry);
    if (is_surplus(entry)) {
        retire(entry, ending::idle);
    }
    serve();
    finish(lock);
}

void pool_core::on_gave_up(pool_entry& entry, const error_info& reason) {
    guard lock(mutex_);
    if (entry.state != node_state::closing) {
        ++counted_.failed;
        failure_ = detail::told_anyway(static_cast<errc>(reason.code), [&] { return reason; });
        note_for_initializers();
        refuse_for_a_while(*failure_);
        settle_first(entry);
        apply(entry, node_event::gave_up);
        serve();
    }
    finish(lock);
}

void pool_core::on_stopped(pool_entry& entry) {
    std::unique_ptr<pool_entry> ended;  // destroyed after the lock
    guard lock(mutex_);
    ended = std::move(entries_[entry.place]);
    if (entry.place + 1 != entries_.size()) {
        entries_[entry.place] = std::move(entries_.back());
        entries_[entry.place]->place = entry.place;
    }
    entries_.pop_back();
    --counts_[static_cast<std::size_t>(entry.state)];
    if (is_shut_down_) {
        ended_.notify_all();
    }
    serve();
    finish(lock);
}

void pool_core::on_health(pool_entry& entry, std::string_view session_id, health state) {
    guard lock(mutex_);
    // It may be told late, when there is another connection.
    if (entry.state == node_state::closing || !entry.session || entry.session->id() != session_id) {
        return;
    }
    entry.is_quiet = state != health::healthy;
    if (entry.is_quiet) {
        set_aside(entry);
    } else {
        apply(entry, node_event::answered);
    }
    serve();
    finish(lock);
}

void pool_core::on_checked(session::operation_id operation, bool has_answered) {
    guard lock(mutex_);
    // It may be gone, or have been given up.
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto& each) {
        return each->check == operation && each->state == node_state::checking;
    });
    if (found != entries_.end()) {
        counted_.checks_failed += has_answered ? 0U : 1U;
        apply(**found, has_answered ? node_event::check_passed : node_event::check_failed);
        serve();
    }
    finish(lock);
}

}  // namespace network_system::resilience
