#include "runtime/epoll/runner.h"

#ifdef __linux__

#include "runtime/epoll/poller.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <limits>
#include <system_error>
#include <thread>

namespace network_system::inline v0_1::runtime {

/// Wakes the thread through an eventfd in the set; the timeout of the wait is the deadline.
class epoll_runner::driver final : public loop_driver {
public:
    driver() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (event_ < 0) {
            throw std::system_error(errno, std::system_category(), "eventfd");
        }
    }
    driver(const driver&) = delete;
    driver& operator=(const driver&) = delete;
    ~driver() override { (void)::close(event_); }
    void close_copies() noexcept override {
        (void)::close(event_);
        is_stopping_.store(true, std::memory_order_relaxed);  // if the child returns to it
    }

    void watch(epoll_poller& sockets) {
        sockets_ = &sockets;
        // Edge-triggered: every write wakes the thread once, and nobody has to read.
        ::epoll_event event{};
        event.events = std::uint32_t{EPOLLIN} | std::uint32_t{EPOLLET};
        if (::epoll_ctl(sockets.native_set(), EPOLL_CTL_ADD, event_, &event) != 0) {
            throw std::system_error(errno, std::system_category(), "epoll_ctl");
        }
    }

    void wake() override {
        are_tasks_due_.store(true, std::memory_order_release);
        interrupt();
    }
    void wake_at(steady_time when) override { wake_at_ = when; }
    void cancel_wake_at() override { wake_at_ = steady_time::max(); }
    bool runs_in_this_thread() const noexcept override {
        return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }

    void run(loop& owner) {
        thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
        steady_time now = system_time_source().now();
        while (!is_stopping_.load(std::memory_order_acquire)) {
            const int ready = sockets_->wait(timeout_from(now));
            if (ready > 0) {
                owner.run_batch([&] { sockets_->dispatch(ready); });
            } else if (ready < 0) {
                // Tasks and deadlines go on, as does the wish to stop.
                std::this_thread::sleep_for(epoll_poller::rest_after_failure);
            }
            if (are_tasks_due_.load(std::memory_order_relaxed) &&
                are_tasks_due_.exchange(false, std::memory_order_acquire)) {
                owner.run_tasks();
            }
            // One look at the clock for a batch, be it of one event: for this and for the wait.
            now = system_time_source().now();
            if (wake_at_ <= now) {
                wake_at_ = steady_time::max();
                owner.run_deadlines();
                now = system_time_source().now();
            }
        }
        thread_.store({}, std::memory_order_relaxed);
    }

    void stop() noexcept {
        is_stopping_.store(true, std::memory_order_release);
        interrupt();
    }

private:
    void interrupt() const noexcept {
        if (!runs_in_this_thread()) {
            const std::uint64_t one = 1;
            // Cannot fail: the counter would have to reach 2^64-1.
            [[maybe_unused]] const auto written = ::write(event_, &one, sizeof one);
        }
    }

    [[nodiscard]] int timeout_from(steady_time now) const noexcept {
        if (are_tasks_due_.load(std::memory_order_relaxed)) {
            return 0;
        }
        if (wake_at_ == steady_time::max()) {
            return -1;
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(wake_at_ - now);
        constexpr std::chrono::milliseconds::rep longest = std::numeric_limits<int>::max();
        return static_cast<int>(
            std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, longest));
    }

    const int event_;
    epoll_poller* sockets_ = nullptr;
    steady_time wake_at_ = steady_time::max();
    std::atomic<std::thread::id> thread_{};
    std::atomic<bool> are_tasks_due_{false};
    std::atomic<bool> is_stopping_{false};
};

epoll_runner::epoll_runner() {
    const auto make_driver = [this](loop&) {
        auto made = std::make_unique<driver>();
        driver_ = made.get();
        return made;
    };
    const auto make_poller = [this](loop& owner) {
        auto made = std::make_unique<epoll_poller>(owner);
        driver_->watch(*made);
        return made;
    };
    where_ = std::make_shared<loop>(make_driver, make_poller, system_time_source());
}

epoll_runner::~epoll_runner() {
    where_->shutdown();
}

void epoll_runner::run() {
    driver_->run(*where_);
}

void epoll_runner::stop() noexcept {
    driver_->stop();
}

}  // namespace network_system::runtime

#endif
