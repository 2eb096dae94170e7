// The receiving half of framed_session: frames in, callbacks out.
#include "session/framed_session.h"
#include "utils/log.h"

#include <utility>

namespace network_system::session {

using protocol::frame_type;

namespace {

// Answers to control frames queue beyond the high watermark only this far: a peer that sends
// pings and reads nothing must not fill our memory.
constexpr std::size_t control_allowance = std::size_t{64} * 1024;

}  // namespace

std::span<std::uint8_t> framed_session::read_place() noexcept {
    return decoder_.place();
}

void framed_session::on_bytes(std::size_t placed, transport::bytes_view rest) {
    missed_pings_ = 0;
    // One guard around all messages of this read: each then costs no more than its callback.
    if (!guarded([&] { decode(placed, rest); }) && !is_closing_) {
        discarded_.add(placed + rest.size());  // the host takes no more callbacks
    }
    publish_queued();
}

inline bool framed_session::on_message(transport::bytes_view payload) {
    if (pull_) {
        pull_message(payload);
    } else {
        count_received();
        host_->on_message(self_, payload);
    }
    return takes_more();
}

void framed_session::decode(std::size_t placed, transport::bytes_view rest) {
    std::uint64_t arrived = 0;
    const auto sink = [this, &arrived](const protocol::frame& each) {
        if (each.type == frame_type::data && each.flags == 0 && is_open_) {
            ++arrived;
            return on_message(each.payload);
        }
        arrived += protocol::carries_message(each.type) ? 1 : 0;
        return on_other_frame(each);
    };
    decoder_.placed(placed, sink);
    if (!takes_more()) {
        discarded_.add(rest.size());
        return;
    }
    const auto progress = decoder_.consume(rest, sink);
    discarded_.add(progress.unused);
    if (rate_) {
        limit_rate(arrived);
    }
    if (progress.error) {
        violate(*progress.error, *progress.error == errc::message_too_large
                                     ? "message over the size limit"
                                     : "unknown frame type or flags");
    }
}

void framed_session::on_end() {
    if (decoder_.is_inside_frame()) {
        begin_close(errc::connection_truncated);
    } else if (is_framed()) {
        begin_close(errc::connection_closed);  // gone without a goodbye
    } else {
        begin_close({});
    }
}

bool framed_session::on_other_frame(const protocol::frame& frame) {
    if (!is_open_ && frame.type != frame_type::hello && frame.type != frame_type::goodbye &&
        frame.type != frame_type::error) {
        return violate(errc::protocol_error, "the first frame was no hello");
    }
    switch (frame.type) {
        case frame_type::data: return on_flagged_message(frame);
        case frame_type::hello: return on_hello(frame.payload);
        case frame_type::ping: return on_ping_frame(frame.payload);
        case frame_type::pong: return on_pong_frame(frame.payload);
        case frame_type::goodbye: return on_goodbye(frame.payload);
        case frame_type::error: return on_error_frame(frame.payload);
        case frame_type::acknowledgement:
            // Nothing here asks for one; a late one does no harm.
            return protocol::decode_token(frame.payload)
                       ? true
                       : violate(errc::protocol_error, "malformed acknowledgement");
        case frame_type::request: return on_request_frame(frame);
        case frame_type::response: return on_response_frame(frame);
    }
    return violate(errc::protocol_error, "unknown frame type");
}

bool framed_session::on_flagged_message(const protocol::frame& frame) {
    namespace flags = protocol::frame_flags;
    if ((frame.flags & (flags::compressed | flags::encrypted)) != 0) {
        return violate(errc::pipeline_mismatch, "compressed or encrypted message, no pipeline");
    }
    // The decoder lets only one other flag through: the payload begins with a message id.
    const auto id = protocol::get<std::uint64_t>(frame.payload.data());
    (void)on_message(frame.payload.subspan(protocol::message_id_size));
    if (!is_closing_) {
        send_control(protocol::encode_token(frame_type::acknowledgement, id));
    }
    return takes_more();
}

bool framed_session::on_hello(transport::bytes_view payload) {
    if (role_ == session_role::server || is_open_) {
        return violate(errc::protocol_error, "unexpected hello");
    }
    const auto hello = protocol::decode_hello(payload);
    if (!hello || hello->version != protocol::protocol_version) {
        return violate(errc::protocol_error, "hello of an unknown version");
    }
    if (hello->pipeline_id != 0) {
        return violate(errc::pipeline_mismatch, "the server uses a pipeline, this client none");
    }
    const auto own_limit = static_cast<std::uint32_t>(config_->max_message_size);
    peer_max_message_size_.store(std::min(own_limit, hello->max_message_size),
                                 std::memory_order_relaxed);
    is_open_ = true;
    schedule_deadline();
    host_->on_open(self_);
    return takes_more();
}

bool framed_session::on_ping_frame(transport::bytes_view payload) {
    const auto token = protocol::decode_token(payload);
    if (!token) {
        return violate(errc::protocol_error, "malformed ping");
    }
    return send_control(protocol::encode_token(frame_type::pong, *token));
}

bool framed_session::on_pong_frame(transport::bytes_view payload) {
    const auto token = protocol::decode_token(payload);
    if (!token) {
        return violate(errc::protocol_error, "malformed pong");
    }
    if (waiting_) {
        auto& pings = waiting_->pings;
        for (auto each = pings.begin(); each != pings.end(); ++each) {
            if (each->token == *token) {
                const pending_ping answered = std::move(*each);
                pings.erase(each);
                const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(
                    loop().clock() - answered.sent);
                answered.handler(elapsed);
                break;
            }
        }
    }
    return takes_more();
}

bool framed_session::on_goodbye(transport::bytes_view payload) {
    const auto reason = protocol::decode_reason(payload);
    if (!reason) {
        return violate(errc::protocol_error, "malformed goodbye");
    }
    peer_said_goodbye_ = true;
    // The peer reads no further: what is still queued here is lost, and says so.
    remote_.close();
    take_remote(everything);
    dropped_.add(transport_->queue().discard());
    begin_close(*reason == 0 ? std::error_code{} : make_error_code(static_cast<errc>(*reason)));
    return false;
}

bool framed_session::on_error_frame(transport::bytes_view payload) {
    const auto code = protocol::decode_reason(payload);
    detail::log(log_level::warning, "{}: {} reports an error ({}): {}", id(),
                remote_endpoint().to_string(), code.value_or(0),
                protocol::decode_error_text(payload));
    begin_close(code.value_or(0) != 0 ? static_cast<errc>(*code) : errc::protocol_error);
    return false;
}

bool framed_session::violate(errc code, std::string_view text) {
    detail::log(log_level::warning, "{}: closing {}: {}", id(), remote_endpoint().to_string(),
                text);
    if (is_framed() && !is_closing_) {
        transport_->queue().append(protocol::encode_error(static_cast<int>(code), text));
    }
    begin_close(code);
    return false;
}

bool framed_session::may_send_control() {
    if (transport_->queue().bytes() > config_->high_watermark + control_allowance) {
        begin_close(errc::send_buffer_full);
        return false;
    }
    return true;
}

bool framed_session::send_control(transport::bytes_view frame) {
    if (!may_send_control()) {
        return false;
    }
    transport_->queue().append(frame);
    own_queued_.store(transport_->queue().bytes(), std::memory_order_relaxed);
    transport_->request_flush();
    return true;
}

}  // namespace network_system::session
