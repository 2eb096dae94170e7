#include "runtime/io_pool.h"

#include "runtime/loop_runner.h"

#include <thread>

namespace network_system::runtime {
namespace {

// Two, so that one client's long callback does not hold up every other client of the process.
constexpr std::size_t shared_client_threads = 2;

}  // namespace

/// One thread that runs one loop. The thread shares ownership of the runner, so that it can end
/// after the pool when nobody may wait for it.
class io_pool::worker {
public:
    explicit worker(readiness_method method)
        : runner_(loop_runner::make(method)), thread_([runner = runner_] { runner->run(); }) {}
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    ~worker() { stop(); }

    void stop() {
        runner_->stop();
        if (!thread_.joinable()) {
            return;
        }
        if (loop::is_on_io_thread()) {
            thread_.detach();
        } else {
            thread_.join();
        }
    }

    [[nodiscard]] const std::shared_ptr<loop>& where() const noexcept { return runner_->where(); }

private:
    std::shared_ptr<loop_runner> runner_;
    std::thread thread_;
};

io_pool::io_pool(std::size_t threads, readiness_method method) {
    for (std::size_t i = 0; i < threads; ++i) {
        loops_.push_back(workers_.emplace_back(std::make_unique<worker>(method))->where());
    }
}

io_pool::io_pool(asio::io_context& context, readiness_method method)
    : loops_{loop::of(context, method)} {}

io_pool::~io_pool() {
    stop();
}

void io_pool::stop() {
    const std::lock_guard lock(stop_mutex_);
    for (const auto& each : workers_) {
        each->stop();
    }
}

std::shared_ptr<io_pool> io_pool::shared_for_clients(readiness_method method) {
    static std::mutex mutex;
    static std::weak_ptr<io_pool> pools[2];
    const std::lock_guard lock(mutex);
    std::weak_ptr<io_pool>& slot = pools[method == readiness_method::automatic ? 0 : 1];
    auto pool = slot.lock();
    if (!pool) {
        pool = std::make_shared<io_pool>(shared_client_threads, method);
        slot = pool;
    }
    return pool;
}

const std::shared_ptr<loop>& io_pool::next_loop() noexcept {
    return loops_[next_.fetch_add(1, std::memory_order_relaxed) % loops_.size()];
}

}  // namespace network_system::runtime
