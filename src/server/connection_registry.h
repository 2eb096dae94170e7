#pragma once

#include "server/admission.h"

#include <network_system/core/session_manager.h>

#include <mutex>
#include <unordered_map>
#include <vector>

namespace network_system::inline v0_1::core {

/// The connections of a server: those in their handshake, of which users see nothing, and those
/// that are open.
///
///     add --> handshaking --mark_open--> open
///                  |                       |
///                  +------- remove --------+
///
/// Thread-safety: every member may be called from any thread.
class connection_registry {
public:
    using session_ptr = session_manager::session_ptr;

    /// `config` gives the watermarks that statistics compare with.
    explicit connection_registry(const session_config& config) : open_(0, config) {}

    // A member that throws std::bad_alloc has changed nothing.

    void add(const session_ptr& who, verdict how);
    /// The handshake of a connection that was added is done.
    void mark_open(const session_ptr& who);
    /// The connection is gone; says how it had come in.
    verdict remove(const session_ptr& who) noexcept;

    [[nodiscard]] verdict how_came(const session_ptr& who) const;
    /// Whoever looks at these before the open ones misses nobody who is being opened meanwhile.
    [[nodiscard]] std::vector<session_ptr> handshaking() const;
    [[nodiscard]] const session_manager& open() const noexcept { return open_; }

private:
    struct newcomer {
        session_ptr who;
        verdict how;
    };

    session_manager open_;
    mutable std::mutex mutex_;
    std::unordered_map<const session::messaging_session*, newcomer> handshaking_;
};

}  // namespace network_system::core
