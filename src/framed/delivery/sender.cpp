#include "framed/delivery/sender.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::delivery {

sender::begun sender::begin(std::weak_ptr<receiver> over) noexcept {
    const std::lock_guard lock(mutex_);
    begun next{++latest_, current_.lock()};
    current_ = std::move(over);
    arrived_again_.clear();
    return next;
}

bool sender::end(epoch of) noexcept {
    const std::lock_guard lock(mutex_);
    if (of != latest_) {
        return false;
    }
    // What it has received is its own still: a callback pool may be at it.
    current_.reset();
    return true;
}

claim_answer sender::claim(epoch by, std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    if (by != latest_) {
        return claim_answer::superseded;
    }
    const claim_answer answer = window_.claim(id);
    if (answer == claim_answer::in_progress) {
        arrived_again_.push_back(id);
    }
    return answer;
}

claim_answer sender::look_up(epoch by, std::uint64_t id) const {
    const std::lock_guard lock(mutex_);
    return by == latest_ ? window_.look_up(id) : claim_answer::superseded;
}

sender::finished sender::finish(epoch by, std::uint64_t id) noexcept {
    const std::lock_guard lock(mutex_);
    window_.finish(id);
    if (!arrived_again_.empty()) {
        std::erase(arrived_again_, id);
    }
    return by == latest_ ? finished{true, nullptr} : finished{false, current_.lock()};
}

std::shared_ptr<receiver> sender::abandon(epoch by, std::uint64_t id) noexcept {
    const std::lock_guard lock(mutex_);
    window_.abandon(id);
    const bool has_arrived_again = std::erase(arrived_again_, id) > 0;
    return has_arrived_again && by != latest_ ? current_.lock() : nullptr;
}

}  // namespace network_system::delivery
