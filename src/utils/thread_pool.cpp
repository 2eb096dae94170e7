// The pool on asio::thread_pool, whose threads are ours: Asio's own cannot end where nobody may
// wait for them.
#include "utils/contain.h"
#include "utils/deadline.h"
#include "utils/failure.h"
#include "utils/log.h"
#include "utils/on_exception.h"
#include "utils/process.h"
#include "utils/threads.h"
#include "utils/user_code.h"

#include <network_system/utils/thread_pool.h>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace network_system::inline v0_1 {
namespace {

constexpr std::size_t most_threads = 256;
constexpr std::string_view source_name = "thread_pool";

/// The threads of pools that were destroyed inside their own tasks, where nobody could join them:
/// the end of the process waits for them, though not for a task that never returns.
class abandoned_threads {
public:
    /// The threads of one pool, as far as this is concerned.
    struct crew {
        std::size_t running = 0;
        bool is_abandoned = false;
    };

    static abandoned_threads& instance() {
        detail::call_at_exit([] {
            if (auto* const left = detail::per_process<abandoned_threads>::find()) {
                left->wait();
            }
        });
        return detail::per_process<abandoned_threads>::get();
    }

    void record_started(crew& of) {
        const std::lock_guard lock(mutex_);
        ++of.running;
    }
    void abandon(crew& all_of) {
        const std::lock_guard lock(mutex_);
        all_of.is_abandoned = true;
        running_ += all_of.running;
    }
    /// The last a thread does.
    void record_ended(crew& of) {
        const std::lock_guard lock(mutex_);
        --of.running;
        if (of.is_abandoned) {
            --running_;
            ended_.notify_all();
        }
    }

private:
    void wait() {
        std::unique_lock lock(mutex_);
        ended_.wait_for(lock, std::chrono::seconds{1}, [this] { return running_ == 0; });
    }

    std::mutex mutex_;
    std::condition_variable ended_;
    std::size_t running_ = 0;
};

}  // namespace

class thread_pool::impl : public std::enable_shared_from_this<impl> {
public:
    explicit impl(std::size_t max_pending) : max_pending_(max_pending) {}

    void start(std::size_t threads) {
        if (threads == 0 || threads > most_threads) {
            refuse_all({errc::invalid_argument, "a pool has 1 to 256 threads"});
            return;
        }
        try {
            for (std::size_t i = 0; i < threads; ++i) {
                start_one();
            }
            worker_count_ = threads;
        } catch (const std::system_error&) {
            refuse_all({errc::internal_error, "the system has no more threads"});
            stop();
        }
    }

    VoidResult submit(unique_function<void()>& task) {
        return accept([&] { post(task); });
    }

    VoidResult submit_at(unique_function<void()>& task, detail::steady_time due) {
        return accept([&] {
            const auto added = delayed_.emplace(due, std::move(task));
            const detail::on_exception undo([&] { delayed_.erase(added); });
            if (added == delayed_.begin() || !is_timer_set_) {
                set_timer();
            }
        });
    }

    /// Lets the threads end.
    void begin_stop() {
        std::multimap<detail::steady_time, unique_function<void()>> dropped;
        {
            const std::lock_guard lock(mutex_);
            is_running_.store(false, std::memory_order_relaxed);
            if (std::exchange(is_ending_, true)) {
                return;
            }
            dropped.swap(delayed_);
            timer_.cancel();
        }
        pending_.fetch_sub(dropped.size(), std::memory_order_relaxed);
        // Without threads of Asio's own this waits for nobody: it takes away what keeps the threads
        // that are attached waiting for work.
        workers_.wait();
    }

    void stop() {
        if (is_left_behind()) {
            return;
        }
        begin_stop();
        if (runs_here()) {
            return;
        }
        const std::lock_guard lock(join_mutex_);
        for (detail::thread& each : threads_) {
            if (each.joinable()) {
                each.join();
            }
        }
    }

    /// The pool is gone; its last task may be the one that is running here.
    void end() {
        if (!runs_here()) {
            stop();
            return;
        }
        begin_stop();
        abandoned_threads::instance().abandon(*crew_);
        for (detail::thread& each : threads_) {
            if (each.joinable()) {
                each.detach();
            }
        }
    }

