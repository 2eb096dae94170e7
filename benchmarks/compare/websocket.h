// The client's side of WebSocket, as far as a load needs it: the handshake, and masked frames with
// the answers that an echo server gives.
#pragma once

#include "exchange.h"

#include <bit>
#include <span>
#include <string>
#include <string_view>

namespace compare {

enum class websocket_payload { binary, ascii, mixed };

inline constexpr std::uint8_t final_text = 0x81;
inline constexpr std::uint8_t final_binary = 0x82;

// With whole characters: Latin letters with accents, Greek, Cyrillic, Chinese, and some outside the
// first plane.
inline std::string mixed_text(std::size_t size) {
    const std::array<std::string_view, 6> words{"plain ",  "Größe ",    "Ωμέγα ",
                                                "Привет ", "你好世界 ", "😀🚀 "};
    std::string text;
    for (std::size_t i = 0; text.size() + words[i % words.size()].size() <= size; ++i) {
        text += words[i % words.size()];
    }
    return text.append(size - text.size(), 'x');
}

inline std::vector<std::uint8_t> payload_of(websocket_payload kind, std::size_t size) {
    if (kind != websocket_payload::mixed) {
        const std::uint8_t each = kind == websocket_payload::ascii ? 'a' : 0xa5;
        return std::vector<std::uint8_t>(size, each);
    }
    const std::string text =
        std::string(sequence_size, '0') + mixed_text(std::max(size, sequence_size) - sequence_size);
    return {text.begin(), text.end()};
}

inline std::vector<std::uint8_t> websocket_header(std::uint8_t first, std::size_t size,
                                                  bool is_masked) {
    std::vector<std::uint8_t> header{first};
    const auto mask_bit = static_cast<std::uint8_t>(is_masked ? 0x80 : 0);
    std::size_t length_bytes = 0;
    if (size < 126) {
        header.push_back(static_cast<std::uint8_t>(mask_bit | size));
    } else {
        length_bytes = size <= 0xffff ? 2 : 8;
        header.push_back(static_cast<std::uint8_t>(mask_bit | (length_bytes == 2 ? 126 : 127)));
    }
    for (std::size_t i = length_bytes; i > 0; --i) {
        header.push_back(static_cast<std::uint8_t>(std::uint64_t{size} >> (8 * (i - 1))));
    }
    return header;
}

// `comes_back_as_sent`: from a server that knows nothing of WebSocket.
inline exchange websocket_exchange(websocket_payload kind, std::size_t size,
                                   bool comes_back_as_sent) {
    constexpr masking_key mask{0x37, 0xfa, 0x21, 0x3d};
    const std::uint8_t first = kind == websocket_payload::binary ? final_binary : final_text;
    const std::vector<std::uint8_t> payload = payload_of(kind, size);

    exchange made;
    made.answered.bytes = websocket_header(first, size, false);
    made.answered.sequence_at.push_back(made.answered.bytes.size());
    made.answered.bytes.insert(made.answered.bytes.end(), payload.begin(), payload.end());

    made.sent.bytes = websocket_header(first, size, true);
    made.sent.bytes.insert(made.sent.bytes.end(), mask.begin(), mask.end());
    made.sent.sequence_at.push_back(made.sent.bytes.size());
    std::memcpy(&made.sent.mask, mask.data(), mask.size());
    made.sent.mask |= made.sent.mask << 32;
    for (std::size_t i = 0; i < payload.size(); ++i) {
        made.sent.bytes.push_back(payload[i] ^ mask[i % mask.size()]);
    }
    static_assert(std::endian::native == std::endian::little);
    if (comes_back_as_sent) {
        made.answered = made.sent;
    }
    return made;
}

// The channel still blocks. Key and answer are the example of RFC 6455, section 1.3.
template <typename Channel>
void open_websocket(Channel& channel) {
    constexpr std::string_view request = "GET / HTTP/1.1\r\n"
                                         "Host: 127.0.0.1\r\n"
                                         "Upgrade: websocket\r\n"
                                         "Connection: Upgrade\r\n"
                                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                         "Sec-WebSocket-Version: 13\r\n\r\n";
    channel.send_all(
        std::span(reinterpret_cast<const std::uint8_t*>(request.data()), request.size()));
    std::string answer;
    while (!answer.ends_with("\r\n\r\n")) {
        std::array<std::uint8_t, 1> next{};
        channel.receive_exactly(next, "handshake");
        answer.push_back(static_cast<char>(next[0]));
    }
    if (!answer.starts_with("HTTP/1.1 101 ") ||
        answer.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == std::string::npos) {
        throw std::runtime_error("the server refuses the handshake: " + answer);
    }
}

}  // namespace compare
