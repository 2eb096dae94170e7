#pragma once

#include <network_system/internal/websocket_frame.h>
#include <network_system/session/messaging_session.h>
#include <network_system/session/ws_handshake.h>
#include <network_system/session/ws_message.h>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1 {

/// Why a WebSocket ends. 3000 to 4999 may be cast to this type: they are the application's.
using ws_close_code = websocket::close_code;

namespace session {

/// Gets one message in pull mode, or the error that says there will be none.
using ws_receive_handler = message_handler;

/// One WebSocket of a server or a client. What it shares with other connections (pull mode,
/// pausing, metrics, TLS, user data) is messaging_session's; its `send_packet` sends a binary
/// message, its requests are `not_supported`, and its `stop_session` is `close`.
///
/// Thread-safety: every member may be called from any thread and from any callback.
///
/// One without a connection, for tests, derives from it and overrides at least `send_copy_as`,
/// `close` and `is_stopped`; see messaging_session.
class NETWORK_SYSTEM_EXPORT ws_connection : public messaging_session {
public:
    ws_connection(const ws_connection&) = delete;
    ws_connection& operator=(const ws_connection&) = delete;
    ~ws_connection() override;

    /// Sends a message, which may be empty. The callback is moved from on success and left intact
    /// on error.
    ///
    /// The text has to be UTF-8, which is the caller's duty: it is not checked here. A peer that
    /// keeps to RFC 6455 (section 8.1) fails the connection on a text that is not, with 1007, and
    /// reads nothing that was sent behind it. The send itself succeeds; the disconnection callback
    /// gets `invalid_payload`, or `abnormal` from a peer that ends without a close frame. For texts
    /// of unknown origin there is `internal::is_utf8` (internal/utf8.h), and `send_binary`.
    ///
    /// Errors: those of `send_packet` but `invalid_argument`.
    [[nodiscard]] VoidResult send_text(std::string_view text, send_callback&& done = {}) {
        return send_copy_as({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, done,
                            ws_message_type::text);
    }
    [[nodiscard]] VoidResult send_text(const char* text, send_callback&& done = {}) {
        return send_text(std::string_view(text), std::move(done));
    }
    [[nodiscard]] VoidResult send_binary(std::span<const std::uint8_t> data,
                                         send_callback&& done = {}) {
        return send_copy_as(data, done, ws_message_type::binary);
    }
    [[nodiscard]] VoidResult send_binary(std::initializer_list<std::uint8_t> bytes,
                                         send_callback&& done = {}) {
        return send_copy_as({bytes.begin(), bytes.size()}, done, ws_message_type::binary);
    }
    /// Takes a large message over without a copy; the vector is left empty on success, and intact
    /// on error.
    [[nodiscard]] VoidResult send_binary(std::vector<std::uint8_t>&& data,
                                         send_callback&& done = {}) {
        return send_owned_as(data, done, ws_message_type::binary);
    }
    [[nodiscard]] VoidResult send_text(std::vector<std::uint8_t>&& utf8,
                                       send_callback&& done = {}) {
        return send_owned_as(utf8, done, ws_message_type::text);
    }

    /// `receive_mode::pull` only: asks for the next message, and whether it is text. Otherwise the
    /// same as `receive_packet`, which gives its bytes alone; those who wait are served in the
    /// order of the calls of either.
    virtual VoidResult receive_message(ws_receive_handler&& handler,
                                       operation_id operation = operation_id::none);

    /// Sends a ping; its pong counts as life, and nobody hears of it. See `ping` for the round
    /// trip. At most 125 bytes. Errors: `invalid_argument`, `send_buffer_full`,
    /// `connection_closed`.
    virtual VoidResult send_ping(std::span<const std::uint8_t> payload = {});
    /// Answers a ping, or is a heartbeat nobody asked for: needed only without `auto_pong`. As
    /// above.
    virtual VoidResult send_pong(std::span<const std::uint8_t> payload = {});

    /// The closing handshake: what is queued is sent, then the code and the reason; the connection
    /// ends when the peer has answered, or with the drain deadline. Messages that arrive meanwhile
    /// are discarded. Idempotent; the first one counts.
    ///
    /// Errors: `invalid_argument` (a code that must not be sent: allowed are 1000 to 1003, 1007 to
    /// 1014 and 3000 to 4999; a reason of more than 123 bytes, or that is not UTF-8).
    virtual discardable_result close(ws_close_code code = ws_close_code::normal,
                                     std::string_view reason = {}) = 0;

    /// What the client asked for; on a client, what it has asked for. Empty when the configuration
    /// does not keep requests.
    [[nodiscard]] virtual const ws_request& request() const noexcept;
    using messaging_session::request;
    /// Client: the server's answer, which opened the connection, with its header fields. Empty on a
    /// server, and when the configuration does not keep responses.
    [[nodiscard]] virtual const ws_response& response() const noexcept;
    /// Client: what it is connected to, "wss://example.org/chat?room=1"; after a redirect where
    /// that has led. Empty on a server.
    [[nodiscard]] virtual std::string url() const { return {}; }
    /// What was agreed on; empty for none.
    [[nodiscard]] virtual std::string_view subprotocol() const noexcept { return {}; }

    /// What the peer's close frame said: `no_status` (1005) when it carried no code, `abnormal`
    /// (1006) while there was none.
    [[nodiscard]] virtual ws_close_code close_code() const noexcept {
        return ws_close_code::abnormal;
    }
    [[nodiscard]] virtual std::string close_reason() const { return {}; }
    /// Client: how the server has refused the handshake, in and after the closed callback; null
    /// when it has not.
    [[nodiscard]] virtual std::shared_ptr<const ws_rejection> rejection() const { return nullptr; }

    /// The same as `close`.
    discardable_result stop_session() override { return close(); }
    using messaging_session::stop_session;

protected:
    using messaging_session::messaging_session;
    // The type is last: these are called for each message, and pass the rest on as it is.

    /// By default a `send_copy_as`.
    virtual VoidResult send_owned_as(std::vector<std::uint8_t>& data, send_callback& done,
                                     ws_message_type type);
    virtual VoidResult send_copy_as(std::span<const std::uint8_t> data, send_callback& done,
                                    ws_message_type type) = 0;
    // Not defined here: where compilers see it they guess that this is the one to be called.
    VoidResult send_copy(std::span<const std::uint8_t> data, send_callback& done) override;
};

}  // namespace session
}  // namespace network_system
