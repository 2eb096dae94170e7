#pragma once

#include "session/message_host.h"

#include <network_system/session/ws_connection.h>
#include <network_system/session/ws_handshake.h>

#include <cstdint>
#include <memory>
#include <span>

namespace network_system::inline v0_1::session {

using ws_connection_ptr = std::shared_ptr<ws_connection>;

/// What a WebSocket tells beside what every session tells its message_host: the host itself, also
/// where a pool runs its callbacks. Called on the session's loop; lives as long as the
/// message_host.
class websocket_host {
public:
    websocket_host() = default;
    websocket_host(const websocket_host&) = delete;
    websocket_host& operator=(const websocket_host&) = delete;

    /// `message_host::on_event`: the peer wants an answer to its ping, which the application gives.
    static constexpr std::uint32_t ping_event = 1;

    /// The same as `message_host::on_message` where no pool runs the callbacks: the connection is
    /// at hand.
    virtual void on_ws_message(const session_ptr& who, const ws_connection_ptr& from,
                               message_kind kind, std::span<const std::uint8_t> data) = 0;
    /// Servers: a client would open a WebSocket. Before `on_open`, which follows once the answer
    /// accepts.
    virtual void on_handshake(const session_ptr&, const ws_request&, ws_handshake_answer&) {}
    /// Servers: a request for something else. `answer` says 426 until it is changed. The connection
    /// ends with it.
    virtual void on_http_request(const session_ptr&, const ws_request&, http_response&) {}
    /// Servers: the session has answered a request by itself, with a status of 4xx or 5xx.
    /// Bookkeeping only.
    virtual void on_refused(const session_ptr&, unsigned) noexcept {}

protected:
    ~websocket_host() = default;
};

}  // namespace network_system::session
