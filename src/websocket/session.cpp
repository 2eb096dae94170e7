// The life of a WebSocket, its end, and what is sent beside messages.
#include "websocket/session.h"

#include "utils/failure.h"
#include "websocket/opening.h"

#include <network_system/internal/utf8.h>

#include <fmt/format.h>

#include <array>
#include <utility>

namespace network_system::inline v0_1::session {
namespace {

using websocket::opcode;

/// What a session that closes for a reason of its own tells the peer.
struct close_text {
    ws_close_code code;
    std::string_view text;
    bool waits;
};
close_text close_text_for(std::error_code reason) noexcept {
    if (!reason) {
        return {ws_close_code::normal, {}, true};
    }
    if (reason == errc::session_expired) {
        return {ws_close_code::going_away, "idle for too long", true};
    }
    if (reason == errc::send_buffer_full) {
        return {ws_close_code::policy_violation, "too slow a reader", false};
    }
    return {ws_close_code::internal_error, {}, false};
}

}  // namespace

websocket_session::websocket_session(std::shared_ptr<transport::transport> over,
                                     std::shared_ptr<message_host> host, websocket_host& hooks,
                                     const session_setup& setup,
                                     std::shared_ptr<const websocket_settings> settings,
                                     bool is_pooled)
    : session_of(std::move(over), std::move(host), setup, message_encoder(setup.role)),
      settings_(std::move(settings)), hooks_(hooks),
      decoder_(setup.role, config().max_message_size), is_pooled_(is_pooled) {
    forbid_sends();
}

websocket_session::~websocket_session() = default;

void websocket_session::keep_self() {
    session_of::keep_self();
    connection_ = {self(), this};
}

void websocket_session::release_self() {
    loop()->retire(std::move(connection_));
    session_of::release_self();
}

const ws_request& websocket_session::request() const noexcept {
    return agreed_ ? agreed_->request : ws_connection::request();
}

const ws_response& websocket_session::response() const noexcept {
    return agreed_ && agreed_->response ? *agreed_->response : ws_connection::response();
}

std::string websocket_session::url() const {
    return settings_->at.host.empty() ? std::string() : websocket::to_string(settings_->at);
}

std::string_view websocket_session::subprotocol() const noexcept {
    return agreed_ ? std::string_view(agreed_->subprotocol) : std::string_view{};
}

std::string websocket_session::close_reason() const {
    if (close_code() != ws_close_code::abnormal) {
        return *peer_reason_;
    }
    return is_gone() ? recorded_failure() : std::string{};
}

std::string websocket_session::failure_text() const {
    std::string text = message_connection::failure_text();
    if (text.empty() && awaits_answer() && !is_tls_pending()) {
        text = no_answer("the connection ended before the answer to the HTTP request");
    }
    return text;
}

std::optional<websocket::masking_key> websocket_session::key() const noexcept {
    return encoder().is_masked() ? std::optional(next_key()) : std::nullopt;
}

bool websocket_session::write_control(opcode type, std::span<const std::uint8_t> payload) {
    return send_control(websocket::encode_control(type, payload, key()).view());
}

bool websocket_session::write_ping(std::uint64_t token) {
    std::array<std::uint8_t, sizeof token> payload;
    protocol::put(payload.data(), token);
    return write_control(opcode::ping, payload);
}

VoidResult websocket_session::send_ping(std::span<const std::uint8_t> payload) {
    return send_control_frame(opcode::ping, payload);
}

VoidResult websocket_session::send_pong(std::span<const std::uint8_t> payload) {
    return send_control_frame(opcode::pong, payload);
}

VoidResult websocket_session::send_control_frame(opcode type,
                                                 std::span<const std::uint8_t> payload) {
    return detail::within_memory([&]() -> VoidResult {
        if (payload.size() > websocket::max_control_payload) {
            return detail::failure(errc::invalid_argument,
                                   fmt::format("a ping or pong of {} bytes, over the limit of {}",
                                               payload.size(), websocket::max_control_payload),
                                   id());
        }
        if (!may_send() || !loop()->belongs_here()) {
            return closed_error();
        }
        if (loop()->runs_here()) {
            (void)write_control(type, payload);
            return ok();
        }
        post_own([this, type, copy = std::vector<std::uint8_t>(payload.begin(), payload.end())] {
            if (!is_closing()) {
                (void)write_control(type, copy);
            }
        });
        return ok();
    });
}

discardable_result websocket_session::close(ws_close_code code, std::string_view reason) {
    return detail::within_memory([&]() -> VoidResult {
        if (!websocket::may_be_sent(code)) {
            return detail::failure(
                errc::invalid_argument,
                fmt::format("close code {} must not be sent", static_cast<unsigned>(code)), id());
        }
        if (reason.size() > websocket::max_close_reason || !internal::is_utf8(reason)) {
            return detail::failure(errc::invalid_argument,
                                   "a close reason is UTF-8 of at most 123 bytes", id());
        }
        if (!loop()->belongs_here()) {
            return closed_error();
        }
        if (loop()->runs_here()) {
            mark_stopped();
            end_with(code, reason, true, {});
        } else {
            post_own([this, code, text = std::string(reason)] { end_with(code, text, true, {}); });
            mark_stopped();
        }
        return ok();
    });
}

VoidResult websocket_session::send_request(std::span<const std::uint8_t>, std::chrono::milliseconds,
                                           operation_id, response_handler&) {
    return detail::failure(errc::not_supported, "WebSocket has no requests", id());
}

VoidResult websocket_session::send_response(std::uint64_t, int, std::span<const std::uint8_t>) {
    return detail::failure(errc::not_supported, "WebSocket has no requests", id());
}

void websocket_session::end_with(ws_close_code code, std::string_view text, bool waits,
                                 std::error_code reason) {
    if (!is_closing()) {
        or_abort([&] {
            ending_ = std::make_unique<ending>(ending{code, std::string(text), waits});
        });
        begin_close(reason);
    }
}

void websocket_session::finish(std::error_code reason) {
    if (!is_open()) {
        finish_handshake(reason);
        return;
    }
    if (!ending_) {
        const close_text said = close_text_for(reason);
        ending_ = std::make_unique<ending>(ending{said.code, std::string(said.text), said.waits});
    }
    if (ending_->waits && !reason) {
        mark_ended_here();
    }
    ending_->reason = reason;
    if (ending_->code != ws_close_code::abnormal) {
        transport().queue().append(
            websocket::encode_close(ending_->code, ending_->text, key()).view());
    }
    if (!ending_->waits) {
        close_stream(reason);
        return;
    }
    publish_queued();
    transport().set_reading(transport::reading::on);
    transport().set_deadline(first_look());
    transport().request_flush();
}

void websocket_session::stop_waiting(std::error_code reason) {
    ending_->waits = false;
    close_stream(reason);
}

void websocket_session::close_stream(std::error_code reason) {
    publish_queued();
    // A frame cannot say "abnormal": the peer has closed when there is another code.
    close_transport(reason, close_code() != ws_close_code::abnormal
                                ? transport::peer_state::is_done
                                : transport::peer_state::speaks);
}

void websocket_session::limit_end(runtime::steady_time deadline) {
    if (is_waiting()) {
        transport().set_deadline(deadline);
    } else {
        message_connection::limit_end(deadline);
    }
}

void websocket_session::on_deadline() {
    if (awaits_body()) {
        if (loop()->now() >= opening_->refused->due_by) {
            end_body();
        } else {
            transport().set_deadline(opening_->refused->due_by);
        }
        return;
    }
    if (is_waiting()) {
        const auto answers = std::exchange(ending_->answers, 0);
        if (const auto next = more_time(answers); next > loop()->now()) {
            transport().set_deadline(next);
            return;
        }
        record_failure("the close was not answered");
        abort(ending_->reason ? ending_->reason : make_error_code(errc::connection_timeout));
        return;
    }
    message_connection::on_deadline();
}

/// Once it is over: then it was no longer than the clock has run, and cannot overflow.
std::chrono::milliseconds websocket_session::pong_patience() const noexcept {
    return config().pong_timeout.count() > 0 ? config().pong_timeout
                                             : config().ping_interval * config().max_missed_pings;
}

void websocket_session::give_up() {
    if (is_open()) {
        record_failure(fmt::format("no pong within {} ms", pong_patience().count()));
    } else if (awaits_answer() && !is_tls_pending()) {
        record_failure(no_answer("no answer to the HTTP request before connect_timeout"));
    } else {
        record_failure(is_tls_pending() ? no_tls_yet() : "no complete request before the deadline");
    }
    if (role() == connection_role::server && opening_) {
        refuse({408, "The request took too long."}, errc::connection_timeout);
        return;
    }
    message_connection::give_up();
}

}  // namespace network_system::session
