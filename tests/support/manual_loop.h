// A loop without Asio, sockets or threads: time, wake-ups and readiness are moved by the test.
#pragma once

#include "runtime/loop.h"
#include "support/require.h"
#include "utils/random.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {

/// A clock that stands still until it is told otherwise, and reproducible randomness.
class virtual_time final : public runtime::time_source {
public:
    runtime::steady_time now() noexcept override { return now_; }
    /// Goes on with `now` from the machine's date, which certificates are made for.
    runtime::wall_time wall() noexcept override {
        return began_ +
               std::chrono::duration_cast<runtime::wall_time::duration>(now_.time_since_epoch() -
                                                                        std::chrono::hours{1}) +
               shifted_by_;
    }
    /// Somebody sets the date.
    void shift_wall(std::chrono::seconds by) noexcept { shifted_by_ += by; }
    std::uint64_t random() noexcept override { return sequence_.next(); }
    void move_to(runtime::steady_time when) noexcept { now_ = std::max(now_, when); }

private:
    runtime::steady_time now_{std::chrono::hours{1}};
    const runtime::wall_time began_ = std::chrono::system_clock::now();
    std::chrono::seconds shifted_by_{0};
    network_system::detail::random_sequence sequence_{42};
};

/// What a watched stream is ready for, as an operating system would say it.
class readiness_probe {
public:
    [[nodiscard]] virtual runtime::interest readiness() const = 0;

protected:
    ~readiness_probe() = default;
};

/// What the loop asked of its driver; outlives it.
struct driver_requests {
    std::atomic<bool> tasks_due{false};
    std::atomic<int> wakes{0};
    std::optional<runtime::steady_time> wake_at;
};

class manual_driver final : public runtime::loop_driver {
public:
    explicit manual_driver(std::shared_ptr<driver_requests> requests)
        : requests_(std::move(requests)) {}

    void wake() override {
        ++requests_->wakes;
        requests_->tasks_due = true;
    }
    void wake_at(runtime::steady_time when) override { requests_->wake_at = when; }
    void cancel_wake_at() override { requests_->wake_at.reset(); }
    bool runs_in_this_thread() const noexcept override { return false; }

private:
    std::shared_ptr<driver_requests> requests_;
};

/// Watches streams instead of sockets. A stream attaches itself with `add_stream`; the calls that
/// would need a socket are refused.
class manual_poller final : public runtime::poller {
public:
    struct watched {
        runtime::io_watch* watch;
        const readiness_probe* probe;
        runtime::interest wanted;
    };

    void add_stream(runtime::io_watch& watch, const readiness_probe& probe,
                    runtime::interest wanted) {
        require(find(watch) == nullptr, "a stream is attached once");
        watches_.add(watch);
        streams_.push_back({&watch, &probe, wanted});
    }

    std::error_code add(runtime::io_watch&, runtime::unique_socket, runtime::interest) override {
        return std::make_error_code(std::errc::not_supported);
    }
    void set_interest(runtime::io_watch& watch, runtime::interest wanted) override {
        watched* const found = find(watch);
        require(found != nullptr, "only an attached stream has an interest");
        found->wanted = wanted;
    }
    void remove(runtime::io_watch& watch) override {
        require(find(watch) != nullptr, "a stream is detached once");
        watches_.remove(watch);
        std::erase_if(streams_, [&](const watched& each) { return each.watch == &watch; });
    }
    runtime::unique_socket release(runtime::io_watch& watch) override {
        remove(watch);
        return {};
    }
    void arm() override { ++armed_; }
    void rebuild_after_fork() override {}

    [[nodiscard]] runtime::interest interest_in(const readiness_probe& probe) const {
        for (const watched& each : streams_) {
            if (each.probe == &probe) {
                return each.wanted;
            }
        }
        return {};
    }
    [[nodiscard]] std::size_t size() const noexcept { return streams_.size(); }
    [[nodiscard]] int armed() const noexcept { return armed_; }

