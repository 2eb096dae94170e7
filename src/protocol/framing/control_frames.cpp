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

std::vector<std::uint8_t> begin_frame(frame_type type, std::size_t payload_size) {
    const encoded_header header = encode_header(framing::message, type, 0, payload_size);
    std::vector<std::uint8_t> frame(header.size + payload_size);
    std::copy(header.bytes.begin(), header.bytes.end(), frame.begin());
    return frame;
}

/// What a client says about delivery; longer ones may come later.
std::optional<delivery_hello> read_delivery(bytes_view value) noexcept {
    if (value.size() < delivery_hello::size) {
        return std::nullopt;
    }
    delivery_hello said;
    std::copy_n(value.begin(), said.id.size(), said.id.begin());
    said.resent_up_to = get<std::uint64_t>(value.data() + said.id.size());
    said.sent_here_up_to =
        get<std::uint64_t>(value.data() + said.id.size() + sizeof said.resent_up_to);
    return said;
}

}  // namespace

std::vector<std::uint8_t> encode_hello(const hello& value) {
    const bool delivers = (value.capabilities & capability::delivery) != 0;
    auto frame = begin_frame(frame_type::hello, delivers ? delivery_server_hello_size : hello_size);
    std::uint8_t* const payload = frame.data() + message_header_size;
    put(payload, value.version);
    put(payload + 2, value.max_message_size);
    put(payload + 6, value.pipeline_id);
    put(payload + smallest_hello_size, value.capabilities);
    if (delivers) {
        put(payload + hello_size, value.incarnation);
    }
    return frame;
}

std::vector<std::uint8_t> encode_client_hello(const client_hello& value) {
    constexpr std::size_t field_size = field_header_size + delivery_hello::size;
    auto frame = begin_frame(frame_type::hello,
                             client_hello_size + (value.delivery ? field_size : std::size_t{0}));
    std::uint8_t* to = frame.data() + message_header_size;
    put(to, value.capabilities);
    if (value.delivery) {
        to += client_hello_size;
        put(to, delivery_hello::field_type);
        put(to + 1, static_cast<std::uint16_t>(delivery_hello::size));
        to =
            std::copy(value.delivery->id.begin(), value.delivery->id.end(), to + field_header_size);
        put(to, value.delivery->resent_up_to);
        put(to + sizeof(std::uint64_t), value.delivery->sent_here_up_to);
    }
    return frame;
}

control_frame<refusal_size> encode_refusal(const refusal& value) noexcept {
    auto frame = begin_frame<refusal_size>(frame_type::error);
    put(frame.data() + message_header_size, static_cast<std::uint32_t>(value.code));
    put(frame.data() + message_header_size + reason_size, value.message);
    return frame;
}

control_frame<0> encode_draining() noexcept {
    return begin_frame<0>(frame_type::draining);
}

control_frame<token_size> encode_token(frame_type type, std::uint64_t token) noexcept {
    // Straight into its place: often one for each message that is acknowledged.
    control_frame<token_size> frame;
    write_header(frame.data(), framing::message, type, 0, token_size);
    put(frame.data() + message_header_size, token);
    return frame;
}

control_frame<long_acknowledgement_size> encode_acknowledgement(
    const acknowledgement& value) noexcept {
    auto frame = begin_frame<long_acknowledgement_size>(frame_type::acknowledgement);
    put(frame.data() + message_header_size, value.first);
    put(frame.data() + message_header_size + acknowledgement_size, value.count);
    return frame;
}

control_frame<reason_size> encode_goodbye(int reason) noexcept {
    auto frame = begin_frame<reason_size>(frame_type::goodbye);
    put(frame.data() + message_header_size, static_cast<std::uint32_t>(reason));
    return frame;
}

std::vector<std::uint8_t> encode_error(int code, std::string_view text) {
    text = text.substr(0, max_control_payload - reason_size);
    auto frame = begin_frame(frame_type::error, reason_size + text.size());
    put(frame.data() + message_header_size, static_cast<std::uint32_t>(code));
    std::copy(text.begin(), text.end(),
              frame.begin() + static_cast<std::ptrdiff_t>(message_header_size + reason_size));
    return frame;
}

std::optional<hello> decode_hello(bytes_view payload) noexcept {
    if (payload.size() < smallest_hello_size) {
        return std::nullopt;
    }
    const bool has_capabilities = payload.size() >= hello_size;
    const bool has_incarnation = payload.size() >= delivery_server_hello_size;
    return hello{get<std::uint16_t>(payload.data()), get<std::uint32_t>(payload.data() + 2),
                 get<std::uint64_t>(payload.data() + 6),
                 has_capabilities ? get<std::uint32_t>(payload.data() + smallest_hello_size) : 0,
                 has_incarnation ? get<std::uint64_t>(payload.data() + hello_size) : 0};
}

std::optional<client_hello> decode_client_hello(bytes_view payload) noexcept {
    if (payload.size() < client_hello_size) {
        return std::nullopt;
    }
    client_hello said{get<std::uint32_t>(payload.data())};
    payload = payload.subspan(client_hello_size);
    while (!payload.empty()) {
        if (payload.size() < field_header_size) {
            return std::nullopt;
        }
        const std::size_t size = field_header_size + get<std::uint16_t>(payload.data() + 1);
        if (payload.size() < size) {
            return std::nullopt;
        }
        if (payload[0] == delivery_hello::field_type) {
            const auto delivery =
                read_delivery(payload.subspan(field_header_size, size - field_header_size));
            if (!delivery || said.delivery) {
                return std::nullopt;
            }
            said.delivery = delivery;
        }
        payload = payload.subspan(size);
    }
    return said;
}

std::optional<acknowledgement> decode_acknowledgement(bytes_view payload) noexcept {
    if (const auto id = decode_token(payload)) {
        return acknowledgement{*id, 1};
    }
    if (payload.size() != long_acknowledgement_size) {
        return std::nullopt;
    }
    const acknowledgement value{get<std::uint64_t>(payload.data()),
                                get<std::uint32_t>(payload.data() + acknowledgement_size)};
    const bool is_in_range = value.count > 1 && value.count <= acknowledgement::most &&
                             value.first + (value.count - 1) > value.first;
    return is_in_range ? std::optional(value) : std::nullopt;
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

std::optional<refusal> decode_refusal(bytes_view payload) noexcept {
    const auto code = decode_reason(payload);
    const bool is_of_message = code == static_cast<int>(errc::delivery_expired) ||
                               code == static_cast<int>(errc::delivery_forgotten);
    if (!is_of_message || payload.size() < refusal_size) {
        return std::nullopt;
    }
    return refusal{*code, get<std::uint64_t>(payload.data() + reason_size)};
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
