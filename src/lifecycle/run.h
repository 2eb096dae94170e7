#pragma once

#include "runtime/callback_gate.h"
#include "runtime/io_pool.h"
#include "utils/counter.h"
#include "utils/deadline.h"
#include "utils/failure.h"
#include "utils/log.h"

#include <network_system/core/run_options.h>
#include <network_system/session/messaging_session.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {

/// The end of a run, for threads that wait for it.
///
/// Thread-safety: every member may be called from any thread.
class run_end {
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

/// One run of a server or client, from a start to the end of the last of its parts: what it has on
/// its loops, such as an acceptor, a connection or a socket. It counts the parts, is stopped, and
/// knows that its callbacks are over then.
///
///     running --begin_stop--> stopping --last part gone--> over
///        +------------- last part gone --------------------^
///
/// Thread-safety: the public members from any thread.
class run {
public:
    /// It has one part, the start, which whoever starts it releases.
    run(std::string name, std::shared_ptr<runtime::io_pool> pool, const lifecycle_options& options)
        : name_(std::move(name)), pool_(std::move(pool)), drain_timeout_(options.drain_timeout),
          log_(options.log) {}
    run(const run&) = delete;
    run& operator=(const run&) = delete;
    virtual ~run() = default;

    [[nodiscard]] const run_end& end() const noexcept { return end_; }
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

    /// Whether the calling thread may wait for this run to end: it is no I/O thread, and does not
    /// run the io_context.
    [[nodiscard]] virtual bool may_block() const noexcept;
    /// Begins the end, whatever the state; `end()` tells when it is over. Idempotent. Throws
    /// std::bad_alloc when it has not begun: it can be asked for again.
    void begin_stop();
    [[nodiscard]] bool is_stopping() const noexcept { return ends_by() != not_stopping; }
    /// Who runs the loops, as far as a stop can rely on it.
    enum class driven_by : std::uint8_t { own_threads, others };
    /// The whole stop, from a thread that may block: when it returns, no callback runs or will run.
    /// False when something remains after `drain_timeout` because others run the loops and do not.
    /// With own threads there is always an end, so that a slow machine or a long callback costs
    /// time, and neither callbacks nor counts.
    /// `runs_tasks`: the library's own threads run the loops, so that whoever has asked a part for
    /// something is told before that.
    bool stop(std::chrono::milliseconds drain_timeout, driven_by threads = driven_by::others,
              bool runs_tasks = false);
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
    /// Guards the user's callbacks.
    [[nodiscard]] const std::shared_ptr<runtime::callback_gate>& gate() const noexcept {
        return gate_;
    }

protected:
    /// The kind of object that it is, for the log.
    [[nodiscard]] virtual std::string_view component() const noexcept = 0;
    [[nodiscard]] virtual std::string_view object_id() const noexcept { return name_; }
    /// Keeps the run while something of it is on its way.
    [[nodiscard]] virtual std::shared_ptr<void> keep_alive() = 0;
    virtual void wait_for_end() const { end_.wait(); }
    /// Where its parts have been.
    [[nodiscard]] virtual std::span<const std::shared_ptr<runtime::loop>> loops() const noexcept {
        return pool_->loops();
    }
    /// Ends the parts, which are gone by `deadline` at the latest. Any thread; once, unless it
    /// throws std::bad_alloc.
    virtual void end_parts(runtime::steady_time deadline) = 0;
    /// The last part is gone: says so in the log.
    virtual void log_end() const noexcept = 0;

    // What keeps the run going. A part is added while another one is there.

    void add_parts(std::size_t count = 1) noexcept { parts_.fetch_add(count); }
    /// A part that was added has never come to be.
    void withdraw_part() noexcept { parts_.fetch_sub(1); }
    /// A part is gone; the last one ends the run.
    void release_part(runtime::loop& where) noexcept;

    /// When a stop that begins now has to be over, whatever the peers do.
    [[nodiscard]] runtime::steady_time stop_deadline() const {
        return runtime::after(pool_->loops().front()->clock(), drain_timeout_);
    }
    /// While stopping: the deadline of the stop.
    [[nodiscard]] runtime::steady_time ends_by() const noexcept { return ends_by_; }
    /// Stopping from here on; whoever calls it ends the parts.
    void mark_stopping() noexcept { ends_by_ = stop_deadline(); }

    /// Runs a callback that belongs to no session, if callbacks are still taken; whether it ran to
    /// its end.
    bool run_callback(runtime::loop& where, const unique_function<void()>& callback) noexcept;
    [[nodiscard]] std::uint64_t callback_exceptions() const noexcept {
        return callback_exceptions_;
    }
    void record_callback_exception() noexcept { callback_exceptions_.add(); }

    std::string name_;
    std::shared_ptr<runtime::io_pool> pool_;

private:
    static constexpr runtime::steady_time not_stopping{};

    /// Takes the handler of a stop; false when it comes too late.
    [[nodiscard]] bool take_stop_handler(session::stop_handler& handler);
    /// Whoever has asked a part for something from another thread, before that part was gone, is
    /// told by a task that waits on a loop: returns when all of them have run, at `deadline` at the
    /// latest.
    void let_tasks_run(detail::steady_time deadline);
    /// Answers those who asked for the stop, and wakes those who wait.
    void finish(runtime::loop& where) noexcept;

    const std::chrono::milliseconds drain_timeout_;
    // Null: the process's sink.
    const std::shared_ptr<log_output> log_;
    const std::shared_ptr<runtime::callback_gate> gate_ =
        std::make_shared<runtime::callback_gate>();
    std::atomic<std::size_t> parts_{1};
    // No clock of a loop shows 0.
    std::atomic<runtime::steady_time> ends_by_{not_stopping};
    mutable detail::log_limits log_limits_;
    run_end end_;
    std::mutex stop_handlers_mutex_;
    std::vector<session::stop_handler> stop_handlers_;
    std::vector<unique_function<void()>> when_over_;
    bool is_finished_ = false;
    detail::shared_counter callback_exceptions_;
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
