#pragma once

#include "runtime/io_threads.h"
#include "utils/process.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace network_system::inline v0_1::runtime {

/// The loops that an object's connections are spread over: own threads, one loop each, or the one
/// loop of a user's io_context.
///
/// Thread-safety: every member may be called from any thread.
///
/// Object lifetimes: the destructor ends and joins own threads; on an I/O thread, where nothing
/// may block, it lets them end by themselves.
class io_pool {
public:
    /// Starts `threads` threads (at least one). Throws what io_threads::start does.
    io_pool(std::size_t threads, const io_threads::settings& how);
    /// Uses the user's context; it has to outlive the sockets, and is never stopped from here.
    io_pool(asio::io_context& context, readiness_method method);
    /// Loops (at least one) that somebody steps by hand: nobody may wait for what happens on them.
    explicit io_pool(std::vector<std::shared_ptr<loop>> stepped);
    io_pool(const io_pool&) = delete;
    io_pool& operator=(const io_pool&) = delete;
    ~io_pool();

    /// The pool that all clients of the process share; it ends with its last user.
    [[nodiscard]] static std::shared_ptr<io_pool> shared_for_clients(readiness_method method);
    /// How the next one is made, of whichever method. False while there is one.
    [[nodiscard]] static bool set_up_for_clients(std::size_t threads, io_threads::settings how);

    [[nodiscard]] const std::vector<std::shared_ptr<loop>>& loops() const noexcept {
        return loops_;
    }
    /// See loop::belongs_here.
    [[nodiscard]] bool belongs_here() const noexcept { return loops_.front()->belongs_here(); }
    [[nodiscard]] bool can_be_waited_for() const noexcept { return !is_stepped_; }
    /// Ends and joins own threads; on an I/O thread they end by themselves. Idempotent. Nothing in
    /// a forked child.
    void stop();

    /// The loops in turn.
    [[nodiscard]] const std::shared_ptr<loop>& next_loop() noexcept;

private:
    std::vector<std::shared_ptr<loop>> loops_;
    std::vector<io_threads::handle> threads_;
    std::atomic<std::size_t> next_{0};
    const detail::origin made_in_;
    std::mutex stop_mutex_;
    const bool is_stepped_ = false;
};

}  // namespace network_system::runtime
