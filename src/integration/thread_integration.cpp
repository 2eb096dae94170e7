#include "utils/process.h"

#include <network_system/integration/thread_integration.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

namespace network_system::inline v0_1::integration {
namespace {

/// A forked child has none of its parent's threads, and gets a pool of its own.
struct pool_of_process {
    std::mutex mutex;
    std::shared_ptr<thread_pool_interface> pool;
};

pool_of_process& shared_pool() {
    return network_system::detail::per_process<pool_of_process>::get();
}

std::shared_ptr<thread_pool_interface> make_own_pool() {
    constexpr std::size_t most = 256;
    const std::size_t processors = std::thread::hardware_concurrency();
    return std::make_shared<basic_thread_pool>(std::clamp<std::size_t>(processors, 1, most));
}

}  // namespace

thread_integration_manager& thread_integration_manager::instance() {
    static thread_integration_manager only;
    return only;
}

void thread_integration_manager::set_thread_pool(std::shared_ptr<thread_pool_interface> pool) {
    {
        const std::lock_guard lock(shared_pool().mutex);
        shared_pool().pool.swap(pool);
    }
    // The old one goes without the lock: its destructor may join threads.
}

std::shared_ptr<thread_pool_interface> thread_integration_manager::get_thread_pool() {
    const std::lock_guard lock(shared_pool().mutex);
    auto& pool = shared_pool().pool;
    if (!pool) {
        pool = make_own_pool();
    }
    return pool;
}

VoidResult thread_integration_manager::submit_task(unique_function<void()> task) {
    return get_thread_pool()->submit(std::move(task));
}

VoidResult thread_integration_manager::submit_delayed_task(unique_function<void()> task,
                                                           std::chrono::milliseconds delay) {
    return get_thread_pool()->submit_delayed(std::move(task), delay);
}

thread_integration_manager::pool_metrics thread_integration_manager::get_metrics() const {
    std::shared_ptr<thread_pool_interface> pool;
    {
        const std::lock_guard lock(shared_pool().mutex);
        pool = shared_pool().pool;
    }
    return pool ? pool_metrics{pool->worker_count(), pool->pending_tasks(), pool->is_running()}
                : pool_metrics{};
}

}  // namespace network_system::integration
