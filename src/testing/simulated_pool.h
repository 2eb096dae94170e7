#pragma once

#include "testing/world.h"

#include <network_system/utils/thread_pool_interface.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace network_system::inline v0_1::testing::detail {

struct universe;

/// A pool whose tasks run one at a time, in any order, between the batches of the loops.
///
/// Thread-safety: none.
class simulated_pool final : public thread_pool_interface, private runnable {
public:
    simulated_pool(std::shared_ptr<universe> in, std::uint64_t number, std::size_t threads);
    simulated_pool(const simulated_pool&) = delete;
    simulated_pool& operator=(const simulated_pool&) = delete;
    ~simulated_pool() override;

    VoidResult submit(unique_function<void()> task) noexcept override;
    VoidResult submit_delayed(unique_function<void()> task,
                              std::chrono::milliseconds delay) noexcept override;
    std::size_t worker_count() const noexcept override { return threads_; }
    std::size_t pending_tasks() const noexcept override { return tasks_.size() + delayed_; }
    bool is_running() const noexcept override { return is_running_; }
    bool runs_here() const noexcept override { return is_inside_; }

    /// Destroys what has not begun.
    void stop();

private:
    void run_once() override;

    const std::shared_ptr<universe> universe_;
    const std::uint64_t number_;
    const std::size_t threads_;
    std::vector<unique_function<void()>> tasks_;
    // Tasks that the world still holds; they hold this in turn, and look whether it runs.
    std::size_t delayed_ = 0;
    const std::shared_ptr<simulated_pool*> self_ = std::make_shared<simulated_pool*>(this);
    bool is_running_ = true;
    bool is_inside_ = false;
};

}  // namespace network_system::testing::detail
