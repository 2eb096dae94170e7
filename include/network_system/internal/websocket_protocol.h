#pragma once

#include <network_system/export.h>
#include <network_system/internal/message_memory.h>
#include <network_system/internal/utf8.h>
#include <network_system/internal/websocket_frame.h>
#include <network_system/utils/connection_role.h>
#include <network_system/utils/error_codes.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace network_system::inline v0_1::websocket {

/// A server receives masked frames and sends unmasked ones, a client the other way round (section
/// 5.1).
using role = connection_role;

/// A whole message (`text`, `binary`) or control frame (`close`, `ping`, `pong`), unmasked and
/// checked. The payload is valid during the call that delivers it.
struct message {
    opcode type = opcode::binary;
    std::span<const std::uint8_t> payload = {};

    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(payload.data()), payload.size()};
    }
};

/// A rule that the peer has broken.
struct violation {
    /// `protocol_error` or `message_too_large`.
    errc code = {};
    /// What the close frame says of it.
    close_code close = {};
    /// Names the rule; fit for the reason of a close frame.
    std::string_view text = {};
};

/// Cuts a byte stream into messages and control frames, whatever the chunks it arrives in and the
/// fragments it is sent in. What arrives whole is unmasked where it is and delivered from there;
/// only what is cut off at the end of a chunk, and messages of several fragments, are collected.
///
/// Everything the RFC demands of a receiver is checked as early as it can be: headers byte by byte,
/// lengths before anything is kept for them, text at its first bad byte. Memory grows with what has
/// arrived, not with what was announced, and not with the number of fragments.
///
/// A sink is called as `bool sink(const message&)` and returns false to stop; the decoder may then
/// be given the unused bytes later. After a close frame nothing more is delivered, and all bytes
/// are unused.
///
/// Thread-safety: none.
class NETWORK_SYSTEM_EXPORT message_decoder {
public:
    /// The most empty fragments of one message: they cost nothing but time, and serve nobody.
    static constexpr std::uint32_t max_empty_fragments = 65'536;

    /// `max_message_size`: bytes of payload in one message, all fragments together.
    message_decoder(role side, std::size_t max_message_size) noexcept
        : max_message_size_(max_message_size), mask_bit_(side == role::server ? 0x80 : 0) {}

    struct progress {
        /// Set when the peer broke a rule, or when there was no memory for a part of a message;
        /// lives for ever. The decoder must not be used further.
        const violation* error = nullptr;
        /// Bytes not looked at: the sink stopped, the stream is broken, or a close frame was before
        /// them. They are the last ones of those given.
        std::size_t unused = 0;
    };

    /// Takes the next bytes of the stream, and writes to them: payloads are unmasked in place.
    template <typename Sink>
    [[nodiscard]] progress consume(std::span<std::uint8_t> bytes, Sink&& sink);

    /// Where the rest of the frame being collected belongs, so that it can be read there without a
    /// copy; empty when little or nothing is missing, or there is no memory for more. Fill it with
    /// `placed`, or ignore it.
    [[nodiscard]] std::span<std::uint8_t> place() noexcept;
    /// The first `count` bytes of `place` were filled. `unused` is always 0.
    template <typename Sink>
    [[nodiscard]] progress placed(std::size_t count, Sink&& sink);

    /// Whether the stream would be cut off in the middle of a frame or message if it ended now.
    [[nodiscard]] bool is_inside_message() const noexcept { return !is_between_ && !is_closed_; }
    /// Gives back the memory kept for the next large message, unless it is in use.
    void trim() noexcept;

private:
    /// Messages of one frame that has arrived whole: nearly all. The rest, at which it stops, takes
    /// the long way. False when it is over, with `error_` or because the sink wants no more.
    template <typename Sink>
    [[nodiscard]] bool consume_whole(std::span<std::uint8_t>& bytes, Sink& sink);

    enum class step : std::uint8_t { needs_more, delivers, failed };

    /// Of a whole header: its own size, and that of the payload.
    struct header_shape {
        std::size_t size = 0;
        std::uint64_t length = 0;
    };

