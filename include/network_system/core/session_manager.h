#pragma once

#include <network_system/export.h>
#include <network_system/session/messaging_session.h>
#include <network_system/utils/result_types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace network_system::inline v0_1::core {

/// Whether the sessions of a manager can take more.
enum class backpressure_state : std::uint8_t {
    /// No session's queue is over its low watermark.
    open,
    /// At least one session's queue is over its low watermark.
    filling,
    /// At least one session's queue is over its high watermark: its sends are being refused.
    full,
};

struct session_manager_stats {
    /// Sessions registered now.
    std::size_t active = 0;
    /// The most that were registered at the same time.
    std::size_t peak = 0;
    std::uint64_t total_added = 0;
    std::uint64_t total_removed = 0;
    /// Additions refused because `max_sessions` was reached.
    std::uint64_t total_rejected = 0;
    /// Sum over the registered sessions.
    std::size_t queued_bytes = 0;
    backpressure_state backpressure = backpressure_state::open;
};

/// The registry of a server's sessions, by id.
///
/// Thread-safety: every member may be called from any thread and callback; no member holds a lock
/// while it runs user code.
///
/// Object lifetimes: holds shared ownership of its sessions until they are removed.
class NETWORK_SYSTEM_EXPORT session_manager {
public:
    using session_ptr = std::shared_ptr<session::messaging_session>;

    /// `max_sessions`: 0 = no limit. `config` gives the watermarks that `get_stats` compares with.
    explicit session_manager(std::size_t max_sessions = 0, const session_config& config = {});

    /// Errors: `invalid_session` (null), `already_exists` (the id is registered), `server_full`.
    [[nodiscard]] VoidResult add_session(const session_ptr& session);
    /// Error: `session_not_found`.
    discardable_result remove_session(std::string_view id);
    /// Error: `session_not_found`.
    [[nodiscard]] Result<session_ptr> find_session(std::string_view id) const;
    /// A snapshot, in the order in which they were added.
    [[nodiscard]] std::vector<session_ptr> all_sessions() const;
    /// The same without a copy while no session comes or goes. Never null.
    [[nodiscard]] std::shared_ptr<const std::vector<session_ptr>> snapshot() const;
    /// Calls `visit` for each session of a snapshot.
    void for_each(const std::function<void(const session_ptr&)>& visit) const;
    /// Begins a graceful close of every session and returns how many there were.
    std::size_t stop_all_sessions() const;

    [[nodiscard]] std::size_t session_count() const;
    /// The session's counters and its place under the watermarks. Error: `session_not_found`.
    [[nodiscard]] Result<backpressure_state> session_backpressure(std::string_view id) const;
    /// Visits every session: for monitoring, not for hot paths.
    [[nodiscard]] session_manager_stats get_stats() const;

private:
    struct registered {
        session_ptr session;
        std::uint64_t number;
    };
    // By the id that the session itself keeps.
    static std::string_view key_of(std::string_view id) noexcept { return id; }
    static std::string_view key_of(const registered& entry) noexcept { return entry.session->id(); }
    struct hash_of_key {
        using is_transparent = void;
        template <typename Entry>
        std::size_t operator()(const Entry& entry) const noexcept {
            return std::hash<std::string_view>{}(key_of(entry));
        }
    };
    struct same_key {
        using is_transparent = void;
        template <typename One, typename Other>
        bool operator()(const One& one, const Other& other) const noexcept {
            return key_of(one) == key_of(other);
        }
    };
    using table = std::unordered_set<registered, hash_of_key, same_key>;

    [[nodiscard]] backpressure_state state_of(std::size_t queued) const noexcept;

    const std::size_t max_sessions_;
    const std::size_t high_watermark_;
    const std::size_t low_watermark_;
    mutable std::mutex mutex_;
    table sessions_;
    // Made when asked for; null after a change.
    mutable std::shared_ptr<const std::vector<session_ptr>> snapshot_;
    std::size_t peak_ = 0;
    std::uint64_t added_ = 0;
    std::uint64_t removed_ = 0;
    std::uint64_t rejected_ = 0;
};

}  // namespace network_system::core
