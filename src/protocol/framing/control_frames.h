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
    /// `capability::delivery` only: which memory of messages this is. Another number is another
    /// run of a server, which knows nothing of what an earlier one has taken.
    std::uint64_t incarnation = 0;
};

/// Who sends messages with ids, and which of them may arrive again.
struct delivery_hello {
    static constexpr std::uint8_t field_type = 1;
    static constexpr std::size_t size = 32;

    std::array<std::uint8_t, 16> id{};
    /// Message ids up to this one may have been sent on an earlier connection, to whatever server.
    std::uint64_t resent_up_to = 0;
    /// The same, to this incarnation of the server.
    std::uint64_t sent_here_up_to = 0;
};

/// What a client says in answer to a hello with capabilities: its own, then fields of a 1-byte
/// type, a 2-byte length and a value, of which a reader skips those it does not know.
struct client_hello {
    std::uint32_t capabilities = 0;
    std::optional<delivery_hello> delivery = std::nullopt;
};

/// An error frame about one message, which does not end the connection.
struct refusal {
    int code = 0;
    std::uint64_t message = 0;
};

/// What a side understands beyond the first version of the protocol. Nothing of it is sent to a
/// peer that has not announced it.
namespace capability {
/// `frame_type::draining`.
inline constexpr std::uint32_t draining = 1;
/// Messages with ids: the server acknowledges and refuses them, each once.
inline constexpr std::uint32_t delivery = 2;

/// Of either side.
inline constexpr std::uint32_t common = draining;
inline constexpr std::uint32_t all = draining | delivery;
}  // namespace capability

/// Without the capabilities, which later servers have appended.
inline constexpr std::size_t smallest_hello_size = 14;
inline constexpr std::size_t hello_size = 18;
/// With the incarnation that follows them.
inline constexpr std::size_t delivery_server_hello_size = 26;
inline constexpr std::size_t client_hello_size = 4;
inline constexpr std::size_t token_size = 8;
inline constexpr std::size_t reason_size = 4;
inline constexpr std::size_t refusal_size = 12;

/// The ids that an acknowledgement names: `count` of them, from `first` on.
struct acknowledgement {
    /// A reader does something for each.
    static constexpr std::uint32_t most = 1024;

    std::uint64_t first = 0;
    std::uint32_t count = 0;

    /// Whether the id is the next one, and there is room for it; then it is one of them.
    [[nodiscard]] bool add(std::uint64_t id) noexcept {
        const bool is_next = count > 0 && count < most && id == first + count;
        count += is_next ? 1U : 0U;
        return is_next;
    }
};
/// Of one id, and of several.
inline constexpr std::size_t acknowledgement_size = token_size;
inline constexpr std::size_t long_acknowledgement_size = 12;

/// A small frame in place.
template <std::size_t PayloadSize>
using control_frame = std::array<std::uint8_t, message_header_size + PayloadSize>;

/// As long as it has to be: without an incarnation unless the server has one to say.
[[nodiscard]] std::vector<std::uint8_t> encode_hello(const hello& value);
[[nodiscard]] std::vector<std::uint8_t> encode_client_hello(const client_hello& value);
[[nodiscard]] control_frame<0> encode_draining() noexcept;
[[nodiscard]] control_frame<token_size> encode_token(frame_type type, std::uint64_t token) noexcept;
[[nodiscard]] control_frame<long_acknowledgement_size> encode_acknowledgement(
    const acknowledgement& value) noexcept;
[[nodiscard]] control_frame<reason_size> encode_goodbye(int reason) noexcept;
[[nodiscard]] std::vector<std::uint8_t> encode_error(int code, std::string_view text);
[[nodiscard]] control_frame<refusal_size> encode_refusal(const refusal& value) noexcept;

/// The payload of a hello; nothing when it is too short.
[[nodiscard]] std::optional<hello> decode_hello(bytes_view payload) noexcept;
/// The payload of a client's hello; nothing when it is too short, its fields are cut off, or one
/// that is known is too short or there twice.
[[nodiscard]] std::optional<client_hello> decode_client_hello(bytes_view payload) noexcept;
/// The ids of an acknowledgement; nothing unless 8 bytes, or 12 with a count in its range.
[[nodiscard]] std::optional<acknowledgement> decode_acknowledgement(bytes_view payload) noexcept;
/// The token of a ping or pong; nothing unless exactly 8 bytes.
[[nodiscard]] std::optional<std::uint64_t> decode_token(bytes_view payload) noexcept;
/// The reason of a goodbye, or the code of an error frame; nothing when too short. Only values of
/// the registry's range and 0 pass.
[[nodiscard]] std::optional<int> decode_reason(bytes_view payload) noexcept;
/// What an error frame says of one message; nothing when it is about the connection.
[[nodiscard]] std::optional<refusal> decode_refusal(bytes_view payload) noexcept;
/// A peer's text with everything but printable ASCII replaced: it goes to a log or a person.
[[nodiscard]] std::string printable(bytes_view text);
/// The text of an error frame, made printable.
[[nodiscard]] std::string decode_error_text(bytes_view payload);

}  // namespace network_system::protocol
