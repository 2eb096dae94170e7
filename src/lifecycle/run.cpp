#include "lifecycle/run.h"

#include "utils/contain.h"
#include "utils/log.h"
#include "utils/on_exception.h"
#include "utils/user_code.h"

namespace network_system::inline v0_1::core {

bool run::may_block() const noexcept {
    return !runtime::loop::is_on_io_thread() && pool_->can_be_waited_for() &&
           !pool_->loops().front()->context_runs_here();
}

void run::begin_stop() {
    auto expected = not_stopping;
    const auto deadline = stop_deadline();
    if (!ends_by_.compare_exchange_strong(expected, deadline)) {
        return;
    }
    const detail::on_exception undo([this] { ends_by_ = not_stopping; });
    end_parts(deadline);
}

void run::release_part(runtime::loop& where) noexcept {
    if (parts_.fetch_sub(1) == 1) {
        log_end();
        finish(where);
    }
}

bool run::stop(std::chrono::milliseconds drain_timeout, driven_by threads, bool runs_tasks) {
    begin_stop();
    const auto deadline = give_up_after(drain_timeout);
    if (threads == driven_by::own_threads) {
        wait_for_end();
    }
    const bool is_over = end_.wait_until(deadline);
    if (is_over && runs_tasks) {
        (void)detail::attempt([&] { let_tasks_run(deadline); });
    }
    gate_->close();
    gate_->wait_until_idle();
    return is_over;
}

void run::let_tasks_run(detail::steady_time deadline) {
    const auto passed = std::make_shared<run_end>();
    // Let go of by tasks that have run, or that a loop drops at its end.
    std::shared_ptr<void> last(nullptr, [passed](void*) { passed->announce(); });
    for (const auto& each : loops()) {
        each->post([visit = last]() mutable { visit.reset(); });
    }
    last.reset();
    (void)passed->wait_until(deadline);
}

bool run::stop_then(session::stop_handler& handler) {
    if (!take_stop_handler(handler)) {
        return false;
    }
    begin_stop();
    return true;
}

bool run::take_stop_handler(session::stop_handler& handler) {
    const std::lock_guard lock(stop_handlers_mutex_);
    if (!is_finished_) {
        stop_handlers_.push_back(std::move(handler));
    }
    return !is_finished_;
}

bool run::call_when_over(unique_function<void()> work) {
    const std::lock_guard lock(stop_handlers_mutex_);
    if (!is_finished_) {
        when_over_.push_back(std::move(work));
    }
    return !is_finished_;
}

void run::finish(runtime::loop& where) noexcept {
    std::vector<unique_function<void()>> followers;
    while (true) {
        std::vector<session::stop_handler> handlers;
        {
            const std::lock_guard lock(stop_handlers_mutex_);
            if (stop_handlers_.empty()) {
                is_finished_ = true;
                followers.swap(when_over_);
                break;
            }
            // The last callback ran on a pool's thread; these belong to the loop.
            if (!where.runs_here() && detail::attempt_often([&] {
                    where.post([keep = keep_alive(), this, &where] { finish(where); });
                })) {
                return;
            }
            handlers.swap(stop_handlers_);
        }
        // More may ask meanwhile: whoever is answered is answered before the end.
        for (const auto& each : handlers) {
            run_callback(where, [&] { each(ok()); });
        }
    }
    detail::tell_held_back(writer());
    end_.announce();
    for (const auto& each : followers) {
        each();
    }
}

void run::abandon() {
    gate_->close();
    detail::insist([this] { begin_stop(); });
}

bool run::run_callback(runtime::loop& where, const unique_function<void()>& callback) noexcept {
    // A thread of a callback pool is on no loop.
    const bool is_on_loop = where.runs_here();
    if (is_on_loop ? !where.enter(gate_) : where.is_silenced() || !gate_->try_enter()) {
        return false;
    }
    const auto thrown = detail::run_user_code(callback);
    if (thrown) {
        record_callback_exception();
        detail::log_limited(detail::log_kind::thrown, writer(), "a callback threw: {}",
                            thrown->text);
    }
    if (!is_on_loop) {
        gate_->leave();
    }
    return !thrown;
}

}  // namespace network_system::core
