#include "resilience/message_store.h"

#include "utils/contain.h"

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

std::uint64_t message_store::add(std::span<const std::uint8_t> data, session::send_callback& done) {
    std::vector<std::uint8_t> copy;
    if (!spare_.empty()) {
        copy = std::move(spare_.back());
        spare_.pop_back();
    }
    copy.assign(data.begin(), data.end());
    return add(std::move(copy), done);
}

void message_store::reuse(std::vector<std::uint8_t>&& memory) noexcept {
    if (spare_.size() == most_spare || memory.capacity() > largest_spare) {
        return;
    }
    if (spare_.capacity() == 0 && !detail::attempt([this] { spare_.reserve(most_spare); })) {
        return;
    }
    spare_.push_back(std::move(memory));
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
        mark_unsent(lent.id);
    }
}

void message_store::mark_unsent(std::uint64_t id) noexcept {
    if (const auto found = find(id); found != messages_.end()) {
        sent_ = std::min(sent_, static_cast<std::size_t>(std::distance(messages_.begin(), found)));
    }
}

message_store::message message_store::take_next() {
    return remove(sent_);
}

void message_store::put_back(message&& taken) {
    messages_.push_front(std::move(taken));
    messages_.front().is_settled = false;
    ++count_;
    bytes_ += messages_.front().size;
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

std::optional<message_store::message> message_store::take_oldest(std::uint64_t up_to) noexcept {
    // The first one is not settled.
    if (messages_.empty() || messages_.front().id > up_to) {
        return std::nullopt;
    }
    return remove(0);
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
