#include "runtime/slow_close.h"

#include "utils/process.h"
#include "utils/threads.h"

#include <cstddef>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

namespace network_system::runtime {
namespace {

// Below this, handing a socket to another thread costs as much as closing it.
constexpr std::size_t slow_bytes = std::size_t{16} * 1024;
// Beyond this, those who make work for the thread do it themselves: it must not fall behind for
// ever.
constexpr std::size_t most_waiting = 4096;

class closer {
public:
    static closer& instance() {
        // Never destroyed: sockets are closed while the process exits, too.
        auto& only = detail::per_process<closer>::get();
        [[maybe_unused]] static const int status = std::atexit([] {
            if (closer* const left = detail::per_process<closer>::find()) {
                left->finish();
            }
        });
        return only;
    }

    /// Takes the socket; leaves it where it is if it cannot.
    void take(unique_socket& socket) {
        const std::lock_guard lock(mutex_);
        if (is_finished_ || waiting_.size() >= most_waiting) {
            return;
        }
        waiting_.reserve(waiting_.size() + 1);
        if (!is_running_) {
            if (thread_.joinable()) {
                thread_.join();  // it has nothing left to do but to end
            }
            thread_ = detail::make_thread([this] { run(); });
            is_running_ = true;
        }
        waiting_.push_back(std::move(socket));
    }

private:
    void run() {
        while (true) {
            // Closed at the end of the round, after the lock is free.
            std::vector<unique_socket> closing;
            const std::lock_guard lock(mutex_);
            is_running_ = !waiting_.empty();
            if (!is_running_) {
                return;
            }
            closing.swap(waiting_);
        }
    }
    void finish() {
        detail::thread last;
        {
            const std::lock_guard lock(mutex_);
            is_finished_ = true;
            last.swap(thread_);
        }
        if (last.joinable()) {
            last.join();
        }
    }

    std::mutex mutex_;
    detail::thread thread_;
    std::vector<unique_socket> waiting_;
    bool is_running_ = false;
    bool is_finished_ = false;
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
        closer::instance().take(socket);
    } catch (const std::exception&) {
        // No memory or no thread: it is closed here.
    }
}

}  // namespace network_system::runtime
