// The receiving half of framed_session: frames in, callbacks out.
#include "framed/session.h"
#include "utils/first_bytes.h"
#include "utils/log.h"

#include <fmt/format.h>

#include <utility>

namespace network_system::inline v0_1::session {

using protocol::frame_type;

namespace {

/// Why the decoder has given up.
std::string_view text_of(errc broken) noexcept {
    switch (broken) {
        case errc::message_too_large: return "message over the size limit";
        case errc::out_of_memory: return "no memory for the message";
        default: return "unknown frame type or flags";
    }
}

}  // namespace

std::span<std::uint8_t> framed_session::read_place() noexcept {
    return decoder_.place();
}

void framed_session::decode(std::size_t placed, std::span<std::uint8_t> rest) {
    if (awaits_hello()) {
        keep_first_bytes(rest);
    }
    const answering together(*this);
    std::uint64_t arrived = 0;
    const auto sink = [this, &arrived](const protocol::frame& each) {
        if (each.type == frame_type::data && each.flags == 0 && is_open()) {
            ++arrived;
            return deliver_binary(each.payload);
        }
        arrived += protocol::carries_message(each.type) ? 1 : 0;
        return on_other_frame(each);
    };
    decoder_.placed(placed, sink);
    if (!takes_more()) {
        count_discarded(rest.size());
        return;
    }
    const auto progress = decoder_.consume(rest, sink);
    count_discarded(progress.unused);
    limit_rate(arrived);
    if (progress.error) {
        const bool is_first = transport().counters().bytes_read == rest.size();
        violate(*progress.error, text_of(*progress.error), is_first ? rest : bytes_view{});
    }
}

void framed_session::explain_no_hello(std::string_view what) {
    record_failure(fmt::format("{}: {}; check the port, session.frames, and whether the server "
                               "expects TLS",
                               what, detail::describe_received(first_bytes())));
}

void framed_session::give_up() {
    if (is_tls_pending()) {
        record_failure(no_tls_yet());
    } else if (awaits_hello()) {
        explain_no_hello("no hello of framing::message before connect_timeout");
    }
    message_connection::give_up();
}

std::string framed_session::failure_text() const {
    std::string text = message_connection::failure_text();
    if (text.empty() && awaits_hello() && !peer_said_goodbye_ && !is_tls_pending()) {
        text = fmt::format("the connection ended before the hello of framing::message: {}; check "
                           "the port, session.frames, and whether the server expects TLS",
                           detail::describe_received(first_bytes()));
    }
    return text;
}

void framed_session::on_end() {
    if (decoder_.is_inside_frame()) {
        begin_close(errc::connection_truncated);
    } else if (is_framed()) {
        begin_close(errc::connection_closed);  // gone without a goodbye
    } else if (config().keep_sending_after_end) {
        record_peer_end();
    } else {
        begin_close({});
    }
}

bool framed_session::on_other_frame(const protocol::frame& frame) {
    if (!is_open() && frame.type != frame_type::hello && frame.type != frame_type::goodbye &&
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
        case frame_type::acknowledgement: return on_acknowledgement(frame.payload);
        case frame_type::request: return on_request_frame(frame);
        case frame_type::response: return on_response_frame(frame);
        case frame_type::draining: return on_draining();
    }
    return violate(errc::protocol_error, "unknown frame type");
}

bool framed_session::on_hello(bytes_view payload) {
    if (role() == connection_role::server) {
        return on_client_hello(payload);
    }
    if (is_open()) {
        return violate(errc::protocol_error, "unexpected hello");
    }
    const auto hello = protocol::decode_hello(payload);
    if (!hello || hello->version != protocol::protocol_version) {
        return violate(errc::protocol_error, "hello of an unknown version");
    }
    if (hello->pipeline_id != 0) {
        return violate(errc::pipeline_mismatch, "the server uses a pipeline, this client none");
    }
    limit_sends(hello->max_message_size);
    if (hello->capabilities != 0) {
        peer_knows_ = static_cast<std::uint8_t>(hello->capabilities & protocol::capability::all);
        send_control(protocol::encode_client_hello(
            {protocol::capability::common, announce_delivery(*hello)}));
    }
    open();
    return takes_more();
}

bool framed_session::on_client_hello(bytes_view payload) {
    const auto hello = protocol::decode_client_hello(payload);
    if (std::exchange(has_peer_said_hello_, true) || !hello) {
        return violate(errc::protocol_error, hello ? "unexpected hello" : "malformed hello");
    }
    peer_knows_ = static_cast<std::uint8_t>(hello->capabilities & protocol::capability::all);
    if (is_winding_down()) {
        announce_end();
    }
    return hello->delivery ? begin_receiving(*hello->delivery) : takes_more();
}

bool framed_session::on_draining() {
    is_peer_draining_.store(true, std::memory_order_relaxed);
    return takes_more();
}

bool framed_session::on_ping_frame(bytes_view payload) {
    const auto token = protocol::decode_token(payload);
    if (!token) {
        return violate(errc::protocol_error, "malformed ping");
    }
    return send_control(protocol::encode_token(frame_type::pong, *token));
}

bool framed_session::on_pong_frame(bytes_view payload) {
    const auto token = protocol::decode_token(payload);
    if (!token) {
        return violate(errc::protocol_error, "malformed pong");
    }
    answer_ping(*token);
    return takes_more();
}

bool framed_session::on_goodbye(bytes_view payload) {
    const auto reason = protocol::decode_reason(payload);
    if (!reason) {
        return violate(errc::protocol_error, "malformed goodbye");
    }
    peer_said_goodbye_ = true;
    // The peer reads no further: what is still queued here is lost, and says so.
    discard_queued();
    begin_close(*reason == 0 ? std::error_code{} : make_error_code(static_cast<errc>(*reason)));
    return false;
}

bool framed_session::on_error_frame(bytes_view payload) {
    if (on_refusal(payload)) {
        return takes_more();
    }
    const auto code = protocol::decode_reason(payload);
    detail::log_limited(detail::log_kind::reported_error, writer(),
                        "the peer reports an error ({}): {}", code.value_or(0),
                        protocol::decode_error_text(payload));
    if (awaits_hello()) {
        record_failure("the server reports an error: " + protocol::decode_error_text(payload));
    }
    begin_close(code.value_or(0) != 0 ? static_cast<errc>(*code) : errc::protocol_error);
    return false;
}

bool framed_session::violate(errc code, std::string_view text, bytes_view received) {
    const std::string whole =
        received.empty() ? std::string(text)
                         : fmt::format("{}: {}", text, detail::describe_received(received));
    if (awaits_hello()) {
        explain_no_hello(text);
    }
    detail::log_limited(detail::log_kind::violation, writer().because(code), "closing: {}", whole);
    if (is_framed() && !is_closing()) {
        transport().queue().append(protocol::encode_error(static_cast<int>(code), whole));
    }
    begin_close(code);
    return false;
}

}  // namespace network_system::session
