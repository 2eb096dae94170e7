#pragma once

#include <network_system/export.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/thread_pool.h>
#include <network_system/utils/thread_pool_interface.h>
#include <network_system/utils/unique_function.h>

#include <chrono>
#include <cstddef>
#include <memory>

namespace network_system::inline v0_1::integration {

using network_system::thread_pool_interface;

/// The library's own pool.
using basic_thread_pool = network_system::thread_pool;

/// The thread pool of the process, for what an application has no pool of its own for. Give it to
/// servers and clients as `stream_options::callback_pool`, so that it runs their callbacks:
///
///     core::server_options options;
///     options.callback_pool = thread_integration_manager::instance().get_thread_pool();
///
/// Thread-safety: every member may be called from any thread.
class NETWORK_SYSTEM_EXPORT thread_integration_manager {
public:
    /// Of a pool.
    struct pool_metrics {
        std::size_t worker_threads = 0;
        std::size_t pending_tasks = 0;
        bool is_running = false;
    };

    [[nodiscard]] static thread_integration_manager& instance();

    thread_integration_manager(const thread_integration_manager&) = delete;
    thread_integration_manager& operator=(const thread_integration_manager&) = delete;

    /// From now on `get_thread_pool` answers this one; null = the library's own again. Who has the
    /// old one keeps it.
    void set_thread_pool(std::shared_ptr<thread_pool_interface> pool);
    /// The pool that was set; else a `basic_thread_pool` with a thread for each processor, made at
    /// the first call. Never null.
    [[nodiscard]] std::shared_ptr<thread_pool_interface> get_thread_pool();

    /// `thread_pool_interface::submit` and `submit_delayed` of that pool.
    [[nodiscard]] VoidResult submit_task(unique_function<void()> task);
    [[nodiscard]] VoidResult submit_delayed_task(unique_function<void()> task,
                                                 std::chrono::milliseconds delay);
    /// Zero while there is no pool; this makes none.
    [[nodiscard]] pool_metrics get_metrics() const;

private:
    thread_integration_manager() = default;
    ~thread_integration_manager() = default;
};

}  // namespace network_system::integration
