#pragma once

#include "runtime/callback_gate.h"
#include "runtime/io_pool.h"
#include "utils/deadline.h"
#include "utils/failure.h"
#include "utils/log.h"

#include <network_system/session/messaging_session.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace network_system::core {

/// The waiting part of a start-stop life: threads that wait until it is over.
///
/// Thread-safety: every member may be called from any thread.
class end_of_life {
public:
    void announce() {
        {
            const std::lock_guard lock(mutex_);
            is_over_.store(true, std::memory_order_release);
        }
        over_.notify_all();
    }
    [[nodiscard]] bool is_over() const noexcept { return is_over_.load(std::memory_order_acquire); }
    void wait() const {
        std::unique_lock lock(mutex_);
        over_.wait(lock, [this] { return is_over(); });
    }
    bool wait_until(detail::steady_time deadline) const {
        std::unique_lock lock(mutex_);
        return detail::wait_until(over_, lock, deadline, [this] { return is_over(); });
    }

private:
    mutable std::mutex mutex_;
    mutable std::condition_variable over_;
    std::atomic<bool> is_over_{false};
};

/// One life of a server or client, from a start to the end of the last thing it has on its loops;
/// how it is stopped, and that its callbacks are over then.
///
/// Thread-safety: the public members from any thread.
class life {
public:
    /// `log` gets its lines; null: the process's sink.
    life(std::string name, std::shared_ptr<runtime::io_pool> pool, std::shared_ptr<log_output> log)
        : name_(std::move(name)), pool_(std::move(pool)), log_(std::move(log)) {}
    life(const life&) = delete;
    life& operator=(const life&) = delete;
    virtual ~life() = default;

    [[nodiscard]] const end_of_life& end() const noexcept { return end_; }
    /// In a forked child: it is its parent's, which goes on with it. Its locks may be held by
    /// threads that do not exist here, so nothing else of it may be called, its destructor
    /// included.
    [[nodiscard]] bool is_left_behind() const noexcept {
        return !end_.is_over() && !pool_->belongs_here();
    }
    /// Grace for a drain that ends exactly at its deadline.
    static constexpr std::chrono::milliseconds stop_grace{100};
    /// When a thread that waits for something with a timeout of its own gives up.
    [[nodiscard]] static detail::steady_time give_up_after(
        std::chrono::milliseconds timeout) noexcept {
        return detail::after(detail::after(std::chrono::steady_clock::now(), timeout), stop_grace);
    }

    /// Whether the calling thread may wait for this life to end: it is no I/O thread, and does not
    /// run the io_context.
    [[nodiscard]] virtual bool may_block() const noexcept;
    /// Begins the end, whatever the state; `end()` tells when it is over. Idempotent. Throws
    /// std::bad_alloc when it has not begun: it can be asked for again.
    virtual void begin_stop() = 0;
    /// Who runs a life's loops, as far as a stop can rely on it.
    enum class driven_by : std::uint8_t { own_threads, others };
    /// The whole stop, from a thread that may block: when it returns, no callback runs or will run.
    /// False when something remains after `drain_timeout` because others run the loops and do not.
    /// With own threads there is always an end, so that a slow machine or a long callback costs
    /// time, and neither callbacks nor counts.
    bool stop(std::chrono::milliseconds drain_timeout, driven_by threads = driven_by::others);
    /// The stop without waiting: takes `handler`, which runs when all else is over. False when that
    /// is over, too.
    [[nodiscard]] bool stop_then(session::stop_handler& handler);
    /// `work` runs when all is over, on whatever thread that is; false when it is over already.
    [[nodiscard]] bool call_when_over(unique_function<void()> work);
    /// The stop without waiting: begins it, and keeps callbacks that are not running out.
    void abandon();

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// For its lines of the log.
    [[nodiscard]] detail::log_source writer() const noexcept {
        return {component(), object_id(), &log_limits_, log_.get()};
    }
    [[nodiscard]] runtime::io_pool& pool() const noexcept { return *pool_; }

protected:
    /// The kind of object that it is, for the log.
    [[nodiscard]] virtual std::string_view component() const noexcept = 0;
    [[nodiscard]] virtual std::string_view object_id() const noexcept { return name_; }
    /// Guards the user's callbacks.
    [[nodiscard]] virtual const std::shared_ptr<runtime::callback_gate>& callbacks_gate()
        const noexcept = 0;
    [[nodiscard]] virtual std::shared_ptr<void> keep_alive() = 0;
    virtual void wait_for_end() const { end_.wait(); }

    /// Runs a callback that belongs to no session, if callbacks are still taken; whether it ran to
    /// its end.
    bool run_callback(runtime::loop& where, const unique_function<void()>& callback) noexcept;
    [[nodiscard]] std::uint64_t callback_exceptions() const noexcept {
        return callback_exceptions_;
    }
    void note_callback_exception() noexcept {
        callback_exceptions_.fetch_add(1, std::memory_order_relaxed);
    }

    /// The last of it is gone: answers those who asked for the stop, and wakes those who wait.
    void finish(runtime::loop& where) noexcept;

    std::string name_;
    std::shared_ptr<runtime::io_pool> pool_;

private:
    /// Takes the handler of a stop; false when it comes too late.
    [[nodiscard]] bool keep_for_the_end(session::stop_handler& handler);

    const std::shared_ptr<log_output> log_;
    mutable detail::log_limits log_limits_;
    end_of_life end_;
    std::mutex stop_handlers_mutex_;
    std::vector<session::stop_handler> stop_handlers_;
    std::vector<unique_function<void()>> when_over_;
    bool is_finished_ = false;
    std::atomic<std::uint64_t> callback_exceptions_{0};
};

/// A stop from a destructor, which cannot report that there was no memory to begin it: that is
/// tried again for a while. Whether it was done.
template <typename Stop>
[[nodiscard]] bool stop_patiently(const Stop& stop) {
    constexpr int most_tries = 500;
    constexpr std::chrono::milliseconds pause{10};
    for (int i = 0; i < most_tries; ++i) {
        if (detail::within_memory(stop)) {
            return true;
        }
        std::this_thread::sleep_for(pause);
    }
    return false;
}

}  // namespace network_system::core
