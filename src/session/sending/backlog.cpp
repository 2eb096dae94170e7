#include "session/sending/backlog.h"

#include <utility>

namespace network_system::inline v0_1::session {

void backlog::push(entry&& added) {
    const auto last = entries_.emplace(entries_.end());
    try {
        if (!added.key.empty()) {
            last->key = added.key;
            by_key_.insert_or_assign(last->key, last);
        }
    } catch (...) {
        entries_.pop_back();
        throw;
    }
    bytes_ += added.size();
    detail::record_taken(added.size());
    last->shared = std::move(added.shared);
    last->owned = std::move(added.owned);
    last->done = std::move(added.done);
}

std::size_t backlog::size_of(std::string_view key) const {
    const auto found = key.empty() ? by_key_.end() : by_key_.find(key);
    return found == by_key_.end() ? 0 : found->second->size();
}

void backlog::record_superseded(entry& old) {
    if (old.done) {
        superseded_.callbacks.emplace_back();
        superseded_.callbacks.back() = std::move(old.done);
    }
    bytes_ -= old.size();
    detail::record_freed(old.size());
    ++superseded_.messages;
}

void backlog::push_or_replace(entry&& added) {
    const auto found = added.key.empty() ? by_key_.end() : by_key_.find(added.key);
    if (found == by_key_.end()) {
        push(std::move(added));
    } else {
        replace(*found->second, std::move(added));
    }
}

void backlog::replace(entry& old, entry&& newer) {
    record_superseded(old);
    bytes_ += newer.size();
    detail::record_taken(newer.size());
    old.shared = std::move(newer.shared);
    old.owned = std::move(newer.owned);
    old.done = std::move(newer.done);
}

void backlog::drop_oldest() {
    record_superseded(entries_.front());
    by_key_.erase(entries_.front().key);
    entries_.pop_front();
}

void backlog::pop(std::size_t size) noexcept {
    by_key_.erase(entries_.front().key);
    entries_.pop_front();
    bytes_ -= size;
    detail::record_freed(size);
}

transport::write_callback backlog::take_discarded() noexcept {
    while (!discarded_.empty()) {
        auto done = std::move(discarded_.front().done);
        discarded_.pop_front();
        if (done) {
            return done;
        }
    }
    return {};
}

}  // namespace network_system::session
