#include "session/pull_queue.h"

#include <algorithm>
#include <utility>

namespace network_system::session {

std::optional<receive_handler> pull_queue::take_asker() {
    if (askers_.empty()) {
        return std::nullopt;
    }
    receive_handler done = std::move(askers_.front().done);
    askers_.pop_front();
    return done;
}

std::optional<receive_handler> pull_queue::take_asker(operation_id operation) {
    const auto found = std::find_if(askers_.begin(), askers_.end(),
                                    [&](const asker& each) { return each.operation == operation; });
    if (found == askers_.end()) {
        return std::nullopt;
    }
    receive_handler done = std::move(found->done);
    askers_.erase(found);
    return done;
}

void pull_queue::store(std::span<const std::uint8_t> data) {
    messages_.emplace_back(data.begin(), data.end());
    bytes_ += data.size();
    size_.store(messages_.size(), std::memory_order_relaxed);
}

std::optional<pull_queue::message> pull_queue::take_message() {
    if (messages_.empty()) {
        return std::nullopt;
    }
    message oldest = std::move(messages_.front());
    messages_.pop_front();
    bytes_ -= oldest.size();
    size_.store(messages_.size(), std::memory_order_relaxed);
    return oldest;
}

void pull_queue::note(receive_handler done, operation_id operation) {
    askers_.push_back({operation, std::move(done)});
}

}  // namespace network_system::session