    /// The next message or control frame goes to `ready_`, whatever state the stream is in.
    step next(std::span<std::uint8_t>& bytes) noexcept;
    step fail(const violation& broken) noexcept;
    void fail_text() noexcept;
    void settle() noexcept;
    step take_header(std::span<std::uint8_t>& bytes) noexcept;
    /// Checks as much of a header as there is; `shape` is empty until its length is there.
    [[nodiscard]] const violation* check_header(std::span<const std::uint8_t> header,
                                                header_shape& shape) const noexcept;
    [[nodiscard]] const violation* check_first_byte(unsigned byte) const noexcept;
    [[nodiscard]] const violation* check_second_byte(unsigned first, unsigned byte) const noexcept;
    [[nodiscard]] const violation* check_length(unsigned first, std::size_t extended,
                                                std::uint64_t length) const noexcept;
    [[nodiscard]] const violation* begin_frame(unsigned first, std::size_t length) noexcept;
    step take_payload(std::span<std::uint8_t>& bytes) noexcept;
    step collect(std::span<const std::uint8_t> part) noexcept;
    /// So many further bytes of the frame are in `body_`, masked.
    step fill(std::size_t count) noexcept;
    [[nodiscard]] bool is_valid(std::span<const std::uint8_t> part) noexcept;
    step end_frame(std::span<const std::uint8_t> payload) noexcept;
    step end_control(std::span<const std::uint8_t> payload) noexcept;
    // False when there is no memory for it.
    [[nodiscard]] bool reserve(std::size_t wanted) noexcept;
    [[nodiscard]] std::size_t missing() const noexcept { return frame_size_ - frame_have_; }
    [[nodiscard]] bool is_masked() const noexcept { return mask_bit_ != 0; }

    std::size_t max_message_size_;
    // The fragments of the message so far, then what has arrived of the present frame.
    internal::message_memory body_;
    std::size_t message_have_ = 0;
    std::size_t frame_have_ = 0;
    std::size_t frame_size_ = 0;
    message ready_;
    const violation* error_ = nullptr;
    std::uint32_t empty_fragments_ = 0;
    masking_key key_{};
    std::uint8_t mask_bit_;
    opcode frame_type_ = opcode::continuation;
    // `continuation` when there is no message.
    opcode message_type_ = opcode::continuation;
    internal::utf8_validator text_;
    bool is_final_ = false;
    bool is_in_frame_ = false;
    // Nothing has begun: the next frame needs no look at the state.
    bool is_between_ = true;
    bool is_closed_ = false;
    std::uint8_t header_have_ = 0;
    std::uint8_t header_[max_header_size]{};
};

template <typename Sink>
message_decoder::progress message_decoder::consume(std::span<std::uint8_t> bytes, Sink&& sink) {
    while (true) {
        if (is_between_ && !consume_whole(bytes, sink)) {
            return {error_, bytes.size()};
        }
        if (bytes.empty() || next(bytes) != step::delivers) {
            return {error_, bytes.size()};
        }
        if (!sink(ready_)) {
            return {nullptr, bytes.size()};
        }
    }
}

template <typename Sink>
bool message_decoder::consume_whole(std::span<std::uint8_t>& bytes, Sink& sink) {
    // All in registers: this is what each message costs.
    const std::size_t mask_bit = mask_bit_;
    const std::size_t key_size = mask_bit != 0 ? key_.size() : 0;
    const std::size_t max_size = max_message_size_;
    std::uint8_t* at = bytes.data();
    std::uint8_t* const end = at + bytes.size();
    bool goes_on = true;
    while (goes_on && static_cast<std::size_t>(end - at) >= 2 + key_size) {
        const unsigned type = at[0] ^ 0x80U;
        std::size_t length = at[1] ^ mask_bit;
        std::uint8_t* payload = at + 2 + key_size;
        if (length >= 126) {
            if (length != 126 || end - payload < 2) {
                break;
            }
            length = at[2] * std::size_t{256} + at[3];
            payload += 2;
            if (length < 126) {
                break;
            }
        }
        if (type - 1 > 1 || length > max_size || length > static_cast<std::size_t>(end - payload)) {
            break;
        }
        bool is_ascii = false;
        if (mask_bit != 0) {
            masking_key key;
            std::memcpy(key.data(), payload - key.size(), key.size());
            is_ascii = apply_mask({payload, length}, key);
        }
        at = payload + length;
        if (type == static_cast<unsigned>(opcode::text) && !is_ascii &&
            !internal::is_utf8({payload, length})) {
            fail_text();
            goes_on = false;
        } else {
            goes_on = sink(message{static_cast<opcode>(type), {payload, length}});
        }
    }
    bytes = {at, end};
    return goes_on;
}

template <typename Sink>
message_decoder::progress message_decoder::placed(std::size_t count, Sink&& sink) {
    if (count > 0) {
        const step taken = fill(count);
        settle();
        if (taken == step::delivers) {
            (void)sink(ready_);
        }
    }
    return {error_, 0};
}

}  // namespace network_system::websocket
