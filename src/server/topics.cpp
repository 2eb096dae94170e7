#include "server/topics.h"

#include "utils/on_exception.h"

#include <utility>

namespace network_system::inline v0_1::core {
namespace {

const auto nobody = std::make_shared<topics::members::element_type>();

}  // namespace

topics::outcome topics::subscribe(const session_ptr& who, std::string_view topic) {
    {
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
            ++empty_;
        }
        const detail::on_exception undo([&] {
            own.erase(found->first);
            if (own.empty()) {
                subscriptions_.erase(who.get());
            }
            erase_if_unused(found);
        });
        topic_state& state = found->second;
        const bool is_first = state.sessions.empty();
        own.emplace(found->first, subscribed_ + 1);
        state.sessions.emplace(subscribed_ + 1, who);
        ++subscribed_;
        outdated.swap(state.snapshot);
        if (!is_first) {
            return outcome::done;
        }
        --empty_;
        record_change(*found);
    }
    tell_listener();
    return outcome::done;
}

topics::session_ptr topics::remove_from(table::iterator topic,
                                        std::uint64_t subscription) noexcept {
    topic_state& state = topic->second;
    auto taken = state.sessions.extract(subscription);
    state.snapshot.reset();
    if (state.sessions.empty()) {
        ++empty_;
        record_change(*topic);
        erase_if_unused(topic);
    }
    return taken.empty() ? nullptr : std::move(taken.mapped());
}

void topics::erase_if_unused(table::iterator topic) noexcept {
    if (topic->second.sessions.empty() && !topic->second.is_changed) {
        topics_.erase(topic);
        --empty_;
    }
}

topics::outcome topics::unsubscribe(const session_ptr& who, std::string_view topic) {
    {
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
    }
    tell_listener();
    return outcome::done;
}

void topics::remove(const session::messaging_session& who) noexcept {
    {
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
    tell_listener();
}

topics::members topics::subscribers(std::string_view topic) const {
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

topics::members topics::publish(std::string_view topic, message_kind type,
                                std::span<const std::uint8_t> data) const {
    if (listener_) {
        listener_->on_published(topic, type, data);
    }
    return subscribers(topic);
}

std::size_t topics::topic_count() const {
    const std::lock_guard lock(mutex_);
    return topics_.size() - empty_;
}

/// Nothing is allocated: it is also called where nothing may fail.
void topics::record_change(node& topic) noexcept {
    if (!listener_ || topic.second.is_changed) {
        return;
    }
    topic.second.is_changed = true;
    (last_changed_ != nullptr ? last_changed_->second.next_changed : first_changed_) = &topic;
    last_changed_ = &topic;
}

topics::node* topics::take_changed() noexcept {
    node* const taken = first_changed_;
    if (taken != nullptr) {
        first_changed_ = std::exchange(taken->second.next_changed, nullptr);
        last_changed_ = first_changed_ != nullptr ? last_changed_ : nullptr;
    }
    return taken;
}

void topics::tell_listener() noexcept {
    if (!listener_) {
        return;
    }
    std::unique_lock lock(mutex_);
    while (node* const changed = take_changed()) {
        topic_state& state = changed->second;
        // It may change while the listener is told: whoever changes it leaves that to this thread.
        while (state.is_told_wanted == state.sessions.empty()) {
            state.is_told_wanted = !state.is_told_wanted;
            const bool is_wanted = state.is_told_wanted;
            lock.unlock();
            if (is_wanted) {
                listener_->on_wanted(changed->first);
            } else {
                listener_->on_unwanted(changed->first);
            }
            lock.lock();
        }
        state.is_changed = false;
        erase_if_unused(topics_.find(changed->first));
    }
}

}  // namespace network_system::core
