#include "utils/memory_return.h"

#if defined(__GLIBC__) || defined(__APPLE__)

#include "utils/compiler.h"
#include "utils/transient_thread.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <utility>

#ifdef __GLIBC__
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#else
#include <malloc/malloc.h>
#endif

namespace network_system::inline v0_1::detail {
namespace {

constexpr std::int64_t noted_at_once = std::int64_t{64} * 1024;
// Less than this is not worth the walk through the heap.
constexpr std::int64_t least_returned = std::int64_t{2} * 1024 * 1024;
// That walk takes as long as the heap is large: it is made when this part of the process's memory
// has been freed, so that it costs little for each byte, however large the application's part is.
constexpr std::int64_t part_worth_it = 8;
// Whether a storm is over is seen from what is held at most in such a time.
constexpr std::chrono::seconds watched{1};

#ifdef __GLIBC__
void give_back_free_memory() noexcept {
    (void)::malloc_trim(0);
}

/// Bytes of the process in memory; 0 where nothing tells.
std::int64_t resident() noexcept {
    const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return 0;
    }
    std::array<char, 128> text{};
    const auto size = ::read(file, text.data(), text.size());
    (void)::close(file);
    const char* const end = text.data() + (size > 0 ? size : 0);
    const auto* const space = static_cast<const char*>(
        std::memchr(text.data(), ' ', static_cast<std::size_t>(end - text.data())));
    std::int64_t pages = 0;
    if (space != nullptr) {
        (void)std::from_chars(space + 1, end, pages);
    }
    return pages * ::sysconf(_SC_PAGESIZE);
}
#else
void give_back_free_memory() noexcept {
    (void)::malloc_zone_pressure_relief(nullptr, 0);
}
std::int64_t resident() noexcept {
    return 0;
}
#endif

void raise(std::atomic<std::int64_t>& mark, std::int64_t to) noexcept {
    std::int64_t now = mark.load();
    while (now < to && !mark.compare_exchange_weak(now, to)) {}
}

class heap_keeper {
public:
    void record(std::int64_t change) {
        const std::int64_t held = held_.fetch_add(change) + change;
        if (change > 0) {
            raise(peak_, held);
            raise(latest_peak_, held);
        } else if (peak_.load() - held >= due_.load()) {
            const std::lock_guard lock(mutex_);
            // The thread looks again before it ends.
            if (thread_.ensure("net-memory", [this] { run(); })) {
                due_ = never;
            }
        }
    }
    void finish() {
        thread last;
        {
            const std::lock_guard lock(mutex_);
            last = thread_.finish();
            changed_.notify_all();
        }
        if (last.joinable()) {
            last.join();
        }
    }

private:
    static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

    void run() {
        std::unique_lock lock(mutex_);
        do {
            latest_peak_ = held_.load();
            if (changed_.wait_for(lock, watched, [this] { return thread_.is_finished(); })) {
                break;
            }
            const std::int64_t worth_it = std::max(least_returned, resident() / part_worth_it);
            if (const std::int64_t held = latest_peak_; peak_ - held >= worth_it) {
                peak_ = held;
                lock.unlock();
                give_back_free_memory();
                lock.lock();
                due_ = least_returned;
            } else if (const std::int64_t freed = peak_ - held_; freed < worth_it) {
                due_ = std::max(least_returned, 2 * freed);  // when there is more
            } else {
                due_ = least_returned;  // it still falls, or has risen in between
            }
        } while (peak_ - held_ >= due_);
        thread_.end();
    }

    std::atomic<std::int64_t> held_{0};
    // The most that was held since memory was given back, and since the thread last looked.
    std::atomic<std::int64_t> peak_{0};
    std::atomic<std::int64_t> latest_peak_{0};
    // So far below the peak the thread begins.
    std::atomic<std::int64_t> due_{least_returned};
    std::mutex mutex_;
    std::condition_variable changed_;
    transient_thread thread_;
};

// constinit: a call less.
NETWORK_FAST_TLS constinit thread_local std::int64_t changed_here = 0;

void tell_keeper() noexcept {
    try {
        finished_at_exit<heap_keeper>().record(std::exchange(changed_here, 0));
    } catch (const std::exception&) {
        // No memory or no thread: the next one tells.
    }
}

}  // namespace

void record_taken(std::size_t bytes) noexcept {
    changed_here += static_cast<std::int64_t>(bytes);
    if (changed_here >= noted_at_once) {
        tell_keeper();
    }
}

void record_freed(std::size_t bytes) noexcept {
    changed_here -= static_cast<std::int64_t>(bytes);
    if (changed_here <= -noted_at_once) {
        tell_keeper();
    }
}

}  // namespace network_system::detail

#else

namespace network_system::inline v0_1::detail {

void record_taken(std::size_t) noexcept {}
void record_freed(std::size_t) noexcept {}

}  // namespace network_system::detail

#endif
