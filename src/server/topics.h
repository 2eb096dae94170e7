#pragma once

#include <network_system/session/message.h>
#include <network_system/session/messaging_session.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {

/// Who hears what a node's topics are about, to share them with other nodes: which topics somebody
/// subscribes to here, and what is published here.
///
/// Thread-safety: called on whatever thread changes or publishes something, without a lock; for
/// each topic the first two one at a time. May change topics itself.
class topics_listener {
public:
    topics_listener() = default;
    topics_listener(const topics_listener&) = delete;
    topics_listener& operator=(const topics_listener&) = delete;
    virtual ~topics_listener() = default;

    // For each topic these two take turns, beginning with the first. Changes that follow each other
    // quickly may leave both out.

    /// The topic has its first subscriber.
    virtual void on_wanted(std::string_view topic) noexcept = 0;
    /// The topic has lost its last subscriber.
    virtual void on_unwanted(std::string_view topic) noexcept = 0;
    virtual void on_published(std::string_view topic, message_kind type,
                              std::span<const std::uint8_t> data) noexcept = 0;
};

/// Which sessions subscribe to which topic.
///
/// Thread-safety: every member may be called from any thread.
class topics {
public:
    using session_ptr = std::shared_ptr<session::messaging_session>;
    using members = std::shared_ptr<const std::vector<session_ptr>>;

    /// Topics one session may subscribe to; 0 = no limit.
    explicit topics(std::size_t max_per_session) : max_per_session_(max_per_session) {}

    /// Before the first subscription.
    void set_listener(std::shared_ptr<topics_listener> listener) noexcept {
        listener_ = std::move(listener);
    }

    enum class outcome : std::uint8_t { done, unchanged, over_limit };
    outcome subscribe(const session_ptr& who, std::string_view topic);
    outcome unsubscribe(const session_ptr& who, std::string_view topic);
    /// Ends all subscriptions of a session.
    void remove(const session::messaging_session& who) noexcept;

    /// A snapshot, shared while nothing changes. Never null.
    [[nodiscard]] members subscribers(std::string_view topic) const;
    /// The same for a message that is published here, of which the listener is told.
    [[nodiscard]] members publish(std::string_view topic, message_kind type,
                                  std::span<const std::uint8_t> data) const;
    /// Those that somebody subscribes to.
    [[nodiscard]] std::size_t topic_count() const;

private:
    struct string_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    using key = const session::messaging_session*;
    struct topic_state;
    using node = std::pair<const std::string, topic_state>;
    struct topic_state {
        // By the number of the subscription: delivery is in the order of subscribing.
        std::map<std::uint64_t, session_ptr> sessions;
        // Made when asked for; null after a change.
        mutable members snapshot;
        // What the listener has been told last.
        bool is_told_wanted = false;
        // The listener is to be told, or is being told. It is not erased meanwhile.
        bool is_changed = false;
        node* next_changed = nullptr;
    };
    using table = std::unordered_map<std::string, topic_state, string_hash, std::equal_to<>>;

    // With the lock held.
    session_ptr remove_from(table::iterator topic, std::uint64_t subscription) noexcept;
    /// Erases a topic without subscribers, unless the listener is still to be told.
    void erase_if_unused(table::iterator topic) noexcept;
    void record_change(node& topic) noexcept;
    [[nodiscard]] node* take_changed() noexcept;

    /// Tells what has changed, but for topics of which another thread tells: that goes on with
    /// them.
    void tell_listener() noexcept;

    const std::size_t max_per_session_;
    std::shared_ptr<topics_listener> listener_;
    mutable std::mutex mutex_;
    table topics_;
    // Those that nobody subscribes to any more, and of which the listener is still to be told.
    std::size_t empty_ = 0;
    // Points at the keys of `topics_`, which stay where they are.
    std::unordered_map<key, std::map<std::string_view, std::uint64_t>> subscriptions_;
    std::uint64_t subscribed_ = 0;
    // The changes that the listener has not heard of, oldest first.
    node* first_changed_ = nullptr;
    node* last_changed_ = nullptr;
};

}  // namespace network_system::core
