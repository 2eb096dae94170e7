#pragma once

#include "runtime/callback_gate.h"
#include "utils/log.h"

#include <network_system/session/messaging_session.h>
#include <network_system/session/ws_handshake.h>
#include <network_system/session/ws_message.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace network_system::session {

class ws_connection;

using session_ptr = std::shared_ptr<messaging_session>;
using ws_connection_ptr = std::shared_ptr<ws_connection>;
/// Without WebSocket all messages are binary.
using message_kind = ws_message_type;

/// The object a session belongs to: it runs the user's callbacks. Called on the session's loop, or,
/// where a pool runs the callbacks, by one thread of it at a time.
class session_host : public std::enable_shared_from_this<session_host> {
public:
    session_host() : gate_(std::make_shared<runtime::callback_gate>()) {}
    session_host(const session_host&) = delete;
    session_host& operator=(const session_host&) = delete;
    virtual ~session_host() = default;

    /// Guards the callbacks that run user code: all but on_gone and on_callback_exception. What
    /// they throw is caught by the session.
    [[nodiscard]] const std::shared_ptr<runtime::callback_gate>& gate() const noexcept {
        return gate_;
    }

    /// The session is open, and `on_open` follows. Bookkeeping only, always on the session's loop.
    virtual void on_established(const session_ptr&) {}
    virtual void on_open(const session_ptr& who) = 0;
    /// Whether on_open took the session. If not, the host ends it, and only its end may follow.
    [[nodiscard]] virtual bool takes_callbacks() const noexcept { return true; }
    virtual void on_message(const session_ptr& who, message_kind kind,
                            std::span<const std::uint8_t> data) = 0;
    /// The same of a WebSocket whose connection is at hand: on its loop.
    virtual void on_ws_message(const session_ptr& who, const ws_connection_ptr&, message_kind kind,
                               std::span<const std::uint8_t> data) {
        on_message(who, kind, data);
    }
    /// A request of the peer's; `call` is there to answer it. By default nobody does.
    virtual void on_request(const session_ptr& who, std::span<const std::uint8_t> data,
                            detail::request_call& call);
    virtual void on_writable(const session_ptr& who) = 0;
    /// WebSocket servers: a client would open one. Always on the session's loop, before `on_open`,
    /// which follows once the answer accepts.
    virtual void on_handshake(const session_ptr&, const ws_request&, ws_handshake_answer&) {}
    /// WebSocket servers: a request for something else. Always on the session's loop; `answer` says
    /// 426 until it is changed. The connection ends with it.
    virtual void on_http_request(const session_ptr&, const ws_request&, http_response&) {}
    /// WebSocket servers: the session has answered a request by itself, with a status of 4xx or
    /// 5xx. Bookkeeping only, on the loop.
    virtual void on_refused(const session_ptr&, unsigned) noexcept {}
    /// WebSocket without auto_pong: the peer wants an answer to its ping.
    virtual void on_ping(const session_ptr&, std::span<const std::uint8_t>) {}
    /// Exactly once, last. Bookkeeping only: runs even when the gate is closed.
    virtual void on_gone(const session_ptr& who, std::error_code reason,
                         const session_metrics& totals) noexcept = 0;
    /// The user part of the end: `reason` is empty after a clean close. `was_open`: on_open ran.
    virtual void on_closed(const session_ptr& who, std::error_code reason, bool was_open) = 0;

    /// A user callback threw.
    virtual void on_callback_exception(const messaging_session& who,
                                       std::string_view what) noexcept = 0;
    /// Whose the lines of the log about its sessions are.
    [[nodiscard]] virtual detail::log_source writer() const noexcept { return {}; }

protected:
    /// A host in front of another one shares its gate.
    explicit session_host(std::shared_ptr<runtime::callback_gate> gate) : gate_(std::move(gate)) {}

private:
    std::shared_ptr<runtime::callback_gate> gate_;
};

}  // namespace network_system::session
