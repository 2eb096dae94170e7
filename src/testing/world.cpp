#include "testing/world.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::testing::detail {

world::world(std::uint64_t seed, const simulation_options& options)
    : options_(options), dice_(seed), trace_(options.trace_length) {}

void world::at(nanoseconds when, unique_function<void()> task, weight counts_as) {
    const weight counted = when < forever ? counts_as : weight::background;
    events_.push_back({std::max(when, now_), ++scheduled_, counted, std::move(task)});
    std::push_heap(events_.begin(), events_.end(), is_later);
    work_ += counted == weight::work ? 1 : 0;
}

world::scheduled world::take_next() {
    std::pop_heap(events_.begin(), events_.end(), is_later);
    scheduled next = std::move(events_.back());
    events_.pop_back();
    work_ -= next.counts_as == weight::work ? 1 : 0;
    return next;
}

void world::mark(runnable& who) {
    if (!std::exchange(who.is_listed_, true)) {
        runnable_.push_back(&who);
    }
}

void world::unmark(runnable& who) noexcept {
    if (std::exchange(who.is_listed_, false)) {
        std::erase(runnable_, &who);
    }
}

bool world::step(nanoseconds limit) {
    if (!runnable_.empty()) {
        runnable*& chosen = runnable_[dice_.below(runnable_.size())];
        runnable& who = *std::exchange(chosen, runnable_.back());
        runnable_.pop_back();
        who.is_listed_ = false;
        who.run_once();
        return true;
    }
    if (events_.empty() || events_.front().when > limit || events_.front().when >= forever) {
        return false;
    }
    const scheduled next = take_next();
    now_ = next.when;
    next.task();
    return true;
}

void world::clear() {
    // What is destroyed may schedule more.
    while (!events_.empty()) {
        const auto dropped = std::exchange(events_, {});
        work_ = 0;
    }
}

}  // namespace network_system::testing::detail
