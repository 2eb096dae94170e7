#pragma once

#include "framed/delivery/sender.h"
#include "runtime/time_source.h"

#include <network_system/session/delivery.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::delivery {

/// The senders that a server knows, over all its loops and connections: bounded in number, and
/// those that are away for long are forgotten. A connected one never is.
///
/// Whom it has forgotten it remembers too, for as many: only their messages that may have been sent
/// here before are refused. When there were more of these, so is every unknown sender's.
///
/// Thread-safety: every member may be called from any thread. One lock, taken when connections
/// begin and end.
class senders {
public:
    struct limits {
        /// At least 1.
        std::size_t most = 0;
        /// See window.
        std::size_t window = 0;
        /// Of senders without a connection. 0 = never.
        std::chrono::milliseconds forget_after{0};
    };
    senders(const limits& most, std::uint64_t incarnation)
        : limits_(most), incarnation_(incarnation) {}
    senders(const senders&) = delete;
    senders& operator=(const senders&) = delete;
    ~senders() = default;

    /// Names this memory: see protocol::hello.
    [[nodiscard]] std::uint64_t incarnation() const noexcept { return incarnation_; }
    [[nodiscard]] std::size_t count() const;

    enum class outcome : std::uint8_t {
        joined,
        /// So many are connected already.
        full,
        /// It came with another certificate, or with one at all, before.
        other_certificate,
    };
    struct joining {
        outcome answer = outcome::full;
        std::shared_ptr<sender> who;
        sender::epoch of = 0;
        /// The connection whose place it takes; null when there is none.
        std::shared_ptr<receiver> former;
    };
    /// A sender has come over a connection. `certificate` is the fingerprint of its own, or empty.
    /// Of its messages, those up to `sent_here_up_to` may have been sent here before. Throws
    /// std::bad_alloc with nothing done.
    [[nodiscard]] joining join(const delivery_id& id, std::string_view certificate,
                               std::uint64_t sent_here_up_to, std::weak_ptr<receiver> over,
                               runtime::steady_time now);
    /// The connection has ended.
    void leave(const delivery_id& id, const std::shared_ptr<sender>& who, sender::epoch of,
               runtime::steady_time now) noexcept;

private:
    struct known {
        delivery_id id{};
        std::shared_ptr<sender> who;
        std::string certificate;
        runtime::steady_time left{};
        bool is_absent = false;
    };
    using place = std::list<known>::iterator;

    void forget_absent(runtime::steady_time now) noexcept;
    void forget_oldest() noexcept;
    void remember_forgotten(const delivery_id& id) noexcept;
    [[nodiscard]] place add(const delivery_id& id, std::string_view certificate,
                            std::uint64_t sent_here_up_to);

    const limits limits_;
    const std::uint64_t incarnation_;
    mutable std::mutex mutex_;
    std::list<known> connected_;
    // The one that is away for longest first.
    std::list<known> absent_;
    // Ordered: peers choose the ids, and could make hashes collide.
    std::map<delivery_id, place> by_id_;
    std::set<delivery_id> forgotten_;
    std::deque<delivery_id> in_order_of_forgetting_;
    bool has_forgotten_more_ = false;
};

}  // namespace network_system::delivery
