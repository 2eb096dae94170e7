#pragma once

#include <network_system/export.h>
#include <network_system/utils/thread_pool_interface.h>

#include <chrono>
#include <cstddef>
#include <memory>

namespace network_system::inline v0_1 {

/// A fixed number of threads that run tasks in the order they were accepted, each on the first
/// thread that is free. What a task throws is caught and logged.
///
/// Thread-safety: every member may be called from any thread, also from inside a task.
///
/// Object lifetimes: the destructor stops the pool and joins its threads. The pool may also be
/// destroyed inside one of its own tasks: the threads then end by themselves, each after the task
/// it is running.
///
/// A child of fork() has none of the threads: there `submit` answers `not_supported`, and the
/// destructor waits for nobody.
class NETWORK_SYSTEM_EXPORT thread_pool final : public thread_pool_interface {
public:
    /// `threads`: 1 … 256. `max_pending`: tasks that may wait to begin; one more is refused. 0 = no
    /// limit. A pool that cannot be made (`threads` out of range, or the system has no more
    /// threads) is not running, and `submit` says why.
    explicit thread_pool(std::size_t threads, std::size_t max_pending = 0);
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;
    ~thread_pool() override;

    /// Errors: `send_buffer_full` (`max_pending` tasks are waiting), `not_initialized` (stopped),
    /// `invalid_argument` (an empty task, or `threads` was out of range), `internal_error` (no
    /// memory, or no threads).
    [[nodiscard]] VoidResult submit(unique_function<void()> task) noexcept override;
    /// Counts among `max_pending` from now on. The same errors. `milliseconds::max()` = never.
    [[nodiscard]] VoidResult submit_delayed(unique_function<void()> task,
                                            std::chrono::milliseconds delay) noexcept override;

    [[nodiscard]] std::size_t worker_count() const noexcept override;
    [[nodiscard]] std::size_t pending_tasks() const noexcept override;
    [[nodiscard]] bool is_running() const noexcept override;
    [[nodiscard]] bool runs_here() const noexcept override;

    /// Accepts no more tasks, lets those that are running finish, and destroys those that are
    /// pending without running them; returns when all threads have ended. Inside a task it only
    /// begins that. Idempotent.
    void stop() noexcept;

private:
    class impl;

    std::shared_ptr<impl> impl_;
};

}  // namespace network_system
