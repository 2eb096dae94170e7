#pragma once

#include "session/connection_host.h"

#include <network_system/session/message.h>
#include <network_system/session/messaging_session.h>

#include <cstdint>
#include <memory>
#include <span>
#include <system_error>

namespace network_system::inline v0_1::session {

using network_system::message_kind;
using session_ptr = std::shared_ptr<messaging_session>;

/// The host of a connection that carries messages.
class message_host : public connection_host {
public:
    [[nodiscard]] std::shared_ptr<message_host> shared_from_this() {
        return std::static_pointer_cast<message_host>(connection_host::shared_from_this());
    }

    /// The session is open, and `on_open` follows. Bookkeeping only, always on the session's loop.
    virtual void on_established(const session_ptr&) {}
    virtual void on_open(const session_ptr& who) = 0;
    /// Whether on_open took the session. If not, the host ends it, and only its end may follow.
    [[nodiscard]] virtual bool takes_callbacks() const noexcept { return true; }
    virtual void on_message(const session_ptr& who, message_kind kind,
                            std::span<const std::uint8_t> data) = 0;
    /// A message of the peer's that has an id: on_message between `begin_delivery` and
    /// `end_delivery` of the connection. By default there is none.
    virtual void on_numbered_message(const session_ptr& who, std::span<const std::uint8_t> data,
                                     std::uint64_t id) {
        (void)who;
        (void)data;
        (void)id;
    }
    /// A request of the peer's; `call` is there to answer it. By default nobody does.
    virtual void on_request(const session_ptr& who, std::span<const std::uint8_t> data,
                            detail::request_call& call);
    /// Something else that the protocol lets its application know; what, is between the two.
    virtual void on_event(const session_ptr& who, std::uint32_t what,
                          std::span<const std::uint8_t> data) {
        (void)who;
        (void)what;
        (void)data;
    }
    virtual void on_writable(const session_ptr& who) = 0;
    /// The user part of the end: `reason` is empty after a clean close. `was_open`: on_open ran.
    virtual void on_closed(const session_ptr& who, std::error_code reason, bool was_open) = 0;
    /// Exactly once, last. Bookkeeping only: runs even when the gate is closed.
    virtual void on_gone(const session_ptr& who, std::error_code reason,
                         const session_metrics& totals) noexcept = 0;

protected:
    using connection_host::connection_host;
};

}  // namespace network_system::session
