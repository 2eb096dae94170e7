// The pool on asio::thread_pool, whose threads are ours: Asio's own cannot end where nobody may
// wait for them.
#include "utils/failure.h"
#include "utils/log.h"
#include "utils/process.h"
#include "utils/threads.h"
#include "utils/user_code.h"

#include <network_system/utils/thread_pool.h>

#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
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
        auto& all = detail::per_process<abandoned_threads>::get();
        [[maybe_unused]] static const int status = std::atexit([] {
            if (auto* const left = detail::per_process<abandoned_threads>::find()) {
                left->wait();
            }
        });
        return all;
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
        asio::post(workers_, [this, task = std::move(task)] { run(task); });
        pending_.fetch_add(1, std::memory_order_relaxed);
        return ok();
    }

    /// Lets the threads end.
    void begin_stop() {
        {
            const std::lock_guard lock(mutex_);
            is_running_.store(false, std::memory_order_relaxed);
            if (std::exchange(is_ending_, true)) {
                return;
            }
        }
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
                detail::make_thread([self = shared_from_this(), crew = crew_]() mutable {
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

VoidResult thread_pool::submit(unique_function<void()> task) noexcept {
    if (!task) {
        return detail::failure(errc::invalid_argument, "cannot submit an empty task", source_name);
    }
    try {
        return impl_->submit(task);
    } catch (const std::bad_alloc&) {
        return detail::failure(errc::internal_error, "no memory for a task", source_name);
    }
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
