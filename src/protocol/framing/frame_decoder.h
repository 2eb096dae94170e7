#pragma once

#include "protocol/framing/frame.h"

#include <network_system/internal/message_memory.h>
#include <network_system/utils/error_codes.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace network_system::inline v0_1::protocol {

/// One whole frame; the payload is valid during the call that delivers it.
struct frame {
    frame_type type = frame_type::data;
    std::uint8_t flags = 0;
    bytes_view payload;
};

/// Cuts a byte stream into frames, whatever the chunks it arrives in. Whole frames are delivered
/// straight from the caller's bytes; only a frame cut off at the end of a chunk is collected.
/// Lengths are checked before anything is allocated for them, and memory grows with what has
/// arrived, not with what was announced.
///
/// A sink is called as `bool sink(const frame&)` and returns false to stop.
///
/// Thread-safety: none.
class frame_decoder {
public:
    frame_decoder(framing frames, std::size_t max_message_size) noexcept
        : max_message_size_(max_message_size), frames_(frames) {}

    struct progress {
        /// Set when the stream broke the protocol: `protocol_error` or `message_too_large`; or when
        /// there was no memory for a part of a frame: `out_of_memory`. The decoder must not be used
        /// further.
        std::optional<errc> error;
        /// Bytes not looked at because the sink stopped or the stream is broken.
        std::size_t unused = 0;
    };

    template <typename Sink>
    [[nodiscard]] progress consume(bytes_view bytes, Sink&& sink);

    /// Where the rest of the frame being collected belongs, so that it can be read there without
    /// a copy; empty when little or nothing is missing, or there is no memory for more. Fill it
    /// with `placed`, or ignore it.
    [[nodiscard]] std::span<std::uint8_t> place() noexcept;
    /// The first `count` bytes of `place` were filled.
    template <typename Sink>
    void placed(std::size_t count, Sink&& sink);

    /// Whether the stream would be truncated if it ended now.
    [[nodiscard]] bool is_inside_frame() const noexcept {
        return header_have_ > 0 || is_collecting_;
    }
    /// Gives back the memory kept for the next large frame, unless it is in use.
    void trim() noexcept;

private:
    struct parsed_header {
        frame_type type;
        std::uint8_t flags;
        std::size_t length;
    };

    /// Reads the header into `current_`; false when it needs a closer look (see `parse_other`).
    [[nodiscard]] bool parse_plain_data(const std::uint8_t* header) noexcept {
        const bool is_framed = frames_ == framing::message;
        const auto length = get<std::uint32_t>(header + (is_framed ? 1 : 0));
        current_ = {frame_type::data, 0, length};
        return length <= max_message_size_ && (!is_framed || header[0] == 0);
    }
    [[nodiscard]] std::optional<errc> parse_other(const std::uint8_t* header) noexcept;
    // False when there is no memory for it.
    [[nodiscard]] bool begin_collecting(bytes_view first_part) noexcept;
    [[nodiscard]] bool collect(bytes_view part) noexcept;
    [[nodiscard]] bool reserve(std::size_t wanted) noexcept;
    [[nodiscard]] std::size_t missing() const noexcept { return current_.length - body_have_; }

    template <typename Sink>
    [[nodiscard]] bool deliver(bytes_view payload, Sink& sink) {
        return sink(frame{current_.type, current_.flags, payload});
    }
    [[nodiscard]] bytes_view take_collected() noexcept {
        is_collecting_ = false;
        return {body_.get(), current_.length};
    }
    /// Takes header bytes; the number taken. `header_have_` tells whether it is complete.
    std::size_t take_header(bytes_view bytes) noexcept;

    std::size_t max_message_size_;
    internal::message_memory body_;
    std::size_t body_have_ = 0;
    parsed_header current_{};
    framing frames_;
    bool is_collecting_ = false;
    std::uint8_t header_have_ = 0;
    std::uint8_t header_[message_header_size]{};
};

template <typename Sink>
frame_decoder::progress frame_decoder::consume(bytes_view bytes, Sink&& sink) {
    if (frames_ == framing::raw) {
        current_ = {frame_type::data, 0, bytes.size()};
        if (!bytes.empty()) {
            (void)deliver(bytes, sink);
        }
        return {};
    }
    const std::size_t header_length = header_size(frames_);
    while (!bytes.empty()) {
        bytes_view payload;
        if (is_collecting_) {
            const bytes_view part = bytes.first(std::min(bytes.size(), missing()));
            if (!collect(part)) {
                return {errc::out_of_memory, bytes.size()};
            }
            bytes = bytes.subspan(part.size());
            if (missing() > 0) {
                break;
            }
            payload = take_collected();
        } else {
            const std::uint8_t* header = bytes.data();
            if (header_have_ > 0 || bytes.size() < header_length) {
                bytes = bytes.subspan(take_header(bytes));
                if (header_have_ < header_length) {
                    break;
                }
                header_have_ = 0;
                header = header_;
            } else {
                bytes = bytes.subspan(header_length);
            }
            if (!parse_plain_data(header)) {
                if (const auto error = parse_other(header)) {
                    return {error, bytes.size()};
                }
            }
            if (bytes.size() < current_.length) {
                if (!begin_collecting(bytes)) {
                    return {errc::out_of_memory, bytes.size()};
                }
                break;
            }
            payload = bytes.first(current_.length);
            bytes = bytes.subspan(current_.length);
        }
        if (!deliver(payload, sink)) {
            return {std::nullopt, bytes.size()};
        }
    }
    return {};
}

template <typename Sink>
void frame_decoder::placed(std::size_t count, Sink&& sink) {
    body_have_ += count;
    if (count > 0 && missing() == 0) {
        (void)deliver(take_collected(), sink);
    }
}

}  // namespace network_system::protocol
