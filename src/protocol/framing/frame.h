#pragma once

#include "utils/bytes.h"

#include <network_system/utils/framing.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace network_system::inline v0_1::protocol {

/// The high nibble of a frame's first byte.
enum class frame_type : std::uint8_t {
    data = 0,
    /// 8-byte token, which the pong returns.
    ping = 1,
    pong = 2,
    /// No more from the sender; 4-byte reason, an `errc` value or 0.
    goodbye = 3,
    /// The server's first frame; see `hello`.
    hello = 4,
    /// 4-byte `errc` value, then text.
    error = 5,
    /// 8-byte id of the message that was taken; see `acknowledgement`.
    acknowledgement = 6,
    /// 8-byte id of the asker's choice, then the body.
    request = 7,
    /// The id of the request, a 4-byte `errc` value (0: answered), then the body or a text.
    response = 8,
    /// No new requests, please: the sender is about to say goodbye, once it has answered and heard
    /// what is in progress. Only to a peer that has announced to know it.
    draining = 9,
};

/// The low nibble of a frame's first byte.
namespace frame_flags {
inline constexpr std::uint8_t compressed = 1;
inline constexpr std::uint8_t encrypted = 2;
/// The payload begins with an 8-byte message id; an acknowledgement is wanted.
inline constexpr std::uint8_t message_id = 4;
inline constexpr std::uint8_t extension = 8;
}  // namespace frame_flags

inline constexpr std::size_t message_header_size = 5;
inline constexpr std::size_t length_header_size = 4;
inline constexpr std::size_t message_id_size = 8;
inline constexpr std::size_t request_prefix_size = 8;
inline constexpr std::size_t response_prefix_size = 12;
/// The longest payload of any frame that carries no message: an error's text is cut to fit.
inline constexpr std::size_t max_control_payload = 1024;

/// Whether the frame carries bytes of the application, as many as a message may have.
[[nodiscard]] constexpr bool carries_message(frame_type type) noexcept {
    return type == frame_type::data || type == frame_type::request || type == frame_type::response;
}
/// The bytes of a payload that come before the application's and do not count as such.
[[nodiscard]] constexpr std::size_t prefix_size(frame_type type, std::uint8_t flags) noexcept {
    switch (type) {
        case frame_type::data: return (flags & frame_flags::message_id) != 0 ? message_id_size : 0;
        case frame_type::request: return request_prefix_size;
        case frame_type::response: return response_prefix_size;
        default: return 0;
    }
}

[[nodiscard]] constexpr std::size_t header_size(framing frames) noexcept {
    switch (frames) {
        case framing::message: return message_header_size;
        case framing::length_prefixed: return length_header_size;
        case framing::raw: return 0;
    }
    return 0;
}

/// Big-endian integers, as everything on the wire.
template <typename Unsigned>
constexpr void put(std::uint8_t* to, Unsigned value) noexcept {
    for (std::size_t i = sizeof value; i-- > 0; value = static_cast<Unsigned>(value >> 8U)) {
        to[i] = static_cast<std::uint8_t>(value & 0xFFU);
        if constexpr (sizeof value == 1) {
            break;
        }
    }
}
template <typename Unsigned>
[[nodiscard]] constexpr Unsigned get(const std::uint8_t* from) noexcept {
    Unsigned value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) {
        value = static_cast<Unsigned>((value << 8U) | from[i]);
    }
    return value;
}

/// The bytes before a payload: at most a frame header.
struct encoded_header {
    std::array<std::uint8_t, message_header_size> bytes{};
    std::size_t size = 0;

    [[nodiscard]] bytes_view view() const noexcept { return bytes_view(bytes).first(size); }
};

/// Writes `header_size(frames)` bytes.
constexpr void write_header(std::uint8_t* to, framing frames, frame_type type, std::uint8_t flags,
                            std::size_t length) noexcept {
    if (frames == framing::message) {
        *to++ = static_cast<std::uint8_t>((static_cast<unsigned>(type) << 4U) | flags);
    }
    if (frames != framing::raw) {
        put(to, static_cast<std::uint32_t>(length));
    }
}

[[nodiscard]] constexpr encoded_header encode_header(framing frames, frame_type type,
                                                     std::uint8_t flags,
                                                     std::size_t length) noexcept {
    encoded_header header;
    header.size = header_size(frames);
    write_header(header.bytes.data(), frames, type, flags, length);
    return header;
}

}  // namespace network_system::protocol
