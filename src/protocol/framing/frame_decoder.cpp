#include "protocol/framing/frame_decoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace network_system::inline v0_1::protocol {
namespace {

// A frame that misses less than this is completed through the shared buffer: a second slice in
// the read would cost more than the copy.
constexpr std::size_t worth_placing = std::size_t{4} * 1024;
constexpr std::size_t first_reservation = std::size_t{16} * 1024;

constexpr std::uint8_t last_known_type = 9;

}  // namespace

std::optional<errc> frame_decoder::parse_other(const std::uint8_t* header) noexcept {
    if (frames_ == framing::length_prefixed) {
        return errc::message_too_large;  // nothing else can be wrong with a length
    }
    const auto type = static_cast<std::uint8_t>(header[0] >> 4U);
    const auto flags = static_cast<std::uint8_t>(header[0] & 0x0FU);
    const std::size_t length = current_.length;
    if (type > last_known_type) {
        return errc::protocol_error;
    }
    current_ = {static_cast<frame_type>(type), flags, length};
    if (!carries_message(current_.type)) {
        // Flags speak of messages, and control frames are short by nature.
        return flags != 0 || length > max_control_payload ? std::optional(errc::protocol_error)
                                                          : std::nullopt;
    }
    const bool has_id = (flags & frame_flags::message_id) != 0;
    const std::size_t prefix = prefix_size(current_.type, flags);
    if ((flags & frame_flags::extension) != 0 || (has_id && current_.type != frame_type::data) ||
        length < prefix) {
        return errc::protocol_error;
    }
    return length - prefix > max_message_size_ ? std::optional(errc::message_too_large)
                                               : std::nullopt;
}

std::size_t frame_decoder::take_header(bytes_view bytes) noexcept {
    const std::size_t wanted = header_size(frames_) - header_have_;
    const std::size_t count = std::min(bytes.size(), wanted);
    std::memcpy(header_ + header_have_, bytes.data(), count);
    header_have_ = static_cast<std::uint8_t>(header_have_ + count);
    return count;
}

bool frame_decoder::begin_collecting(bytes_view first_part) noexcept {
    is_collecting_ = true;
    body_have_ = 0;
    return collect(first_part);
}

bool frame_decoder::collect(bytes_view part) noexcept {
    if (!reserve(body_have_ + part.size())) {
        return false;
    }
    if (!part.empty()) {
        std::memcpy(body_.get() + body_have_, part.data(), part.size());
        body_have_ += part.size();
    }
    return true;
}

bool frame_decoder::reserve(std::size_t wanted) noexcept {
    if (wanted <= body_.capacity()) {
        return true;
    }
    const std::size_t grown = std::max({wanted, 2 * body_.capacity(), first_reservation});
    const std::size_t capacity = std::max(wanted, std::min(grown, current_.length));
    return body_.grow(capacity, body_have_);
}

std::span<std::uint8_t> frame_decoder::place() noexcept {
    if (!is_collecting_ || missing() < worth_placing) {
        return {};
    }
    if (body_have_ == body_.capacity() && !reserve(body_have_ + 1)) {
        return {};
    }
    return {body_.get() + body_have_, std::min(missing(), body_.capacity() - body_have_)};
}

void frame_decoder::trim() noexcept {
    if (!is_collecting_) {
        body_.release();
    }
}

}  // namespace network_system::protocol
