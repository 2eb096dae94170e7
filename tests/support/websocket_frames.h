// WebSocket frames, built from the figure of RFC 6455 section 5.2 and not by the library's encoder.
#pragma once

#include "support/bytes.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace network_system::inline v0_1::testing {

inline constexpr std::uint8_t final_bit = 0x80;

/// How a frame is to be, where it is not as usual.
struct ws_shape {
    /// The sender's: a client masks.
    bool is_masked = true;
    /// Bytes of the length beyond the first: 0, 2 or 8; by default as few as can be.
    std::optional<unsigned> extended;
};

/// `first`: final bit, reserved bits and opcode.
inline byte_string ws_header(std::uint8_t first, std::uint64_t length, ws_shape shape = {}) {
    const unsigned extended = shape.extended.value_or(length < 126 ? 0 : length < 65'536 ? 2 : 8);
    const unsigned code = extended == 0   ? static_cast<unsigned>(length)
                          : extended == 2 ? 126U
                                          : 127U;
    byte_string bytes{first, static_cast<std::uint8_t>(code | (shape.is_masked ? 0x80U : 0U))};
    if (extended != 0) {
        bytes += big_endian(length, extended);
    }
    if (shape.is_masked) {
        bytes += byte_string{0x37, 0xFA, 0x21, 0x3D};
    }
    return bytes;
}

inline byte_string ws_frame(std::uint8_t first, const byte_string& payload, ws_shape shape = {}) {
    byte_string bytes = ws_header(first, payload.size(), shape);
    const std::size_t body = bytes.size();
    for (std::size_t i = 0; i < payload.size(); ++i) {
        const unsigned key = shape.is_masked ? bytes[body - 4 + i % 4] : 0U;
        bytes.push_back(static_cast<std::uint8_t>(payload[i] ^ key));
    }
    return bytes;
}
inline byte_string ws_frame(std::uint8_t first, std::string_view payload, ws_shape shape = {}) {
    return ws_frame(first, text_bytes(payload), shape);
}

inline byte_string close_payload(unsigned code, std::string_view reason = {}) {
    return concat({big_endian(code, 2), text_bytes(reason)});
}

}  // namespace network_system::testing
