#pragma once

#include <network_system/export.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <chrono>
#include <cstddef>

namespace network_system::inline v0_1 {

/// Threads that run tasks: the seam between the library and a pool of the application's.
///
/// An accepted task either runs once, on a thread of the pool, or is destroyed without being run,
/// at the latest with the pool. Both tell the library what it has to know, so a pool must do one of
/// them with every task, soon after it has stopped.
///
/// Thread-safety: every member may be called from any thread, also from inside a task.
class NETWORK_SYSTEM_EXPORT thread_pool_interface {
public:
    thread_pool_interface() = default;
    thread_pool_interface(const thread_pool_interface&) = delete;
    thread_pool_interface& operator=(const thread_pool_interface&) = delete;
    virtual ~thread_pool_interface() = default;

    /// Hands over a task. Never waits for a task and never throws; with an error the task is
    /// destroyed before this returns. Nothing is promised about the order of tasks.
    [[nodiscard]] virtual VoidResult submit(unique_function<void()> task) noexcept = 0;
    /// The same once `delay` has passed; 0 and below = at once. No thread of the pool waits for
    /// that. A task whose time has not come when the pool stops is destroyed. Whether there is room
    /// for it is found out now or then, as the pool likes.
    [[nodiscard]] virtual VoidResult submit_delayed(unique_function<void()> task,
                                                    std::chrono::milliseconds delay) noexcept = 0;

    [[nodiscard]] virtual std::size_t worker_count() const noexcept = 0;
    /// Accepted tasks that have not begun, the delayed ones included.
    [[nodiscard]] virtual std::size_t pending_tasks() const noexcept = 0;
    /// Whether tasks are accepted and will be run. Once false it stays so.
    [[nodiscard]] virtual bool is_running() const noexcept = 0;

    /// Whether the calling thread is one of the pool's. A pool that cannot tell answers false; then
    /// its own tasks must not make blocking calls of the library, such as `stop_server`.
    [[nodiscard]] virtual bool runs_here() const noexcept { return false; }
};

}  // namespace network_system
