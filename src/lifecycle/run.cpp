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
        finish_after_tasks(where);
    }
}

/// A look at one of the loops, which is over when a task has run there, or was dropped. The last
/// one ends the run, if that is still there: a loop that nobody runs any more must not keep it.
class run::last_visit {
public:
    last_visit(run& of, runtime::loop& where) : alive_(of.keep_alive()), of_(&of), where_(&where) {}
    last_visit(last_visit&& other) noexcept
        : alive_(std::move(other.alive_)), of_(std::exchange(other.of_, nullptr)),
          where_(other.where_) {}
    last_visit(const last_visit&) = delete;
    last_visit& operator=(const last_visit&) = delete;
    last_visit& operator=(last_visit&&) = delete;
    ~last_visit() {
        if (of_ == nullptr) {
            return;
        }
        const auto keep = alive_.lock();
        if (keep && of_->visits_.fetch_sub(1) == 1) {
            of_->finish(*where_);
        }
    }

private:
    std::weak_ptr<void> alive_;
    run* of_;
    runtime::loop* where_;
};

void run::finish_after_tasks(runtime::loop& where) noexcept {
    if (!is_on_own_threads_) {
        finish(where);
        return;
    }
    visits_ = loops().size() + 1;
    const last_visit here(*this, where);
    for (const auto& each : loops()) {
        // Without memory for it, those are not told who have asked for something just now.
        detail::contain([&] {
            unique_function<void()> task = [at = last_visit(*this, where)]() mutable {
                const last_visit over = std::move(at);
            };
            detail::insist([&] { each->post(std::move(task)); });
        });
    }
}

bool run::stop(std::chrono::milliseconds drain_timeout, driven_by threads) {
    begin_stop();
    const auto deadline = give_up_after(drain_timeout);
    if (threads == driven_by::own_threads) {
        wait_for_end();
    }
    const bool is_over = end_.wait_until(deadline);
    gate_->close();
    gate_->wait_until_idle();
    return is_over;
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
