#pragma once

#include "runtime/block_pool.h"
#include "runtime/callback_gate.h"
#include "runtime/deadline_wheel.h"
#include "runtime/network.h"
#include "runtime/poller.h"
#include "runtime/time_source.h"
#include "utils/compiler.h"
#include "utils/process.h"

#include <network_system/utils/unique_function.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace asio {
class io_context;
}

namespace network_system::inline v0_1::runtime {

class loop;

/// Something that collects output during a batch and writes it once at the end.
class flushable {
public:
    virtual void flush() = 0;

protected:
    ~flushable() = default;

private:
    friend class loop;
    flushable* next_dirty_ = nullptr;
    bool is_dirty_ = false;
};

/// An end that does not come; see loop::post_before.
inline constinit const std::atomic<bool> never{false};

/// The driver below a loop: where its handlers run and what wakes it. Implemented over Asio, over
/// epoll alone (epoll_runner), and in tests by hand.
class loop_driver {
public:
    virtual ~loop_driver() = default;
    /// Run `loop::run_tasks` soon. Any thread.
    virtual void wake() = 0;
    /// Run `loop::run_deadlines` at `when`, replacing an earlier request; called on the loop.
    virtual void wake_at(steady_time when) = 0;
    virtual void cancel_wake_at() = 0;
    /// Whether the calling thread is running the underlying io_context.
    [[nodiscard]] virtual bool runs_in_this_thread() const noexcept = 0;
    /// In a forked child: see loop::close_copies.
    virtual void close_copies() noexcept {}
};

enum class readiness_method : std::uint8_t { automatic, per_socket };

/// One serial executor of I/O: sockets, deadlines and tasks. Everything that touches a session
/// runs here, in batches: handle what is ready, write what was queued (each connection once),
/// then free what was closed.
///
/// In a forked child a loop is its parent's, until `rebuild_after_fork`: it takes no more tasks.
///
/// Thread-safety: `post`, `runs_here`, `belongs_here`, `is_on_io_thread`, `net`, `clock`, `time`,
/// `wall_clock`, `secret`, `silence` and `is_silenced` from any thread; the rest inside a batch
/// only.
class loop : public std::enable_shared_from_this<loop> {
public:
    /// The loop of an io_context, made at first use with what is given then. It lives as a service
    /// of the context and shuts down with it. `is_single_threaded`: at most one thread will run the
    /// context.
    [[nodiscard]] static std::shared_ptr<loop> of(asio::io_context& context,
                                                  readiness_method method,
                                                  bool is_single_threaded = false);

    using make_driver = std::function<std::unique_ptr<loop_driver>(loop&)>;
    using make_poller = std::function<std::unique_ptr<poller>(loop&)>;
    /// `net` outlives the driver.
    loop(const make_driver& driver, const make_poller& sockets, time_source& time,
         network& net = native_network());
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;
    ~loop();

    /// Runs the task in a batch; drops it when the loop has shut down. Room for the next tasks is
    /// kept ahead: where memory has run out, the first few hundred still find some. Throws
    /// std::bad_alloc beyond that, and the task is where it was.
    void post(unique_function<void()>&& task);
    /// The same as long as `end` is not set, and what posts the end has not come first: false, and
    /// the task is where it was. So a task that is taken runs before whatever is posted once `end`
    /// has been set.
    [[nodiscard]] bool post_before(const std::atomic<bool>& end, unique_function<void()>&& task);

    /// Whether the calling thread is inside a batch of this loop.
    [[nodiscard]] bool runs_here() const noexcept { return current_ == this; }
    /// The loop whose batch the calling thread is inside; null outside of those.
    [[nodiscard]] static const loop* current() noexcept { return current_; }
    /// Whether the calling thread is inside a batch of any loop, or runs callbacks in place of one:
    /// nothing may block there.
    [[nodiscard]] static bool is_on_io_thread() noexcept {
        return current_ != nullptr || runs_callbacks_;
    }
    /// Lets the calling thread count as an I/O thread while it runs callbacks.
    class callback_scope {
    public:
        callback_scope() noexcept : was_on_(std::exchange(runs_callbacks_, true)) {}
        callback_scope(const callback_scope&) = delete;
        callback_scope& operator=(const callback_scope&) = delete;
        ~callback_scope() { runs_callbacks_ = was_on_; }

    private:
        const bool was_on_;
    };
    /// Whether the calling thread is inside io_context::run of this loop's context.
    [[nodiscard]] bool context_runs_here() const noexcept;

    /// False in a forked child, whose parent has made the loop and goes on with it.
    [[nodiscard]] bool belongs_here() const noexcept { return made_in_.is_here(); }

