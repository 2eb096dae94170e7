#pragma once

// Of the component network_system::thread_system; needs thread_system.
#include <network_system/integration/delayed_submitter.h>
#include <network_system/integration/pool_mark.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/thread_pool_interface.h>
#include <network_system/utils/unique_function.h>

#include <kcenon/thread/core/thread_pool.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace network_system::inline v0_1::integration {

/// A pool of thread_system's, which can run the callbacks of this library:
///
///     auto pool = std::make_shared<kcenon::thread::thread_pool>("callbacks");
///     ... workers, start ...
///     options.callback_pool = std::make_shared<thread_system_pool>(pool);
///
/// Thread-safety: every member may be called from any thread.
///
/// Object lifetimes: the destructor leaves the pool running.
class thread_system_pool final : public thread_pool_interface {
public:
    /// `pool` is not null.
    explicit thread_system_pool(std::shared_ptr<kcenon::thread::thread_pool> pool)
        : pool_(std::move(pool)) {}

    /// Errors: `invalid_argument` (an empty task), `not_initialized` (the pool does not run),
    /// `internal_error` (it threw).
    [[nodiscard]] VoidResult submit(unique_function<void()> task) noexcept override {
        if (!task) {
            return refusal(errc::invalid_argument, "cannot submit an empty task");
        }
        try {
            // A std::function is copied, and a task of ours is not.
            auto held = std::make_shared<unique_function<void()>>(std::move(task));
            const bool is_taken =
                pool_->is_running() && pool_->submit_task([this, held = std::move(held)] {
                    const pool_mark here(this);
                    (*held)();
                });
            return is_taken ? ok()
                            : refusal(errc::not_initialized, "thread_system's pool does not run");
        } catch (const std::exception& failure) {
            return refusal(errc::internal_error,
                           std::string("thread_system's pool threw: ") + failure.what());
        } catch (...) {
            return refusal(errc::internal_error, "thread_system's pool threw");
        }
    }
    /// On a timer of this object's: thread_system's own lets a worker sleep.
    [[nodiscard]] VoidResult submit_delayed(unique_function<void()> task,
                                            std::chrono::milliseconds delay) noexcept override {
        return delayed_.submit(std::move(task), delay);
    }
    [[nodiscard]] std::size_t worker_count() const noexcept override {
        return pool_->get_thread_count();
    }
    [[nodiscard]] std::size_t pending_tasks() const noexcept override {
        return pool_->get_pending_task_count() + delayed_.pending();
    }
    [[nodiscard]] bool is_running() const noexcept override { return pool_->is_running(); }
    [[nodiscard]] bool runs_here() const noexcept override { return pool_mark::is_on(this); }

    [[nodiscard]] const std::shared_ptr<kcenon::thread::thread_pool>& pool() const noexcept {
        return pool_;
    }

private:
    [[nodiscard]] static VoidResult refusal(errc code, const std::string& text) {
        return error_void(static_cast<int>(code), text, "thread_system_pool");
    }

    const std::shared_ptr<kcenon::thread::thread_pool> pool_;
    delayed_submitter delayed_{*this};
};

}  // namespace network_system::integration
