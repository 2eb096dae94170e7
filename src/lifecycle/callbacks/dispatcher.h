#pragma once

#include <network_system/utils/thread_pool_interface.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {

/// Somebody whose callbacks are due.
class callback_source {
public:
    callback_source() = default;
    callback_source(const callback_source&) = delete;
    callback_source& operator=(const callback_source&) = delete;
    virtual ~callback_source() = default;

    /// Runs some of them; whether more are due. Never by two threads at once.
    [[nodiscard]] virtual bool run() = 0;
    /// The pool has ended; nothing will run.
    virtual void drop() noexcept = 0;
};

/// Runs the callbacks of an engine's sessions on a pool, in turn: the sources that are due wait in
/// a queue, and at most one task for each thread of the pool takes from it. A task for every source
/// would wake a thread for each, and fill the pool's queue.
///
/// Thread-safety: every member may be called from any thread.
///
/// Object lifetimes: shared; its tasks keep it.
class callback_dispatcher : public std::enable_shared_from_this<callback_dispatcher> {
public:
    using source_ptr = std::shared_ptr<callback_source>;

    explicit callback_dispatcher(std::shared_ptr<thread_pool_interface> pool)
        : pool_(std::move(pool)) {}

    [[nodiscard]] const thread_pool_interface& pool() const noexcept { return *pool_; }

    /// Callbacks of `due`, which is not in the queue and does not run, are due. True when
    /// `start_workers` has to follow, once for all that are added together.
    [[nodiscard]] bool add(source_ptr due);
    void start_workers();

private:
    class worker;

    [[nodiscard]] std::size_t most_workers() const noexcept;
    void work();
    [[nodiscard]] source_ptr take();
    [[nodiscard]] bool give_way();
    void submit_worker();
    void record_begun() noexcept;
    [[nodiscard]] source_ptr take_lost() noexcept;
    /// A worker leaves without having looked whether there is more to do.
    void end_worker() noexcept;

    const std::shared_ptr<thread_pool_interface> pool_;
    std::mutex mutex_;
    std::deque<source_ptr> due_;
    std::size_t workers_ = 0;
    // Of these, submitted and not running yet.
    std::size_t starting_ = 0;
};

}  // namespace network_system::core
