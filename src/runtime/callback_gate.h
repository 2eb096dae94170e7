#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace network_system::inline v0_1::runtime {

/// Guards the user callbacks of one object (a server, a client). Threads enter before they run
/// callbacks; closing it keeps new ones out, and waiting returns once nobody is inside.
///
/// Thread-safety: every member may be called from any thread; `wait_until_idle` not from inside.
class callback_gate {
public:
    [[nodiscard]] bool is_open() const noexcept {
        return (state_.load(std::memory_order_relaxed) & closed_bit) == 0;
    }

    /// Nobody is inside: of a closed gate, for ever.
    [[nodiscard]] bool is_idle() const noexcept {
        return state_.load(std::memory_order_acquire) < one_inside;
    }

    [[nodiscard]] bool try_enter() noexcept {
        if ((state_.fetch_add(one_inside, std::memory_order_acquire) & closed_bit) == 0) {
            return true;
        }
        leave();
        return false;
    }

    void leave() noexcept {
        if (state_.fetch_sub(one_inside, std::memory_order_release) == (one_inside | closed_bit)) {
            // The lock orders this with a waiter between its check and its wait.
            const std::lock_guard lock(mutex_);
            idle_.notify_all();
        }
    }

    void close() noexcept { state_.fetch_or(closed_bit, std::memory_order_acq_rel); }

    void wait_until_idle() {
        std::unique_lock lock(mutex_);
        idle_.wait(lock, [this] { return is_idle(); });
    }

private:
    static constexpr std::uint32_t closed_bit = 1;
    static constexpr std::uint32_t one_inside = 2;

    std::atomic<std::uint32_t> state_{0};
    std::mutex mutex_;
    std::condition_variable idle_;
};

}  // namespace network_system::runtime
