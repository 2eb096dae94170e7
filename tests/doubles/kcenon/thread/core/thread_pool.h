// A stand-in for thread_system's header of this name: what its interface says, and no more.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace kcenon::thread {

class thread_pool {
public:
    explicit thread_pool(std::string = "thread_pool") {}
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;
    ~thread_pool() { shutdown_pool(true); }

    /// Of the stand-in: threads, and begins.
    void start_with(std::size_t threads) {
        is_running_ = true;
        for (std::size_t i = 0; i < threads; ++i) {
            threads_.emplace_back([this] { work(); });
        }
    }

    bool submit_task(std::function<void()> task) {
        const std::lock_guard lock(mutex_);
        if (!task || has_stopped_) {
            return false;
        }
        tasks_.push_back(std::move(task));
        changed_.notify_one();
        return true;
    }
    [[nodiscard]] std::size_t get_thread_count() const { return threads_.size(); }
    [[nodiscard]] std::size_t get_pending_task_count() const {
        const std::lock_guard lock(mutex_);
        return tasks_.size();
    }
    [[nodiscard]] bool is_running() const {
        const std::lock_guard lock(mutex_);
        return is_running_;
    }
    bool shutdown_pool(bool immediate = false) {
        std::deque<std::function<void()>> dropped;
        {
            const std::lock_guard lock(mutex_);
            is_running_ = false;
            has_stopped_ = true;
            if (immediate) {
                dropped.swap(tasks_);
            }
            changed_.notify_all();
        }
        for (std::thread& each : threads_) {
            if (each.joinable()) {
                each.join();
            }
        }
        return true;
    }

private:
    void work() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return has_stopped_ || !tasks_.empty(); });
            if (tasks_.empty()) {
                return;
            }
            const auto task = std::move(tasks_.front());
            tasks_.pop_front();
            lock.unlock();
            task();
            lock.lock();
        }
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> tasks_;
    std::vector<std::thread> threads_;
    bool is_running_ = false;
    bool has_stopped_ = false;
};

}  // namespace kcenon::thread
