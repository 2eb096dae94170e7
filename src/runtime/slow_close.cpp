#include "runtime/slow_close.h"

#include "utils/transient_thread.h"

#include <cstddef>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::runtime {
namespace {

// Below this, handing a socket to another thread costs as much as closing it.
constexpr std::size_t slow_bytes = std::size_t{16} * 1024;
// Beyond this, those who make work for the thread do it themselves: it must not fall behind for
// ever.
constexpr std::size_t most_waiting = 4096;

class closer {
public:
    /// Takes the socket; leaves it where it is if it cannot.
    void take(unique_socket& socket) {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= most_waiting) {
            return;
        }
        waiting_.reserve(waiting_.size() + 1);
        if (thread_.ensure("net-close", [this] { run(); })) {
            waiting_.push_back(std::move(socket));
        }
    }
    void finish() {
        detail::thread last;
        {
            const std::lock_guard lock(mutex_);
            last = thread_.finish();
        }
        if (last.joinable()) {
            last.join();
        }
    }

private:
    void run() {
        while (true) {
            // Closed at the end of the round, after the lock is free.
            std::vector<unique_socket> closing;
            const std::lock_guard lock(mutex_);
            if (waiting_.empty()) {
                thread_.end();
                return;
            }
            closing.swap(waiting_);
        }
    }

    std::mutex mutex_;
    detail::transient_thread thread_;
    std::vector<unique_socket> waiting_;
};

}  // namespace

bool closes_slowly([[maybe_unused]] socket_handle handle) noexcept {
#ifdef _WIN32
    return false;
#else
    // Bytes or buffers, it is memory of the system.
    return sockets::count_unacknowledged(handle, 0, sockets::unacknowledged::unit::bytes).size >=
           slow_bytes;
#endif
}

void close_aside(unique_socket socket) noexcept {
    try {
        detail::finished_at_exit<closer>().take(socket);
    } catch (const std::exception&) {
        // No memory or no thread: it is closed here.
    }
}

}  // namespace network_system::runtime
