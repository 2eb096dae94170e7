#pragma once

#include "session/session_of.h"
#include "websocket/host.h"
#include "websocket/session_settings.h"

#include <network_system/internal/websocket_protocol.h>
#include <network_system/session/ws_connection.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::session {

/// The session that speaks WebSocket (RFC 6455), over any transport.
///
///     start --handshake--> open --close--> waiting for the peer's close --> closed
///
/// A refused handshake, a broken rule and a close of the peer's, which is answered, end it without
/// waiting.
class websocket_session final : public session_of<ws_connection> {
public:
    /// `hooks`: those of the host, which is behind a pool when that runs the callbacks.
    websocket_session(std::shared_ptr<transport::transport> over,
                      std::shared_ptr<message_host> host, websocket_host& hooks,
                      const session_setup& setup,
                      std::shared_ptr<const websocket_settings> settings, bool is_pooled = false);
    websocket_session(const websocket_session&) = delete;
    websocket_session& operator=(const websocket_session&) = delete;
    ~websocket_session() override;

    /// Every session of an engine that speaks WebSocket is one of these.
    [[nodiscard]] static websocket_session& of(messaging_session& who) noexcept {
        return static_cast<websocket_session&>(who);
    }
    /// Calls `use(const std::shared_ptr<ws_connection>&)`. Where the session's own callbacks run,
    /// the reference count is not touched.
    template <typename Use>
    static void with_connection(const session_ptr& who, Use&& use) {
        auto& session = of(*who);
        // The pointer is the loop's, which may let go of it while a pool still runs callbacks.
        if (session.runs_here() && session.connection_) {
            use(session.connection_);
        } else {
            use(std::shared_ptr<ws_connection>(who, &session));
        }
    }

    VoidResult receive_message(ws_receive_handler&& handler,
                               operation_id operation = operation_id::none) override {
        return pull(handler, operation);
    }
    VoidResult send_ping(std::span<const std::uint8_t> payload) override;
    VoidResult send_pong(std::span<const std::uint8_t> payload) override;
    discardable_result close(ws_close_code code, std::string_view reason) override;
    [[nodiscard]] const ws_request& request() const noexcept override;
    [[nodiscard]] std::string_view subprotocol() const noexcept override;
    [[nodiscard]] ws_close_code close_code() const noexcept override {
        return peer_code_.load(std::memory_order_acquire);
    }
    [[nodiscard]] std::string close_reason() const override;
    [[nodiscard]] std::string failure_text() const override;
    [[nodiscard]] std::shared_ptr<const ws_rejection> rejection() const override;

protected:
    VoidResult send_owned_as(std::vector<std::uint8_t>& data, send_callback& done,
                             ws_message_type type) override {
        return send_owned_message(data, done, type);
    }
    VoidResult send_copy_as(std::span<const std::uint8_t> data, send_callback& done,
                            ws_message_type type) override {
        return send_copied_message(data, done, type);
    }
    VoidResult send_request(std::span<const std::uint8_t> data, std::chrono::milliseconds timeout,
                            operation_id operation, response_handler& handler) override;
    VoidResult send_response(std::uint64_t request_id, int code,
                             std::span<const std::uint8_t> data) override;
    void settle_request(std::uint64_t, int, std::span<const std::uint8_t>) noexcept override {}

private:
    /// Only until the handshake is over; for ever when a client's was refused.
    struct opening;
    /// What the handshake has left behind; nothing when that is nothing.
    struct agreement {
        ws_request request;
        std::string subprotocol;
    };
    /// How the session ends.
    struct ending {
        /// Nothing is said when it is `abnormal`.
        ws_close_code code;
        std::string text;
        /// Whether the peer's close is waited for.
        bool waits;
        std::error_code reason = {};
        /// Bytes of pongs since the last look at what the peer takes.
        std::uint64_t answers = 0;
    };

    void finish(std::error_code reason) override;
    void keep_self() override;
    void release_self() override;
    void give_up() override;
    [[nodiscard]] std::chrono::milliseconds pong_patience() const noexcept;
    bool write_ping(std::uint64_t token) override;
    void trim() noexcept override { decoder_.trim(); }
    void on_deadline() override;
    void limit_end(runtime::steady_time deadline) override;
    /// Closes the transport; whatever ends it is in order once both sides have said close
    /// (RFC 6455 section 7.1.4).
    void close_stream(std::error_code reason);

    // websocket_session_handshake.cpp
    void on_open() override;
    void begin_asking();
    /// Takes the bytes of the handshake; those behind it are left.
    [[nodiscard]] std::span<std::uint8_t> take_handshake(std::span<std::uint8_t> bytes);
    void handle_request();
    void accept(ws_request&& request, const ws_handshake_answer& answer);
    void handle_response();
    /// What a client that gets no answer, or none of HTTP, has got instead.
    [[nodiscard]] std::string no_answer(std::string_view what) const;
    [[nodiscard]] bool awaits_answer() const noexcept {
        return role() == connection_role::client && !is_open();
    }
    /// Server: the whole answer, or why there is none, and the end.
    void answer_http(const Result<std::string>& whole, unsigned status);
    void refuse_answer(const error_info& why);
    void answer_http(std::string_view whole, std::error_code reason);
    void open_with(ws_request&& request, std::string_view subprotocol);
    void refuse(const websocket::http_error& error, errc reason);
    void finish_handshake(std::error_code reason);

    // websocket_session_receive.cpp
    std::span<std::uint8_t> read_place() noexcept override { return decoder_.place(); }
    void on_bytes(std::size_t placed, std::span<std::uint8_t> rest) override;
    void decode(std::size_t placed, std::span<std::uint8_t> rest) override;
    void on_end() override;
    bool on_control(const websocket::message& frame);
    void record_close(const websocket::close_frame& said);
    void violate(const websocket::violation& broken);
    /// What arrives while the peer's close is waited for: messages are discarded, pings answered
    /// (RFC 6455 section 5.5.2).
    void read_until_close(std::size_t placed, std::span<std::uint8_t> rest);
    void read_frame_until_close(const websocket::message& frame);
    /// Ends the wait when the peer asks and does not read.
    void answer_late_ping(std::span<const std::uint8_t> payload);
    void on_pong(std::span<const std::uint8_t> payload);

    bool is_waiting() const noexcept { return ending_ != nullptr && ending_->waits; }
    void end_with(ws_close_code code, std::string_view text, bool waits, std::error_code reason);
    void stop_waiting(std::error_code reason);
    VoidResult send_control_frame(websocket::opcode type, std::span<const std::uint8_t> payload);
    bool write_control(websocket::opcode type, std::span<const std::uint8_t> payload);
    [[nodiscard]] std::optional<websocket::masking_key> key() const noexcept;

    const std::shared_ptr<const websocket_settings> settings_;
    // Used as long as the session has its host.
    websocket_host& hooks_;
    std::unique_ptr<opening> opening_;
    websocket::message_decoder decoder_;
    std::unique_ptr<const agreement> agreed_;
    // The session as others know it, for callbacks; let go at the end.
    std::shared_ptr<ws_connection> connection_;
    std::unique_ptr<ending> ending_;
    // Read by other threads once there is a code, or the session is gone.
    std::unique_ptr<const std::string> peer_reason_;
    std::atomic<ws_close_code> peer_code_{ws_close_code::abnormal};
    // Whether callbacks run on a pool: what is told has to pass through it.
    const bool is_pooled_;
};

}  // namespace network_system::session
