// The receiving half of a WebSocket: frames in, callbacks out.
#include "utils/log.h"
#include "websocket/opening.h"

#include <utility>

namespace network_system::inline v0_1::session {

using websocket::opcode;

void websocket_session::on_bytes(std::size_t placed, std::span<std::uint8_t> rest) {
    if (is_closing()) {
        read_until_close(placed, rest);
        publish_queued();
    } else {
        message_connection::on_bytes(placed, rest);
    }
}

void websocket_session::decode(std::size_t placed, std::span<std::uint8_t> rest) {
    if (opening_) {
        rest = take_handshake(rest);
        if (!is_open()) {
            count_discarded(rest.size());
            return;
        }
    }
    std::uint64_t arrived = 0;
    const auto sink = [this, &arrived](const websocket::message& each) {
        if (websocket::is_control(each.type)) {
            return on_control(each);
        }
        ++arrived;
        const auto kind = each.type == opcode::text ? message_kind::text : message_kind::binary;
        return deliver(kind, each.payload, [&] {
            if (is_pooled_) {
                host().on_message(self(), kind, each.payload);
            } else {
                hooks_.on_ws_message(self(), connection_, kind, each.payload);
            }
        });
    };
    auto progress = decoder_.placed(placed, sink);
    progress.unused = rest.size();
    if (progress.error == nullptr && takes_more()) {
        progress = decoder_.consume(rest, sink);
    }
    limit_rate(arrived);
    if (progress.error != nullptr) {
        count_discarded(progress.unused);
        violate(*progress.error);
    } else if (progress.unused > 0) {
        read_until_close(0, rest.last(progress.unused));
    }
}

void websocket_session::read_until_close(std::size_t placed, std::span<std::uint8_t> rest) {
    count_discarded(placed + rest.size());
    if (!is_waiting()) {
        return;
    }
    const auto sink = [this](const websocket::message& each) {
        read_frame_until_close(each);
        return is_waiting();
    };
    auto progress = decoder_.placed(placed, sink);
    if (progress.error == nullptr) {
        progress = decoder_.consume(rest, sink);
    }
    if (progress.error != nullptr && is_waiting()) {
        // Whatever it was, a close is not to be expected after it.
        stop_waiting(ending_->reason ? ending_->reason : make_error_code(progress.error->code));
    }
}

void websocket_session::read_frame_until_close(const websocket::message& frame) {
    switch (frame.type) {
        case opcode::ping: answer_late_ping(frame.payload); break;
        case opcode::pong: guarded([&] { on_pong(frame.payload); }); break;
        case opcode::close:
            record_close(websocket::decode_close(frame.payload));
            stop_waiting(ending_->reason);
            break;
        default: break;
    }
}

void websocket_session::answer_late_ping(std::span<const std::uint8_t> payload) {
    if (!has_control_room()) {
        stop_waiting(ending_->reason ? ending_->reason : make_error_code(errc::send_buffer_full));
        return;
    }
    const auto pong = websocket::encode_control(opcode::pong, payload, key());
    ending_->answers += pong.view().size();
    transport().queue().append(pong.view());
    transport().request_flush();
}

void websocket_session::on_pong(std::span<const std::uint8_t> payload) {
    if (payload.size() == sizeof(std::uint64_t)) {
        answer_ping(protocol::get<std::uint64_t>(payload.data()));
    }
}

bool websocket_session::on_control(const websocket::message& frame) {
    switch (frame.type) {
        case opcode::ping:
            if (!settings_->auto_pong) {
                host().on_event(self(), websocket_host::ping_event, frame.payload);
                return takes_more();
            }
            return write_control(opcode::pong, frame.payload);
        case opcode::pong: on_pong(frame.payload); return takes_more();
        default: {
            const auto said = websocket::decode_close(frame.payload);
            record_close(said);
            end_with(said.code, {}, false, {});
            return false;
        }
    }
}

void websocket_session::record_close(const websocket::close_frame& said) {
    peer_reason_ = std::make_unique<const std::string>(said.reason);
    peer_code_.store(said.code, std::memory_order_release);
}

void websocket_session::violate(const websocket::violation& broken) {
    detail::log_limited(detail::log_kind::violation, writer().because(broken.code), "closing: {}",
                        broken.text);
    end_with(broken.close, broken.text, false, broken.code);
}

void websocket_session::on_closed(std::error_code reason) {
    if (reason && awaits_body()) {
        // A connection that breaks behind the answer: it is the answer that counts.
        reason = errc::handshake_rejected;
        or_abort([this] { record_rejection(); });
    }
    message_connection::on_closed(reason);
}

void websocket_session::on_end() {
    if (awaits_body()) {
        opening_->refused->body.end();
        end_body();
        return;
    }
    if (is_waiting()) {
        stop_waiting(ending_->reason ? ending_->reason : make_error_code(errc::connection_closed));
        return;
    }
    // Nobody is there to be told anything.
    const bool is_cut = is_open() ? decoder_.is_inside_message() : !first_bytes().empty();
    if (awaits_answer()) {
        record_failure(
            no_answer("the server ended the connection before it answered the HTTP request"));
    }
    opening_.reset();
    end_with(ws_close_code::abnormal, {}, false,
             is_cut ? errc::connection_truncated : errc::connection_closed);
}

}  // namespace network_system::session