    [[nodiscard]] network& net() const noexcept { return net_; }
    [[nodiscard]] poller& sockets() noexcept { return *poller_; }
    [[nodiscard]] deadline_wheel& deadlines() noexcept { return deadlines_; }
    /// The time of this batch.
    [[nodiscard]] steady_time now() const noexcept { return now_; }
    /// The time of this moment. Any thread.
    [[nodiscard]] steady_time clock() const noexcept { return time_.now(); }
    /// Where its time comes from, which outlives what the loop drives. Any thread.
    [[nodiscard]] time_source& time() const noexcept { return time_; }
    /// The date of this moment. Any thread.
    [[nodiscard]] wall_time wall_clock() const noexcept { return time_.wall(); }
    /// See time_source. Any thread.
    [[nodiscard]] std::uint64_t random() noexcept { return time_.random(); }
    [[nodiscard]] std::uint32_t random_word() noexcept { return time_.random_word(); }
    /// Scratch memory for reads; its contents last until the next read on this loop.
    [[nodiscard]] std::span<std::uint8_t> read_buffer() noexcept;
    /// The same for those who need more than one socket's worth: at least `size` bytes, apart from
    /// `read_buffer`. Their contents last until the next call.
    [[nodiscard]] std::span<std::uint8_t> large_buffer(std::size_t size);

    [[nodiscard]] block_pool& blocks() noexcept { return blocks_; }

    /// Whether this batch has time left for a step that takes long, such as one of a cryptographic
    /// handshake; else it is for the next batch, so that a crowd of them does not hold up everybody
    /// else.
    [[nodiscard]] bool takes_long_step() noexcept { return long_steps_++ < max_long_steps; }

    /// The output is written at the end of this batch.
    void mark_dirty(flushable& output) noexcept;
    /// Keeps an object alive until the end of this batch. Without memory to remember it by, for
    /// ever: it may still be in use.
    void retire(std::shared_ptr<void> object) noexcept;

    /// Enters the gate of the object whose callbacks are about to run; false when it is closed.
    /// Entering the same gate again in a batch costs a comparison; entering another leaves it.
    [[nodiscard]] bool enter(const std::shared_ptr<callback_gate>& gate) {
        return entered_gate_ == gate ? gate->is_open() : enter_another(gate);
    }

    /// From now on `enter` lets nobody in: for a shutdown that must not run user code.
    void silence() noexcept { is_silenced_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool is_silenced() const noexcept {
        return is_silenced_.load(std::memory_order_relaxed);
    }

    /// Called by the driver and the poller on the loop's executor.
    void run_tasks();
    void run_deadlines();
    /// Runs `work` as one batch.
    template <typename Work>
    void run_batch(Work&& work) {
        const batch_scope scope(*this);
        work();
    }

    void shutdown() noexcept;
    [[nodiscard]] bool is_shut_down() const noexcept { return poller_ == nullptr; }
    void rebuild_after_fork();
    /// In the child, where the loop's thread does not exist: closes this process's copies of its
    /// descriptors, tells the watches, and does nothing else. Takes no lock, and makes do with a
    /// list that the thread was just changing. For loops on the machine's sockets.
    void close_copies() noexcept;

private:
    class batch_scope {
    public:
        explicit batch_scope(loop& owner) noexcept;
        batch_scope(const batch_scope&) = delete;
        batch_scope& operator=(const batch_scope&) = delete;
        ~batch_scope();

    private:
        loop& owner_;
        loop* previous_;
    };

    /// Under the lock; if it throws, the task is where it was.
    void add_task(unique_function<void()>& task);
    void finish_batch();
    void flush_dirty();
    /// Between two tasks or deadlines: writes at once if those before have queued much.
    void flush_early();
    void free_retired();
    [[nodiscard]] bool enter_another(const std::shared_ptr<callback_gate>& gate);
    void leave_gate() noexcept;
    void request_deadline_wake();

    // constinit: without it, every look at them would be a call.
    NETWORK_FAST_TLS static constinit thread_local loop* current_;
    static constinit thread_local bool runs_callbacks_;

    static constexpr unsigned max_long_steps = 8;

    time_source& time_;
    network& net_;
    detail::origin made_in_;
    steady_time now_;
    unsigned long_steps_ = 0;
    deadline_wheel deadlines_;
    // Not zeroed: pages that no read has filled cost nothing.
    std::unique_ptr<std::uint8_t[]> read_buffer_;
    std::unique_ptr<std::uint8_t[]> large_buffer_;
    std::size_t large_buffer_size_ = 0;
    block_pool blocks_;
    flushable* dirty_ = nullptr;
    // Of `blocks_`, when the dirty ones were last flushed.
    std::size_t blocks_at_flush_ = 0;
    std::shared_ptr<callback_gate> entered_gate_;
    std::atomic<bool> is_silenced_{false};
    std::vector<std::shared_ptr<void>> retired_;
    // Room for the next ones while the last are let go of.
    std::vector<std::shared_ptr<void>> freed_;
    std::vector<unique_function<void()>> running_tasks_;
    steady_time wake_requested_ = steady_time::max();

    mutable std::mutex mutex_;
    std::vector<unique_function<void()>> tasks_;
    bool wake_pending_ = false;
    bool is_shut_down_ = false;

    std::unique_ptr<loop_driver> driver_;
    std::unique_ptr<poller> poller_;
};

}  // namespace network_system::runtime
