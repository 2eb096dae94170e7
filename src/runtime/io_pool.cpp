#include "runtime/io_pool.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::runtime {
namespace {

struct client_pools {
    std::mutex mutex;
    std::array<std::weak_ptr<io_pool>, 2> pools;
    // Two, so that one client's long callback does not hold up every other client of the process.
    std::size_t threads = 2;
    io_threads::settings how{
        readiness_method::automatic, std::string(io_threads::usual_client_name), {}, {}, {}};
};

}  // namespace

io_pool::io_pool(std::size_t threads, const io_threads::settings& how) {
    threads_.reserve(threads);
    loops_.reserve(threads);
    try {
        for (std::size_t i = 0; i < threads; ++i) {
            auto started = io_threads::start(how, i);
            threads_.push_back(std::move(started.thread));
            loops_.push_back(std::move(started.where));
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
    if (io_threads::runs_hook()) {
        throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur));
    }
    // Never destroyed: a static client may be destroyed after anything in here.
    auto& all = detail::per_process<client_pools>::get();
    const std::lock_guard lock(all.mutex);
    std::weak_ptr<io_pool>& slot = all.pools[method == readiness_method::automatic ? 0 : 1];
    auto pool = slot.lock();
    if (!pool) {
        all.how.method = method;
        pool = std::make_shared<io_pool>(all.threads, all.how);
        slot = pool;
    }
    return pool;
}

bool io_pool::set_up_for_clients(std::size_t threads, io_threads::settings how) {
    auto& all = detail::per_process<client_pools>::get();
    const std::lock_guard lock(all.mutex);
    const bool is_there = std::any_of(all.pools.begin(), all.pools.end(),
                                      [](const auto& each) { return !each.expired(); });
    if (!is_there) {
        all.threads = threads;
        // What it was, the application's functions with it, goes after the lock.
        std::swap(all.how, how);
    }
    return !is_there;
}

const std::shared_ptr<loop>& io_pool::next_loop() noexcept {
    return loops_[next_.fetch_add(1, std::memory_order_relaxed) % loops_.size()];
}

}  // namespace network_system::runtime
