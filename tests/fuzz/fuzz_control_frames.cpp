// What the decoders of control frames accept encodes back to the same bytes; texts are printable.
//
// Input: 1 byte picks the frame, the rest is its payload.
#include "protocol/framing/control_frames.h"
#include "protocol/framing/frame_decoder.h"
#include "support/bytes.h"
#include "support/require.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace {

using namespace network_system;
using namespace network_system::testing;
using protocol::frame_type;

/// The encoded frame holds these payload bytes and passes the decoder as that type.
void check_frame(bytes_view frame, frame_type type, bytes_view payload) {
    std::size_t frames = 0;
    protocol::frame_decoder decoder(framing::message, 1);
    const auto progress = decoder.consume(frame, [&](const protocol::frame& each) {
        ++frames;
        require(each.type == type && each.flags == 0, "it keeps its type");
        require(
            std::equal(each.payload.begin(), each.payload.end(), payload.begin(), payload.end()),
            "it encodes to what it was decoded from");
        return true;
    });
    require(!progress.error && frames == 1 && !decoder.is_inside_frame(), "it is one whole frame");
}

void check_hello(bytes_view payload) {
    const auto value = protocol::decode_hello(payload);
    require(value.has_value() == (payload.size() >= protocol::smallest_hello_size),
            "only length counts");
    if (value && payload.size() >= protocol::hello_size) {
        // With an incarnation only if there is one to say.
        const bool delivers = (value->capabilities & protocol::capability::delivery) != 0;
        auto said = to_bytes(payload.first(protocol::hello_size));
        if (delivers) {
            for (std::size_t at = 0; at < sizeof value->incarnation; ++at) {
                said.push_back(
                    static_cast<std::uint8_t>(value->incarnation >> (8 * (7 - at)) & 0xFFU));
            }
        }
        check_frame(protocol::encode_hello(*value), frame_type::hello, said);
    }
    require(!value || payload.size() >= protocol::hello_size || value->capabilities == 0,
            "who does not say understands nothing");
}

void check_client_hello(bytes_view payload) {
    const auto value = protocol::decode_client_hello(payload);
    if (value && !value->delivery) {
        check_frame(protocol::encode_client_hello(*value), frame_type::hello,
                    payload.first(protocol::client_hello_size));
    }
    if (value && value->delivery) {
        const auto frame = protocol::encode_client_hello(*value);
        const auto again =
            protocol::decode_client_hello(bytes_view(frame).subspan(protocol::message_header_size));
        require(again && again->delivery && again->capabilities == value->capabilities &&
                    again->delivery->id == value->delivery->id &&
                    again->delivery->resent_up_to == value->delivery->resent_up_to &&
                    again->delivery->sent_here_up_to == value->delivery->sent_here_up_to,
                "it keeps what it says about delivery");
    }
    // Cut off inside its last field it is none.
    if (value && payload.size() > protocol::client_hello_size) {
        require(!protocol::decode_client_hello(payload.first(payload.size() - 1)),
                "a field that is cut off is noticed");
    }
}

void check_token(bytes_view payload) {
    const auto token = protocol::decode_token(payload);
    require(token.has_value() == (payload.size() == protocol::token_size), "exactly eight bytes");
    if (token) {
        for (const auto type : {frame_type::ping, frame_type::pong, frame_type::acknowledgement}) {
            check_frame(protocol::encode_token(type, *token), type, payload);
        }
    }
    const auto taken = protocol::decode_acknowledgement(payload);
    if (!taken) {
        return;
    }
    require(taken->count >= 1 && taken->count <= protocol::acknowledgement::most, "bounded");
    require(taken->first + (taken->count - 1) >= taken->first, "ids do not begin anew");
    require((taken->count == 1) == token.has_value(), "one id in eight bytes");
    if (taken->count > 1) {
        check_frame(protocol::encode_acknowledgement(*taken), frame_type::acknowledgement, payload);
    }
}

void check_reason(bytes_view payload) {
    const auto reason = protocol::decode_reason(payload);
    if (reason) {
        require(*reason <= 0 && *reason >= -699, "a number of the registry");
        check_frame(protocol::encode_goodbye(*reason), frame_type::goodbye,
                    payload.first(protocol::reason_size));
    }
}

void check_error(bytes_view payload) {
    const std::string text = protocol::decode_error_text(payload);
    require(text.size() == payload.size() - std::min<std::size_t>(payload.size(), 4),
            "a byte for a byte");
    require(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }),
            "printable ASCII");

    if (const auto refused = protocol::decode_refusal(payload)) {
        check_frame(protocol::encode_refusal(*refused), frame_type::error,
                    payload.first(protocol::refusal_size));
    }
    const int code = protocol::decode_reason(payload).value_or(0);
    const auto frame = protocol::encode_error(code, text);
    require(frame.size() <= protocol::message_header_size + protocol::max_control_payload,
            "cut to fit");
    const auto again = bytes_view(frame).subspan(protocol::message_header_size);
    require(protocol::decode_reason(again) == code, "it keeps its code");
    require(text.starts_with(protocol::decode_error_text(again)), "it keeps its text");
    check_frame(frame, frame_type::error, again);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const byte_span payload(data + 1, size - 1);
    switch (data[0] % 4) {
        case 0:
            check_hello(payload);
            check_client_hello(payload);
            break;
        case 1: check_token(payload); break;
        case 2: check_reason(payload); break;
        default: check_error(payload); break;
    }
    return 0;
}
