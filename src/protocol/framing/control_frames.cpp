#include "protocol/framing/control_frames.h"

#include <algorithm>

namespace network_system::inline v0_1::protocol {
namespace {

// The registry's numbers (error_codes.h): what a peer names beyond them is noise.
constexpr int lowest_code = -699;
// A type, a length.
constexpr std::size_t field_header_size = 3;

template <std::size_t PayloadSize>
control_frame<PayloadSize> begin_frame(frame_type type) noexcept {
    control_frame<PayloadSize> frame{};
    const encoded_header header = encode_header(framing::message, type, 0, PayloadSize);
    std::copy(header.bytes.begin(), header.bytes.end(), frame.begin());
    return frame;
}

}  // namespace

control_frame<hello_size> encode_hello(const hello& value) noexcept {
    auto frame = begin_frame<hello_size>(frame_type::hello);
    std::uint8_t* const payload = frame.data() + message_header_size;
    put(payload, value.version);
    put(payload + 2, value.max_message_size);
    put(payload + 6, value.pipeline_id);
    put(payload + smallest_hello_size, value.capabilities);
    return frame;
}

control_frame<client_hello_size> encode_client_hello(const client_hello& value) noexcept {
    auto frame = begin_frame<client_hello_size>(frame_type::hello);
    put(frame.data() + message_header_size, value.capabilities);
    return frame;
}

control_frame<0> encode_draining() noexcept {
    return begin_frame<0>(frame_type::draining);
}

control_frame<token_size> encode_token(frame_type type, std::uint64_t token) noexcept {
    auto frame = begin_frame<token_size>(type);
    put(frame.data() + message_header_size, token);
    return frame;
}

control_frame<reason_size> encode_goodbye(int reason) noexcept {
    auto frame = begin_frame<reason_size>(frame_type::goodbye);
    put(frame.data() + message_header_size, static_cast<std::uint32_t>(reason));
    return frame;
}

std::vector<std::uint8_t> encode_error(int code, std::string_view text) {
    text = text.substr(0, max_control_payload - reason_size);
    const encoded_header header =
        encode_header(framing::message, frame_type::error, 0, reason_size + text.size());
    std::vector<std::uint8_t> frame(header.size + reason_size + text.size());
    std::copy(header.bytes.begin(), header.bytes.end(), frame.begin());
    put(frame.data() + header.size, static_cast<std::uint32_t>(code));
    std::copy(text.begin(), text.end(),
              frame.begin() + static_cast<std::ptrdiff_t>(header.size + reason_size));
    return frame;
}

std::optional<hello> decode_hello(bytes_view payload) noexcept {
    if (payload.size() < smallest_hello_size) {
        return std::nullopt;
    }
    const bool has_capabilities = payload.size() >= hello_size;
    return hello{get<std::uint16_t>(payload.data()), get<std::uint32_t>(payload.data() + 2),
                 get<std::uint64_t>(payload.data() + 6),
                 has_capabilities ? get<std::uint32_t>(payload.data() + smallest_hello_size) : 0};
}

std::optional<client_hello> decode_client_hello(bytes_view payload) noexcept {
    if (payload.size() < client_hello_size) {
        return std::nullopt;
    }
    const client_hello said{get<std::uint32_t>(payload.data())};
    payload = payload.subspan(client_hello_size);
    while (!payload.empty()) {
        if (payload.size() < field_header_size) {
            return std::nullopt;
        }
        const std::size_t size = field_header_size + get<std::uint16_t>(payload.data() + 1);
        if (payload.size() < size) {
            return std::nullopt;
        }
        payload = payload.subspan(size);
    }
    return said;
}

std::optional<std::uint64_t> decode_token(bytes_view payload) noexcept {
    if (payload.size() != token_size) {
        return std::nullopt;
    }
    return get<std::uint64_t>(payload.data());
}

std::optional<int> decode_reason(bytes_view payload) noexcept {
    if (payload.size() < reason_size) {
        return std::nullopt;
    }
    const auto value = static_cast<std::int32_t>(get<std::uint32_t>(payload.data()));
    if (value > 0 || value < lowest_code) {
        return std::nullopt;
    }
    return value;
}

std::string printable(bytes_view text) {
    std::string clean(text.size(), '?');
    std::transform(text.begin(), text.end(), clean.begin(), [](std::uint8_t byte) {
        return byte >= 0x20 && byte < 0x7F ? static_cast<char>(byte) : '?';
    });
    return clean;
}

std::string decode_error_text(bytes_view payload) {
    return printable(payload.subspan(std::min(payload.size(), reason_size)));
}

}  // namespace network_system::protocol
