#include "resilience/message_store.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace network_system::inline v0_1::resilience {

std::uint64_t message_store::add(std::vector<std::uint8_t>&& data, session::send_callback& done) {
    message& added = messages_.emplace_back();
    added.id = ++last_id_;
    added.data = std::move(data);
    added.done = std::move(done);
    ++count_;
    bytes_ += added.data.size();
    return added.id;
}

void message_store::mark_sent() noexcept {
    highest_sent_ = std::max(highest_sent_, messages_[sent_].id);
    ++sent_;
    while (sent_ < messages_.size() && messages_[sent_].is_settled) {
        ++sent_;  // settled while it was to be sent again
    }
}

message_store::message message_store::take_next() {
    highest_sent_ = std::max(highest_sent_, messages_[sent_].id);
    return remove(sent_);
}

void message_store::put_back(message&& taken) {
    taken.is_settled = false;
    ++count_;
    bytes_ += taken.data.size();
    messages_.push_front(std::move(taken));
}

std::optional<message_store::message> message_store::settle(std::uint64_t id) {
    const auto found = std::lower_bound(
        messages_.begin(), messages_.end(), id,
        [](const message& each, std::uint64_t wanted) { return each.id < wanted; });
    if (found == messages_.end() || found->id != id || found->is_settled) {
        return std::nullopt;
    }
    return remove(static_cast<std::size_t>(std::distance(messages_.begin(), found)));
}

std::optional<message_store::message> message_store::take_oldest_unsent() {
    if (!has_unsent()) {
        return std::nullopt;
    }
    return remove(sent_);
}

std::vector<message_store::message> message_store::take_all() {
    std::vector<message> all;
    all.reserve(count_);
    for (message& each : messages_) {
        if (!each.is_settled) {
            all.push_back(std::move(each));
        }
    }
    messages_.clear();
    sent_ = count_ = bytes_ = 0;
    return all;
}

message_store::message message_store::remove(std::size_t place) {
    message& found = messages_[place];
    --count_;
    bytes_ -= found.data.size();
    message taken{found.id, std::move(found.data), std::move(found.done), true};
    found.is_settled = true;
    if (place == sent_) {
        while (sent_ < messages_.size() && messages_[sent_].is_settled) {
            ++sent_;
        }
    }
    drop_settled();
    return taken;
}

void message_store::drop_settled() noexcept {
    while (!messages_.empty() && messages_.front().is_settled) {
        messages_.pop_front();
        sent_ -= std::min<std::size_t>(sent_, 1);
    }
}

}  // namespace network_system::resilience
