#pragma once

#include <network_system/export.h>
#include <network_system/internal/build_checks.h>
#include <network_system/utils/strict_bool.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

/// WebSocket (RFC 6455) without input and output: for any stream of bytes. The frames.
namespace network_system::inline v0_1::websocket {

/// Section 5.2. Other values are a `protocol_error`.
enum class opcode : std::uint8_t {
    /// A further fragment of a message.
    continuation = 0,
    text = 1,
    binary = 2,
    close = 8,
    ping = 9,
    pong = 10,
};

[[nodiscard]] constexpr bool is_control(opcode type) noexcept {
    return type >= opcode::close;
}

/// Why a connection ends (section 7.4.1 and the IANA registry). 3000 to 3999 are registered by
/// libraries and applications, 4000 to 4999 private: any such value may be cast to this type.
enum class close_code : std::uint16_t {
    normal = 1000,
    going_away = 1001,
    protocol_error = 1002,
    unsupported_data = 1003,
    /// Never sent: the close frame had no code.
    no_status = 1005,
    /// Never sent: the connection ended without a close frame.
    abnormal = 1006,
    /// The payload does not fit its type, such as a text that is not UTF-8.
    invalid_payload = 1007,
    policy_violation = 1008,
    message_too_big = 1009,
    mandatory_extension = 1010,
    internal_error = 1011,
    service_restart = 1012,
    try_again_later = 1013,
    bad_gateway = 1014,
    /// Never sent: the TLS handshake failed.
    tls_handshake = 1015,
};

/// Whether a close frame may carry the code. 1004 is reserved, and 1016 to 2999 are for later
/// versions of the protocol: both ways they are a `protocol_error`.
[[nodiscard]] constexpr bool may_be_sent(close_code code) noexcept {
    const auto value = static_cast<unsigned>(code);
    return (value >= 1000 && value <= 1003) || (value >= 1007 && value <= 1014) ||
           (value >= 3000 && value <= 4999);
}

/// A client's frames are masked with a new key each, which nobody can foresee (sections 5.3, 10.3).
/// In the order of the bytes on the wire.
using masking_key = std::array<std::uint8_t, 4>;

inline constexpr std::size_t max_header_size = 14;
/// The longest payload of a control frame (section 5.5).
inline constexpr std::size_t max_control_payload = 125;
/// The longest reason of a close frame, in bytes.
inline constexpr std::size_t max_close_reason = max_control_payload - 2;

/// 2 to 14 bytes.
[[nodiscard]] constexpr std::size_t header_size(std::size_t length,
                                                strict_bool is_masked) noexcept {
    const std::size_t extended = length < 126 ? 0U : length <= 0xFFFF ? 2U : 8U;
    return 2 + extended + (is_masked ? 4U : 0U);
}

/// Writes the header of an unmasked frame, `header_size(length, false)` bytes; where it ends.
constexpr std::uint8_t* write_header(std::uint8_t* to, opcode type, std::size_t length,
                                     strict_bool is_final = true) noexcept {
    *to++ = static_cast<std::uint8_t>((is_final ? 0x80U : 0U) | static_cast<unsigned>(type));
    if (length < 126) {
        *to++ = static_cast<std::uint8_t>(length);
        return to;
    }
    const unsigned bytes = length <= 0xFFFF ? 2 : 8;
    *to++ = bytes == 2 ? 126 : 127;
    for (unsigned i = bytes; i-- > 0;) {
        *to++ = static_cast<std::uint8_t>(static_cast<std::uint64_t>(length) >> (8 * i));
    }
    return to;
}
/// The same for a masked frame, `header_size(length, true)` bytes.
constexpr std::uint8_t* write_header(std::uint8_t* to, opcode type, std::size_t length,
                                     masking_key key, strict_bool is_final = true) noexcept {
    std::uint8_t* const end = write_header(to, type, length, is_final);
    to[1] = static_cast<std::uint8_t>(to[1] | 0x80U);
    for (std::size_t i = 0; i < key.size(); ++i) {
        end[i] = key[i];
    }
    return end + key.size();
}

/// A few bytes in place: a header, or a whole control frame.
template <std::size_t Capacity>
struct inline_bytes {
    std::array<std::uint8_t, Capacity> bytes{};
    std::uint8_t size = 0;

    [[nodiscard]] constexpr std::span<const std::uint8_t> view() const noexcept {
        return std::span<const std::uint8_t>(bytes).first(size);
    }
};
using frame_header = inline_bytes<max_header_size>;
using control_frame = inline_bytes<6 + max_control_payload>;

[[nodiscard]] constexpr frame_header encode_header(opcode type, std::size_t length,
                                                   std::optional<masking_key> key = {},
                                                   strict_bool is_final = true) noexcept {
    frame_header header;
    std::uint8_t* const to = header.bytes.data();
    const std::uint8_t* const end = key ? write_header(to, type, length, *key, is_final)
                                        : write_header(to, type, length, is_final);
    header.size = static_cast<std::uint8_t>(end - to);
    return header;
}

/// A whole ping, pong or close. What is beyond `max_control_payload` bytes is left out.
[[nodiscard]] NETWORK_SYSTEM_EXPORT control_frame
encode_control(opcode type, std::span<const std::uint8_t> payload,
               std::optional<masking_key> key = {}) noexcept;
/// A whole close frame; `no_status` makes an empty one. `reason` is UTF-8; it is cut between two
/// characters where it has more than `max_close_reason` bytes. `code` has to be one that
/// `may_be_sent`, else the frame says `internal_error`.
[[nodiscard]] NETWORK_SYSTEM_EXPORT control_frame encode_close(
    close_code code, std::string_view reason = {}, std::optional<masking_key> key = {}) noexcept;

struct close_frame {
    /// `no_status` for an empty payload.
    close_code code = close_code::no_status;
    /// UTF-8, part of the payload.
    std::string_view reason = {};
};
/// Reads the payload of a close that a `message_decoder` has delivered, and thereby checked.
[[nodiscard]] NETWORK_SYSTEM_EXPORT close_frame
decode_close(std::span<const std::uint8_t> payload) noexcept;

/// Masks or unmasks in place: each is the inverse of itself. `offset`: how many bytes of the
/// frame's payload come before these. Returns whether all bytes are ASCII now, which costs nothing
/// here.
NETWORK_SYSTEM_EXPORT bool apply_mask(std::span<std::uint8_t> payload, masking_key key) noexcept;
NETWORK_SYSTEM_EXPORT bool apply_mask(std::span<std::uint8_t> payload, masking_key key,
                                      std::size_t offset) noexcept;
/// The same while copying to `to`, which does not overlap the payload.
NETWORK_SYSTEM_EXPORT void copy_masked(std::uint8_t* to, std::span<const std::uint8_t> payload,
                                       masking_key key, std::size_t offset = 0) noexcept;

}  // namespace network_system::websocket
