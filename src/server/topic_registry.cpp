#include "server/topic_registry.h"

#include <utility>

namespace network_system::core {

topic_registry::outcome topic_registry::subscribe(const session_ptr& who, std::string_view topic) {
    members outdated;  // destroyed after the lock is released: user data has destructors
    const std::lock_guard lock(mutex_);
    auto& own = subscriptions_[who.get()];
    if (own.contains(topic)) {
        return outcome::unchanged;
    }
    if (max_per_session_ != 0 && own.size() >= max_per_session_) {
        return outcome::over_limit;
    }
    auto found = topics_.find(topic);
    if (found == topics_.end()) {
        found = topics_.emplace(topic, topic_state{}).first;
    }
    found->second.sessions.emplace(++subscribed_, who);
    outdated.swap(found->second.snapshot);
    own.emplace(found->first, subscribed_);
    return outcome::done;
}

topic_registry::session_ptr topic_registry::remove_from(table::iterator topic,
                                                        std::uint64_t subscription) {
    auto node = topic->second.sessions.extract(subscription);
    if (topic->second.sessions.empty()) {
        topics_.erase(topic);
    } else {
        topic->second.snapshot.reset();
    }
    return node.empty() ? nullptr : std::move(node.mapped());
}

topic_registry::outcome topic_registry::unsubscribe(const session_ptr& who,
                                                    std::string_view topic) {
    const std::lock_guard lock(mutex_);
    const auto own = subscriptions_.find(who.get());
    if (own == subscriptions_.end()) {
        return outcome::unchanged;
    }
    const auto subscription = own->second.find(topic);
    if (subscription == own->second.end()) {
        return outcome::unchanged;
    }
    const std::uint64_t number = subscription->second;
    own->second.erase(subscription);
    if (own->second.empty()) {
        subscriptions_.erase(own);
    }
    // The caller holds the session: this is not its last reference.
    (void)remove_from(topics_.find(topic), number);
    return outcome::done;
}

void topic_registry::forget(const session::messaging_session& who) {
    session_ptr kept;  // as long as the lock is held
    const std::lock_guard lock(mutex_);
    const auto own = subscriptions_.find(&who);
    if (own == subscriptions_.end()) {
        return;
    }
    const auto subscribed = std::move(own->second);
    subscriptions_.erase(own);
    for (const auto& [topic, number] : subscribed) {
        kept = remove_from(topics_.find(topic), number);
    }
}

topic_registry::members topic_registry::subscribers(std::string_view topic) const {
    static const auto nobody = std::make_shared<const std::vector<session_ptr>>();
    const std::lock_guard lock(mutex_);
    const auto found = topics_.find(topic);
    if (found == topics_.end()) {
        return nobody;
    }
    const topic_state& state = found->second;
    if (!state.snapshot) {
        auto all = std::make_shared<std::vector<session_ptr>>();
        all->reserve(state.sessions.size());
        for (const auto& [id, session] : state.sessions) {
            all->push_back(session);
        }
        state.snapshot = std::move(all);
    }
    return state.snapshot;
}

std::size_t topic_registry::topic_count() const {
    const std::lock_guard lock(mutex_);
    return topics_.size();
}

}  // namespace network_system::core
