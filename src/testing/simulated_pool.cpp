#include "testing/simulated_pool.h"

#include "testing/simulated_host.h"
#include "utils/failure.h"
#include "utils/log.h"
#include "utils/user_code.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::testing::detail {
namespace {

constexpr const char* source_name = "simulated thread pool";

}  // namespace

simulated_pool::simulated_pool(std::shared_ptr<universe> in, std::uint64_t number,
                               std::size_t threads)
    : universe_(std::move(in)), number_(number), threads_(std::max<std::size_t>(threads, 1)) {}

simulated_pool::~simulated_pool() {
    stop();
}

VoidResult simulated_pool::submit(unique_function<void()> task) noexcept {
    if (!task || !is_running_) {
        return network_system::detail::failure(task ? errc::not_initialized
                                                    : errc::invalid_argument,
                                               "cannot submit a task", source_name);
    }
    tasks_.push_back(std::move(task));
    universe_->time.mark(*this);
    return ok();
}

VoidResult simulated_pool::submit_delayed(unique_function<void()> task,
                                          std::chrono::milliseconds delay) noexcept {
    if (!task || !is_running_ || delay.count() <= 0) {
        return submit(std::move(task));
    }
    ++delayed_;
    const auto wait = std::min(delay, std::chrono::floor<std::chrono::milliseconds>(forever));
    universe_->time.after(wait, [self = std::weak_ptr(self_), task = std::move(task)]() mutable {
        if (const auto pool = self.lock(); pool && (*pool)->is_running_) {
            --(*pool)->delayed_;
            (void)(*pool)->submit(std::move(task));
        }
    });
    return ok();
}

void simulated_pool::run_once() {
    if (tasks_.empty()) {
        return;
    }
    world& time = universe_->time;
    std::swap(tasks_[time.chance().below(tasks_.size())], tasks_.back());
    const auto task = std::move(tasks_.back());
    tasks_.pop_back();
    time.record(event::pool_task, number_, tasks_.size());
    is_inside_ = true;
    if (const auto thrown = network_system::detail::run_user_code(task)) {
        network_system::detail::log_limited(network_system::detail::log_kind::thrown, {source_name},
                                            "a task threw: {}", thrown->text);
    }
    is_inside_ = false;
    if (!tasks_.empty()) {
        time.mark(*this);
    }
}

void simulated_pool::stop() {
    is_running_ = false;
    universe_->time.unmark(*this);
    const auto dropped = std::exchange(tasks_, {});
    delayed_ = 0;
}

}  // namespace network_system::testing::detail
