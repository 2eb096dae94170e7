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

[[nodiscard]] milliseconds least_pause_of(const connection_options& how) noexcept {
    return how.kind == connection_kind::ws || how.kind == connection_kind::wss
               ? how.ws.reconnect.initial_delay
               : how.client.reconnect.initial_delay;
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

bool pool_core::cancel(session::operation_id operation) {
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
    if (world_->may_block()) {
        wait_until_quiet();
    }
}

void pool_core::wait_until_quiet() {
    gate_.wait_until_idle();
    guard lock(mutex_);
    const auto is_quiet = [this] { return entries_.size() == leases_out(); };
    const auto deadline = world_->give_up_at();
    detail::wait_until(quiet_, lock, deadline, is_quiet);
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
        pool_waiter& first = *waiting_.first();
        waiting_.remove(first);
        if (lend_to(first, *found)) {
            ++counted_.waited;
        }
    }
    if (refusal_ && live() == 0) {
        while (pool_waiter* const each = waiting_.first()) {
            waiting_.remove(*each);
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
    while (pool_waiter* const each = waiting_.first()) {
        waiting_.remove(*each);
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
        if (each->state == node_state::idle && each->expires <= now) {
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
        if (each->state == node_state::idle) {
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
    return all;
}

bool pool_core::is_unused_since(steady_time when) const {
    const std::lock_guard lock(mutex_);
    const pool_entry* const freshest = idle_.freshest();
    return leases_out() == 0 && waiting_.empty() && initializers_.empty() && last_wish_ < when &&
           (freshest == nullptr || freshest->idle_since < when);
}

}  // namespace network_system::resilience