    /// Tells every ready watch, as one epoll_wait would; whether there was any.
    bool dispatch(runtime::loop& owner) {
        std::vector<std::pair<runtime::io_watch*, runtime::interest>> ready;
        for (const watched& each : streams_) {
            const runtime::interest is = each.probe->readiness();
            const runtime::interest both{each.wanted.read && is.read, each.wanted.write && is.write,
                                         each.wanted.failure && is.failure};
            if (both.any()) {
                ready.emplace_back(each.watch, both);
            }
        }
        if (ready.empty()) {
            return false;
        }
        owner.run_batch([&] {
            for (const auto& [watch, what] : ready) {
                if (find(*watch) != nullptr) {
                    watch->on_ready(what);
                }
            }
        });
        return true;
    }

private:
    [[nodiscard]] watched* find(const runtime::io_watch& watch) noexcept {
        const auto found = std::find_if(streams_.begin(), streams_.end(),
                                        [&](const watched& each) { return each.watch == &watch; });
        return found == streams_.end() ? nullptr : &*found;
    }

    std::vector<watched> streams_;
    int armed_ = 0;
};

/// A loop and everything below it.
class manual_loop {
public:
    manual_loop() : requests_(std::make_shared<driver_requests>()) {
        loop_ = std::make_shared<runtime::loop>(
            [this](runtime::loop&) { return std::make_unique<manual_driver>(requests_); },
            [this](runtime::loop&) {
                auto made = std::make_unique<manual_poller>();
                poller_ = made.get();
                return made;
            },
            time_);
    }
    manual_loop(const manual_loop&) = delete;
    manual_loop& operator=(const manual_loop&) = delete;
    ~manual_loop() { loop_->shutdown(); }

    [[nodiscard]] const std::shared_ptr<runtime::loop>& get() const noexcept { return loop_; }
    [[nodiscard]] runtime::loop* operator->() const noexcept { return loop_.get(); }
    [[nodiscard]] manual_poller& poller() noexcept { return *poller_; }
    [[nodiscard]] driver_requests& requests() noexcept { return *requests_; }
    [[nodiscard]] runtime::steady_time now() noexcept { return time_.now(); }

    /// One batch of whatever is due; false when nothing is.
    bool step() {
        if (loop_->is_shut_down()) {
            return false;
        }
        if (requests_->tasks_due.exchange(false)) {
            loop_->run_tasks();
            return true;
        }
        if (requests_->wake_at && *requests_->wake_at <= time_.now()) {
            requests_->wake_at.reset();
            loop_->run_deadlines();
            return true;
        }
        return poller_->dispatch(*loop_);
    }

    /// Batches until nothing is due at the present time.
    void run() {
        for (int batches = 0; step(); ++batches) {
            require(batches < 1'000'000, "the loop comes to rest");
        }
    }

    /// Lets time pass, stopping at every moment the loop asked to be woken.
    void advance(std::chrono::nanoseconds by) {
        const runtime::steady_time end = time_.now() + by;
        run();
        while (requests_->wake_at && *requests_->wake_at <= end) {
            time_.move_to(*requests_->wake_at);
            run();
        }
        time_.move_to(end);
        run();
    }

    /// Somebody sets the date; no other time passes.
    void shift_wall(std::chrono::seconds by) noexcept { time_.shift_wall(by); }

    /// Time passes while nobody runs the loop, as when a callback or the machine holds it up.
    void hold_up(std::chrono::nanoseconds by) { time_.move_to(time_.now() + by); }

    template <typename Work>
    void in_batch(Work&& work) {
        loop_->run_batch(std::forward<Work>(work));
    }

private:
    virtual_time time_;
    std::shared_ptr<driver_requests> requests_;
    manual_poller* poller_ = nullptr;
    std::shared_ptr<runtime::loop> loop_;
};

}  // namespace network_system::testing
