#pragma once

#include <network_system/export.h>
#include <network_system/internal/build_checks.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace network_system::inline v0_1 {

/// What a message says of itself that was sent with an id; see messaging_session::send_with_id.
struct delivery_info {
    /// 0 = it has none.
    std::uint64_t id = 0;
    /// It may have been sent on an earlier connection. This process has not taken it before; one
    /// that ran before it may have.
    bool may_be_resent = false;
};

/// Names a sender of messages with ids, whatever connection they come over. It has to be random:
/// who knows it can take messages in the sender's name, unless TLS with client certificates is
/// used.
using delivery_id = std::array<std::uint8_t, 16>;

namespace session {

class framed_session;

/// Who sends messages with ids, and what of them has been handed to connections: it lives longer
/// than each of these, and tells each server which messages it may have seen before. For
/// `core::client_options::delivery`, of one client at a time: a server ends the connection of a
/// sender when it comes over another one.
///
/// It keeps no messages. Who sends them keeps those that are not acknowledged, and sends them
/// again, the oldest first, over the next connection.
///
/// Thread-safety: every member may be called from any thread.
///
/// Object lifetimes: shared; clients keep the one they were given.
class NETWORK_SYSTEM_EXPORT delivery_sender {
public:
    /// A sender that nobody knows: its id is random bytes of the operating system.
    delivery_sender();
    /// One that goes on where an earlier process has ended: of its messages, those up to the id
    /// `last_sent` may have been sent. 0 = none (default).
    explicit delivery_sender(const delivery_id& id, std::uint64_t last_sent = 0);
    delivery_sender(const delivery_sender&) = delete;
    delivery_sender& operator=(const delivery_sender&) = delete;
    ~delivery_sender();

    [[nodiscard]] const delivery_id& id() const noexcept { return id_; }
    /// The largest id that was handed to a connection; 0 = none.
    [[nodiscard]] std::uint64_t last_sent() const noexcept {
        return last_sent_.load(std::memory_order_relaxed);
    }

private:
    friend class framed_session;

    /// The latest messages that went to one run of a server.
    struct receiver {
        std::uint64_t incarnation = 0;
        std::uint64_t sent_up_to = 0;
    };
    struct announcement {
        std::uint64_t resent_up_to = 0;
        std::uint64_t sent_here_up_to = 0;
    };

    /// A connection to this server begins. Throws std::bad_alloc with nothing done.
    [[nodiscard]] announcement announce(std::uint64_t incarnation);
    void record_sent(std::uint64_t id) noexcept;

    const delivery_id id_;
    std::atomic<std::uint64_t> last_sent_;
    std::mutex mutex_;
    // The current one last.
    std::vector<receiver> receivers_;
    // What may have gone to a server that is not among them.
    std::uint64_t sent_elsewhere_up_to_;
};

}  // namespace session
}  // namespace network_system
