#include "lifecycle/life.h"

#include "utils/contain.h"
#include "utils/log.h"
#include "utils/user_code.h"

namespace network_system::core {

bool life::may_block() const noexcept {
    return !runtime::loop::is_on_io_thread() && pool_->can_be_waited_for() &&
           !pool_->loops().front()->context_runs_here();
}

bool life::stop(std::chrono::milliseconds drain_timeout, driven_by threads) {
    begin_stop();
    const auto deadline = give_up_after(drain_timeout);
    if (threads == driven_by::own_threads) {
        wait_for_end();
    }
    const bool is_over = end_.wait_until(deadline);
    callbacks_gate()->close();
    callbacks_gate()->wait_until_idle();
    return is_over;
}

bool life::stop_then(session::stop_handler& handler) {
    if (!keep_for_the_end(handler)) {
        return false;
    }
    begin_stop();
    return true;
}

bool life::keep_for_the_end(session::stop_handler& handler) {
    const std::lock_guard lock(stop_handlers_mutex_);
    if (!is_finished_) {
        stop_handlers_.push_back(std::move(handler));
    }
    return !is_finished_;
}

bool life::call_when_over(unique_function<void()> work) {
    const std::lock_guard lock(stop_handlers_mutex_);
    if (!is_finished_) {
        when_over_.push_back(std::move(work));
    }
    return !is_finished_;
}

void life::finish(runtime::loop& where) noexcept {
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

void life::abandon() {
    callbacks_gate()->close();
    detail::insist([this] { begin_stop(); });
}

bool life::run_callback(runtime::loop& where, const unique_function<void()>& callback) noexcept {
    // A thread of a callback pool is on no loop.
    const auto& gate = callbacks_gate();
    const bool is_on_loop = where.runs_here();
    if (is_on_loop ? !where.enter(gate) : where.is_silenced() || !gate->try_enter()) {
        return false;
    }
    const auto thrown = detail::run_user_code(callback);
    if (thrown) {
        note_callback_exception();
        detail::log_limited(detail::log_kind::thrown, writer(), "a callback threw: {}",
                            thrown->text);
    }
    if (!is_on_loop) {
        gate->leave();
    }
    return !thrown;
}

}  // namespace network_system::core
