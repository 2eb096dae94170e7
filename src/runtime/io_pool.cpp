#include "runtime/io_pool.h"

#include <array>
#include <utility>

namespace network_system::inline v0_1::runtime {
namespace {

// Two, so that one client's long callback does not hold up every other client of the process.
constexpr std::size_t shared_client_threads = 2;

struct client_pools {
    std::mutex mutex;
    std::array<std::weak_ptr<io_pool>, 2> pools;
};

}  // namespace

io_pool::io_pool(std::size_t threads, readiness_method method) {
    try {
        for (std::size_t i = 0; i < threads; ++i) {
            const auto& started = threads_.emplace_back(io_threads::start(method));
            loops_.push_back(io_threads::loop_of(started));
        }
    } catch (...) {
        stop();
        throw;
    }
}

io_pool::io_pool(asio::io_context& context, readiness_method method)
    : loops_{loop::of(context, method)} {}

io_pool::io_pool(std::vector<std::shared_ptr<loop>> stepped)
    : loops_(std::move(stepped)), is_stepped_(true) {}

io_pool::~io_pool() {
    stop();
}

void io_pool::stop() {
    if (!made_in_.is_here()) {
        return;  // a forked child does not have the threads
    }
    // Everybody waits for who joins, except the threads that may be the ones to be joined.
    std::unique_lock lock(stop_mutex_, std::defer_lock);
    if (!loop::is_on_io_thread()) {
        lock.lock();
    }
    for (const auto& each : threads_) {
        io_threads::end(each);
    }
}

std::shared_ptr<io_pool> io_pool::shared_for_clients(readiness_method method) {
    // Never destroyed: a static client may be destroyed after anything in here.
    auto& all = detail::per_process<client_pools>::get();
    const std::lock_guard lock(all.mutex);
    std::weak_ptr<io_pool>& slot = all.pools[method == readiness_method::automatic ? 0 : 1];
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
