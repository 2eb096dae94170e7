#pragma once

#include <network_system/session/messaging_session.h>
#include <network_system/utils/result_types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace network_system::core {

/// Which sessions want the messages of which topic.
///
/// Thread-safety: every member may be called from any thread.
class topic_registry {
public:
    using session_ptr = std::shared_ptr<session::messaging_session>;
    using members = std::shared_ptr<const std::vector<session_ptr>>;

    /// Topics one session may subscribe to; 0 = no limit.
    explicit topic_registry(std::size_t max_per_session) : max_per_session_(max_per_session) {}

    enum class outcome : std::uint8_t { done, unchanged, over_limit };
    outcome subscribe(const session_ptr& who, std::string_view topic);
    outcome unsubscribe(const session_ptr& who, std::string_view topic);
    /// The session is gone.
    void forget(const session::messaging_session& who);

    /// A snapshot, shared while nothing changes. Never null.
    [[nodiscard]] members subscribers(std::string_view topic) const;
    [[nodiscard]] std::size_t topic_count() const;

private:
    struct string_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    using key = const session::messaging_session*;
    struct topic_state {
        // By the number of the subscription: delivery is in the order of subscribing.
        std::map<std::uint64_t, session_ptr> sessions;
        // Made when asked for; null after a change.
        mutable members snapshot;
    };
    using table = std::unordered_map<std::string, topic_state, string_hash, std::equal_to<>>;

    session_ptr remove_from(table::iterator topic, std::uint64_t subscription);

    const std::size_t max_per_session_;
    mutable std::mutex mutex_;
    table topics_;
    // Points at the keys of `topics_`, which stay where they are.
    std::unordered_map<key, std::map<std::string_view, std::uint64_t>> subscriptions_;
    std::uint64_t subscribed_ = 0;
};

}  // namespace network_system::core
