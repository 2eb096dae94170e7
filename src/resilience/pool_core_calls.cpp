#include "lifecycle/restartable.h"
#include "resilience/pool_core.h"
#include "runtime/loop.h"
#include "utils/failure.h"
#include "utils/log.h"
#include "utils/user_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::resilience {

using std::chrono::milliseconds;

namespace {

[[nodiscard]] milliseconds connect_timeout_of(const pool_options& options) noexcept {
    const auto kind = options.connection.kind;
    return kind == connection_kind::ws || kind == connection_kind::wss
               ? options.connection.ws.connect_timeout
               : options.connection.client.connect_timeout;
}

void run_answer(pool_answer& one) noexcept {
    if (const auto thrown = detail::run_user_code([&] { one.tell(); })) {
        detail::log_limited(detail::log_kind::thrown, {pool_core::source, {}},
                            "a handler threw: {}", thrown->text);
    }
}

}  // namespace

// The application's calls.

Result<lease> pool_core::acquire(milliseconds timeout) {
    if (!belongs_here()) {
        return core::made_before_fork(source);
    }
    guard lock(mutex_);
    if (waiting_.empty()) {
        pool_entry* const found = usable_entry();
        if (found != nullptr && !needs_check(*found)) {
            lease lent = lend(*found);
            finish(lock);
            return lent;
        }
    }
    return detail::within_memory([&] { return wait_for_lease(lock, timeout); });
}

Result<lease> pool_core::wait_for_lease(guard& lock, milliseconds timeout) {
    if (timeout < milliseconds{0}) {
        return detail::failure_in_words(
            errc::invalid_argument,
            fmt::format("the time to wait for a connection is {} ms", timeout.count()), source);
    }
    if (auto refused = refusal_to_begin()) {
        return *std::move(refused);
    }
    const bool may_wait = timeout > milliseconds{0} && world_->may_block();
    if (!may_wait) {
        auto refused = refusal_of_server();
        if (!refused) {
            refused = none_to_be_had(errc::would_block, "no idle connection to " + target_);
            prepare_one_more();
        }
        finish(lock);
        return *std::move(refused);
    }
    if (auto refused = refusal_to_wait()) {
        finish(lock);
        return *std::move(refused);
    }
    std::condition_variable answered;
    pool_waiter waiter;
    waiter.timeout = timeout;
    waiter.blocked = &answered;
    const auto deadline = detail::after(std::chrono::steady_clock::now(), timeout);
    waiting_.add(waiter);
    serve();
    finish(lock);
    lock.lock();
    detail::wait_until(answered, lock, deadline, [&] { return waiter.result.has_value(); });
    if (!waiter.result) {
        waiting_.remove(waiter);
        ++counted_.timeouts;
        return timed_out(waiter);
    }
    return *std::move(waiter.result);
}

VoidResult pool_core::acquire(connection_pool::acquire_handler& handler,
                              session::operation_id operation) {
    if (!handler) {
        return detail::failure_in_words(errc::invalid_argument, "acquire: no handler", source);
    }
    if (!belongs_here()) {
        return core::made_before_fork(source);
    }
    return detail::within_memory([&]() -> VoidResult {
        auto waiter = std::make_unique<pool_waiter>();
        guard lock(mutex_);
        if (auto refused = refusal_to_begin()) {
            return *std::move(refused);
        }
        pool_entry* const found = waiting_.empty() ? usable_entry() : nullptr;
        const bool is_at_once = found != nullptr && !needs_check(*found);
        if (!is_at_once) {
            auto refused = refusal_to_wait();
            if (!refused && options_.acquire_timeout == milliseconds{0}) {
                refused = none_to_be_had(errc::would_block, "no idle connection to " + target_);
                prepare_one_more();
            }
            if (refused) {
                finish(lock);
                return *std::move(refused);
            }
        }
        if (operation != session::operation_id::none &&
            !waiter->operation.begin(operation, shared_from_this())) {
            return session::operation_exists(source);
        }
        waiter->timeout = options_.acquire_timeout;
        waiter->handler = std::move(handler);
        if (is_at_once) {
            (void)lend_to(*waiter.release(), *found);
        } else {
            waiter->deadline = detail::after(world_->now(), waiter->timeout);
            want_wake(waiter->deadline);
            waiting_.add(*waiter.release());
            serve();
        }
        finish(lock);
        return ok();
    });
}

VoidResult pool_core::initialize(connection_pool::initialize_handler& handler,
                                 session::operation_id operation) {
    if (!handler) {
        return detail::failure_in_words(errc::invalid_argument, "initialize: no handler", source);
    }
    if (!belongs_here()) {
        return core::made_before_fork(source);
    }
    return detail::within_memory([&]() -> VoidResult {
        auto waiting = std::make_unique<initializer>();
        guard lock(mutex_);
        if (auto refused = refusal_to_begin()) {
            return *std::move(refused);
        }
        initializers_.reserve(initializers_.size() + 1);
        if (operation != session::operation_id::none &&
            !waiting->operation.begin(operation, shared_from_this())) {
            return session::operation_exists(source);
        }
        // Each attempt ends by itself; this is for loops that are held up.
        waiting->deadline = detail::after(
            detail::after(world_->now(), connect_timeout_of(options_)), core::run::stop_grace);
        want_wake(waiting->deadline);
        waiting->handler = std::move(handler);
        initializers_.push_back(std::move(waiting));
        refusal_.reset();
        serve();
        finish(lock);
        return ok();
    });
}