    [[nodiscard]] std::size_t worker_count() const noexcept { return worker_count_; }
    [[nodiscard]] std::size_t pending() const noexcept {
        return pending_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_running() const noexcept {
        return is_running_.load(std::memory_order_relaxed) && !is_left_behind();
    }
    [[nodiscard]] bool runs_here() const noexcept { return current_ == this; }
    /// In a forked child, which has none of the threads.
    [[nodiscard]] bool is_left_behind() const noexcept { return !made_in_.is_here(); }

private:
    struct refused {
        errc code;
        const char* why;
    };

    [[nodiscard]] static VoidResult refusal(const refused& what) {
        return detail::failure(what.code, fmt::format("cannot submit a task: {}", what.why),
                               source_name);
    }

    void refuse_all(const refused& why) {
        const std::lock_guard lock(mutex_);
        is_running_.store(false, std::memory_order_relaxed);
        why_refused_ = why;
    }

    void start_one() {
        threads_.reserve(threads_.size() + 1);
        auto& all = abandoned_threads::instance();
        all.record_started(*crew_);
        try {
            threads_.push_back(
                detail::make_thread(detail::numbered_name("net-pool", threads_.size()),
                                    [self = shared_from_this(), crew = crew_]() mutable {
                                        current_ = self.get();
                                        self->workers_.attach();
                                        self.reset();
                                        abandoned_threads::instance().record_ended(*crew);
                                    }));
        } catch (...) {
            all.record_ended(*crew_);
            throw;
        }
    }

    /// `add` takes a task that there is room for.
    template <typename Add>
    [[nodiscard]] VoidResult accept(const Add& add) {
        if (is_left_behind()) {
            return refusal({errc::not_supported, "the pool was made before fork()"});
        }
        const std::lock_guard lock(mutex_);
        if (!is_running_.load(std::memory_order_relaxed)) {
            return refusal(why_refused_);
        }
        const std::size_t waiting = pending_.load(std::memory_order_relaxed);
        if (max_pending_ != 0 && waiting >= max_pending_) {
            return refusal({errc::send_buffer_full, "max_pending tasks are waiting"});
        }
        // First: a worker may be quicker, and counts it out.
        pending_.fetch_add(1, std::memory_order_relaxed);
        const detail::on_exception undo(
            [this] { pending_.fetch_sub(1, std::memory_order_relaxed); });
        add();
        return ok();
    }

    void post(unique_function<void()>& task) {
        asio::post(workers_, [this, task = std::move(task)] { run(task); });
    }

    /// For the first of the delayed tasks, of which there is one.
    void set_timer() {
        is_timer_set_ = false;
        // Asio's timers count in nanoseconds from now: never is too far.
        constexpr std::chrono::hours longest_wait{24};
        timer_.expires_at(std::min(delayed_.begin()->first,
                                   detail::after(std::chrono::steady_clock::now(), longest_wait)));
        timer_.async_wait([this](std::error_code cancelled) {
            if (!cancelled) {
                post_due();
            }
        });
        is_timer_set_ = true;
    }

    /// Runs on a worker, which goes on until what is posted here has been run or dropped.
    void post_due() {
        const auto now = std::chrono::steady_clock::now();
        while (auto task = take_due(now)) {
            if (!detail::contain([&] { post(task); })) {
                pending_.fetch_sub(1, std::memory_order_relaxed);
            }
        }
        (void)detail::insist([this] {
            const std::lock_guard lock(mutex_);
            if (!delayed_.empty()) {
                set_timer();
            }
        });
    }

    [[nodiscard]] unique_function<void()> take_due(detail::steady_time now) {
        const std::lock_guard lock(mutex_);
        if (delayed_.empty() || delayed_.begin()->first > now) {
            return {};
        }
        auto task = std::move(delayed_.begin()->second);
        delayed_.erase(delayed_.begin());
        return task;
    }

    void run(const unique_function<void()>& task) {
        pending_.fetch_sub(1, std::memory_order_relaxed);
        if (!is_running()) {
            return;
        }
        if (const auto thrown = detail::run_user_code(task)) {
            detail::log_limited(detail::log_kind::thrown, {source_name}, "a task threw: {}",
                                thrown->text);
        }
    }

    static thread_local const impl* current_;

    const detail::origin made_in_;
    const std::size_t max_pending_;
    const std::shared_ptr<abandoned_threads::crew> crew_ =
        std::make_shared<abandoned_threads::crew>();
    std::size_t worker_count_ = 0;
    std::atomic<std::size_t> pending_{0};
    std::atomic<bool> is_running_{true};
    // Orders every submit before or after the stop: a task posted later would neither run nor be
    // destroyed.
    std::mutex mutex_;
    bool is_ending_ = false;
    refused why_refused_{errc::not_initialized, "the pool has stopped"};
    std::mutex join_mutex_;
    std::vector<detail::thread> threads_;
    asio::thread_pool workers_{0};
    // Guarded by `mutex_`, with the one timer for all of them.
    std::multimap<detail::steady_time, unique_function<void()>> delayed_;
    asio::steady_timer timer_{workers_};
    bool is_timer_set_ = false;
};

thread_local const thread_pool::impl* thread_pool::impl::current_ = nullptr;

thread_pool::thread_pool(std::size_t threads, std::size_t max_pending)
    : impl_(std::make_shared<impl>(max_pending)) {
    impl_->start(threads);
}

thread_pool::~thread_pool() {
    if (impl_->is_left_behind()) {
        detail::keep_for_ever(std::move(impl_));
        return;
    }
    impl_->end();
}

namespace {

template <typename Submit>
VoidResult submit_safely(const unique_function<void()>& task, const Submit& submit) noexcept {
    if (!task) {
        return detail::failure(errc::invalid_argument, "cannot submit an empty task", source_name);
    }
    try {
        return submit();
    } catch (const std::bad_alloc&) {
        return detail::failure(errc::internal_error, "no memory for a task", source_name);
    }
}

}  // namespace

VoidResult thread_pool::submit(unique_function<void()> task) noexcept {
    return submit_safely(task, [&] { return impl_->submit(task); });
}

VoidResult thread_pool::submit_delayed(unique_function<void()> task,
                                       std::chrono::milliseconds delay) noexcept {
    return submit_safely(task, [&] {
        return delay.count() <= 0
                   ? impl_->submit(task)
                   : impl_->submit_at(task, detail::after(std::chrono::steady_clock::now(), delay));
    });
}

std::size_t thread_pool::worker_count() const noexcept {
    return impl_->worker_count();
}

std::size_t thread_pool::pending_tasks() const noexcept {
    return impl_->pending();
}

bool thread_pool::is_running() const noexcept {
    return impl_->is_running();
}

bool thread_pool::runs_here() const noexcept {
    return impl_->runs_here();
}

void thread_pool::stop() noexcept {
    impl_->stop();
}

}  // namespace network_system
