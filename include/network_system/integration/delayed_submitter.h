#pragma once

#include <network_system/utils/log.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/thread_pool.h>
#include <network_system/utils/thread_pool_interface.h>
#include <network_system/utils/unique_function.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>

namespace network_system::inline v0_1::integration {

/// For adapters to pools without timers: keeps delayed tasks until their time, and submits them
/// then. One thread does that, made at the first delayed task.
///
/// Thread-safety: every member may be called from any thread.
///
/// Object lifetimes: the destructor destroys the tasks whose time has not come.
class delayed_submitter {
public:
    /// `pool` outlives this object, or owns it.
    explicit delayed_submitter(thread_pool_interface& pool) noexcept : pool_(pool) {}

    /// Errors: those of thread_pool::submit_delayed. A task that the pool refuses when its time has
    /// come is destroyed, which is logged.
    [[nodiscard]] VoidResult submit(unique_function<void()> task, std::chrono::milliseconds delay) {
        if (!task || delay.count() <= 0) {
            return pool_.submit(std::move(task));
        }
        return timers().submit_delayed(
            [this, task = std::move(task)]() mutable {
                if (const auto done = pool_.submit(std::move(task)); done.is_err()) {
                    log_record record;
                    record.level = log_level::error;
                    record.component = "thread_pool";
                    record.text = done.error().message;
                    write_log(record);
                }
            },
            delay);
    }
    /// Tasks whose time has not come.
    [[nodiscard]] std::size_t pending() const {
        const std::lock_guard lock(mutex_);
        return timers_ ? timers_->pending_tasks() : 0;
    }
    /// Destroys them, and takes no more.
    void stop() { timers().stop(); }

private:
    [[nodiscard]] thread_pool& timers() {
        const std::lock_guard lock(mutex_);
        if (!timers_) {
            timers_ = std::make_unique<thread_pool>(1);
        }
        return *timers_;
    }

    thread_pool_interface& pool_;
    mutable std::mutex mutex_;
    std::unique_ptr<thread_pool> timers_;
};

}  // namespace network_system::integration
