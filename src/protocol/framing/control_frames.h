#pragma once

#include "protocol/framing/frame.h"

#include <network_system/utils/error_codes.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The frames of `framing::message` that are not data, encoded whole, header included.
namespace network_system::inline v0_1::protocol {

inline constexpr std::uint16_t protocol_version = 1;

/// What a server says first. Later versions may append fields; a reader ignores what it does not
/// know.
struct hello {
    std::uint16_t version = protocol_version;
    /// The largest payload the server accepts.
    std::uint32_t max_message_size = 0;
    /// Identifies the transforms messages go through; 0 = none.
    std::uint64_t pipeline_id = 0;
    /// What the server understands, a sum of `capability` values; none of a server that does not
    /// say. A client answers a server that says something with a hello of its own.
    std::uint32_t capabilities = 0;
};

/// What a client says in answer to a hello with capabilities: its own, then fields of a 1-byte
/// type, a 2-byte length and a value, of which a reader skips those it does not know.
struct client_hello {
    std::uint32_t capabilities = 0;
};

/// What a side understands beyond the first version of the protocol. Nothing of it is sent to a
/// peer that has not announced it.
namespace capability {
/// `frame_type::draining`.
inline constexpr std::uint32_t draining = 1;

inline constexpr std::uint32_t all = draining;
}  // namespace capability

/// Without the capabilities, which later servers have appended.
inline constexpr std::size_t smallest_hello_size = 14;
inline constexpr std::size_t hello_size = 18;
inline constexpr std::size_t client_hello_size = 4;
inline constexpr std::size_t token_size = 8;
inline constexpr std::size_t reason_size = 4;

/// A small frame in place.
template <std::size_t PayloadSize>
using control_frame = std::array<std::uint8_t, message_header_size + PayloadSize>;

[[nodiscard]] control_frame<hello_size> encode_hello(const hello& value) noexcept;
[[nodiscard]] control_frame<client_hello_size> encode_client_hello(
    const client_hello& value) noexcept;
[[nodiscard]] control_frame<0> encode_draining() noexcept;
[[nodiscard]] control_frame<token_size> encode_token(frame_type type, std::uint64_t token) noexcept;
[[nodiscard]] control_frame<reason_size> encode_goodbye(int reason) noexcept;
[[nodiscard]] std::vector<std::uint8_t> encode_error(int code, std::string_view text);

/// The payload of a hello; nothing when it is too short.
[[nodiscard]] std::optional<hello> decode_hello(bytes_view payload) noexcept;
/// The payload of a client's hello; nothing when it is too short, or its fields are cut off.
[[nodiscard]] std::optional<client_hello> decode_client_hello(bytes_view payload) noexcept;
/// The token of a ping, pong or acknowledgement; nothing unless exactly 8 bytes.
[[nodiscard]] std::optional<std::uint64_t> decode_token(bytes_view payload) noexcept;
/// The reason of a goodbye, or the code of an error frame; nothing when too short. Only values of
/// the registry's range and 0 pass.
[[nodiscard]] std::optional<int> decode_reason(bytes_view payload) noexcept;
/// A peer's text with everything but printable ASCII replaced: it goes to a log or a person.
[[nodiscard]] std::string printable(bytes_view text);
/// The text of an error frame, made printable.
[[nodiscard]] std::string decode_error_text(bytes_view payload);

}  // namespace network_system::protocol