detail::steady_time pool_core::initialized_by() const noexcept {
    return core::run::give_up_after(
        detail::sum(connect_timeout_of(options_), core::run::stop_grace));
}

bool pool_core::cancel(session::operation_id operation) const {
    return belongs_here() && session::pending_operation::cancel(operation, this);
}

void pool_core::shut_down() {
    if (!belongs_here()) {
        return;
    }
    answer_list answers;
    {
        guard lock(mutex_);
        if (!std::exchange(is_shut_down_, true)) {
            end_waits();
            for (const auto& each : entries_) {
                if (!is_out(each->state) && each->state != node_state::closing) {
                    retire(*each, ending::shutdown);
                }
            }
        }
        answers.take(ready_);
        wake_at_ = steady_time::max();
        is_wake_wanted_ = is_prepared_;
        // Before the gate closes: others that shut down wait for these answers.
        const bool is_inside = gate_.try_enter();
        gate_.close();
        finish(lock);
        if (is_inside) {
            const runtime::loop::callback_scope scope;
            while (const auto next = answers.pop()) {
                run_answer(*next);
            }
            gate_.leave();
        }
    }
    if (may_block()) {
        wait_until_ended();
    }
}

void pool_core::wait_until_ended() {
    gate_.wait_until_idle();
    guard lock(mutex_);
    const auto has_ended = [this] { return entries_.size() == leases_out(); };
    const auto deadline = world_->give_up_at();
    detail::wait_until(ended_, lock, deadline, has_ended);
}

void pool_core::run_answers() {
    for (;;) {
        std::unique_ptr<pool_answer> next;
        {
            const guard lock(mutex_);
            next = ready_.pop();
            if (!next || !gate_.try_enter()) {
                are_answers_due_ = false;
                return;
            }
        }
        run_answer(*next);
        next.reset();  // what it holds is the application's
        gate_.leave();
    }
}

void pool_core::on_cancelled(session::operation_id operation) noexcept {
    guard lock(mutex_);
    for (pool_waiter* each = waiting_.first(); each != nullptr; each = waiting_list::after(*each)) {
        if (each->operation.id() == operation) {
            waiting_.remove(*each);
            refuse(*each, errc::cancelled);
            break;
        }
    }
    for (std::size_t i = 0; i < initializers_.size(); ++i) {
        if (initializers_[i]->operation.id() == operation) {
            answer(i, told(errc::cancelled));
            break;
        }
    }
    finish(lock);
}

// Why not.

std::optional<error_info> pool_core::refusal_to_begin() {
    if (is_shut_down_) {
        return closed_error("the pool has been shut down");
    }
    if (!validity_) {
        return validity_.error();
    }
    if (!is_prepared_) {
        if (const VoidResult prepared = world_->prepare(); !prepared) {
            return prepared.error();
        }
        is_prepared_ = true;
    }
    return std::nullopt;
}

std::optional<error_info> pool_core::refusal_of_server() {
    last_wish_ = world_->now();
    if (options_.idle_timeout > milliseconds{0}) {
        want_wake(detail::after(last_wish_, options_.idle_timeout));
    }
    if (refusal_ && last_wish_ >= refused_until_) {
        refusal_.reset();
    }
    return live() == 0 ? refusal_ : std::nullopt;
}

std::optional<error_info> pool_core::refusal_to_wait() {
    auto refused = refusal_of_server();
    if (!refused && waiting_.size() >= options_.max_waiting) {
        ++counted_.refused;
        refused = detail::failure_in_words(errc::rate_limited,
                                           fmt::format("{} wait for a connection to {} already: {}",
                                                       waiting_.size(), target_, describe_use()),
                                           source);
    }
    return refused;
}

error_info pool_core::closed_error(const char* why) const noexcept {
    return detail::told_anyway(errc::connection_closed, [&] {
        return detail::failure_in_words(
            errc::connection_closed, fmt::format("no connection to {}: {}", target_, why), source);
    });
}

std::string pool_core::describe_use() const {
    std::string text;
    const auto tell = [&](std::size_t number, const char* what) {
        if (number > 0) {
            text += fmt::format("{}{} of {} {}", text.empty() ? "" : ", ", number,
                                options_.max_size, what);
        }
    };
    tell(leases_out(), "in use");
    tell(count(node_state::checking), "being checked");
    tell(count(node_state::quiet), "quiet");
    tell(count(node_state::connecting), "being made");
    if (failure_) {
        text += (text.empty() ? "" : "; ") + failure_->message;
    }
    return text.empty() ? "none is there" : text;
}

error_info pool_core::none_to_be_had(errc code, std::string beginning) const {
    auto none =
        detail::failure_in_words(code, std::move(beginning) + ": " + describe_use(), source);
    none.details = failure_ ? failure_->message : std::string();
    return none;
}

error_info pool_core::timed_out(const pool_waiter& waiter) const noexcept {
    return detail::told_anyway(errc::connection_timeout, [&] {
        return none_to_be_had(
            errc::connection_timeout,
            fmt::format("no connection to {} within {} ms", target_, waiter.timeout.count()));
    });
}

error_info pool_core::told(errc code) const noexcept {
    return detail::told_anyway(code, [&] {
        return code == errc::connection_closed
                   ? closed_error("the pool has been shut down")
                   : detail::failure(code, "no connection to " + target_, source);
    });
}

}  // namespace network_system::resilience
