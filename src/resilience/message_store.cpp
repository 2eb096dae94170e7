#include "resilience/message_store.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace network_system::inline v0_1::resilience {

std::uint64_t message_store::add(std::vector<std::uint8_t>&& data, session::send_callback& done) {
    message& added = messages_.emplace_back();
    added.id = ++last_id_;
    added.size = data.size();
    added.data = std::move(data);
    added.done = std::move(done);
    ++count_;
    bytes_ += added.size;
    return added.id;
}

message_store::lent_message message_store::lend_next() noexcept {
    message& next = messages_[sent_];
    lent_message lent{next.id, std::move(next.data)};
    ++sent_;
    skip_settled();
    return lent;
}

void message_store::give_back(lent_message&& lent, bool is_sent) noexcept {
    const auto found = find(lent.id);
    if (found == messages_.end()) {
        return;
    }
    found->data = std::move(lent.data);
    if (!is_sent) {
        sent_ = std::min(sent_, static_cast<std::size_t>(std::distance(messages_.begin(), found)));
    }
}

message_store::message message_store::take_next() {
    return remove(sent_);
}

void message_store::put_back(message&& taken) {
    taken.is_settled = false;
    ++count_;
    bytes_ += taken.size;
    messages_.push_front(std::move(taken));
}

std::optional<message_store::message> message_store::settle(std::uint64_t id) {
    const auto found = find(id);
    if (found == messages_.end()) {
        return std::nullopt;
    }
    return remove(static_cast<std::size_t>(std::distance(messages_.begin(), found)));
}

/// One that is not settled.
std::deque<message_store::message>::iterator message_store::find(std::uint64_t id) noexcept {
    auto found = messages_.begin();
    // Mostly it is the oldest.
    if (found != messages_.end() && found->id != id) {
        found = std::lower_bound(
            messages_.begin(), messages_.end(), id,
            [](const message& each, std::uint64_t wanted) { return each.id < wanted; });
    }
    return found != messages_.end() && found->id == id && !found->is_settled ? found
                                                                             : messages_.end();
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
    bytes_ -= found.size;
    message taken{found.id, std::move(found.data), std::move(found.done), found.size, true};
    found.is_settled = true;
    skip_settled();
    drop_settled();
    return taken;
}

void message_store::skip_settled() noexcept {
    while (sent_ < messages_.size() && messages_[sent_].is_settled) {
        ++sent_;
    }
}

void message_store::drop_settled() noexcept {
    while (!messages_.empty() && messages_.front().is_settled) {
        messages_.pop_front();
        sent_ -= std::min<std::size_t>(sent_, 1);
    }
}

}  // namespace network_system::resilience
