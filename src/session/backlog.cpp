#include "session/backlog.h"

#include <utility>

namespace network_system::session {

void backlog::push(entry&& added) {
    bytes_ += added.size();
    entries_.push_back(std::move(added));
    if (const auto last = std::prev(entries_.end()); !last->key.empty()) {
        by_key_.insert_or_assign(last->key, last);
    }
}

std::size_t backlog::size_of(std::string_view key) const {
    const auto found = key.empty() ? by_key_.end() : by_key_.find(key);
    return found == by_key_.end() ? 0 : found->second->size();
}

void backlog::note_superseded(entry& old) {
    bytes_ -= old.size();
    ++superseded_.messages;
    if (old.done) {
        superseded_.callbacks.push_back(std::move(old.done));
    }
}

void backlog::replace(entry&& newer) {
    const auto place = by_key_.find(newer.key)->second;
    note_superseded(*place);
    bytes_ += newer.size();
    place->shared = std::move(newer.shared);
    place->owned = std::move(newer.owned);
    place->done = std::move(newer.done);
}

void backlog::drop_oldest() {
    note_superseded(entries_.front());
    by_key_.erase(entries_.front().key);
    entries_.pop_front();
}

backlog::entry backlog::pop() {
    by_key_.erase(entries_.front().key);
    entry oldest = std::move(entries_.front());
    entries_.pop_front();
    bytes_ -= oldest.size();
    return oldest;
}

}  // namespace network_system::session
