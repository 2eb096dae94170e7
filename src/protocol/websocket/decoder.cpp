#include <network_system/internal/websocket_protocol.h>

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::websocket {
namespace {

// A frame that misses less than this is completed through the shared buffer: a second slice in
// the read would cost more than the copy.
constexpr std::size_t worth_placing = std::size_t{4} * 1024;
constexpr std::size_t first_reservation = std::size_t{16} * 1024;
// Of a message whose length is not known yet.
constexpr std::size_t first_fragments = 512;

constexpr violation breach(std::string_view text) noexcept {
    return {errc::protocol_error, close_code::protocol_error, text};
}

// In the order in which they are looked for.
constexpr violation reserved_bits = breach("reserved bits are set");
constexpr violation unknown_opcode = breach("unknown opcode");
constexpr violation fragmented_control = breach("fragmented control frame");
constexpr violation nothing_to_continue = breach("continuation of no message");
constexpr violation message_in_message = breach("new message before the last one has ended");
constexpr violation unmasked_frame = breach("frame of a client without a mask");
constexpr violation masked_frame = breach("masked frame of a server");
constexpr violation long_control = breach("control frame of more than 125 bytes");
constexpr violation half_code = breach("close frame of one byte");
constexpr violation huge_length = breach("length of 64 bits");
constexpr violation wasteful_length = breach("length in more bytes than it needs");
constexpr violation too_large{errc::message_too_large, close_code::message_too_big,
                              "message over the size limit"};
constexpr violation empty_fragments{errc::protocol_error, close_code::policy_violation,
                                    "too many empty fragments"};
constexpr violation bad_text{errc::protocol_error, close_code::invalid_payload,
                             "text that is not UTF-8"};
constexpr violation no_memory{errc::out_of_memory, close_code::internal_error,
                              "no memory for the message"};
constexpr violation bad_code = breach("close code that may not be sent");
constexpr violation bad_reason{errc::protocol_error, close_code::invalid_payload,
                               "close reason that is not UTF-8"};

constexpr bool is_known(unsigned type) noexcept {
    return type <= 2 || (type >= 8 && type <= 10);
}

constexpr opcode type_of(unsigned first_byte) noexcept {
    return static_cast<opcode>(first_byte & 0x0FU);
}

std::uint64_t big_endian(std::span<const std::uint8_t> bytes) noexcept {
    std::uint64_t value = 0;
    for (const std::uint8_t each : bytes) {
        value = (value << 8U) | each;
    }
    return value;
}

}  // namespace

message_decoder::step message_decoder::fail(const violation& broken) noexcept {
    error_ = &broken;
    return step::failed;
}

void message_decoder::fail_text() noexcept {
    (void)fail(bad_text);
    settle();
}

void message_decoder::settle() noexcept {
    is_between_ = !is_in_frame_ && header_have_ == 0 && message_type_ == opcode::continuation &&
                  !is_closed_ && error_ == nullptr;
}

message_decoder::step message_decoder::next(std::span<std::uint8_t>& bytes) noexcept {
    step taken = error_ != nullptr ? step::failed : step::needs_more;
    const auto has_work = [&] { return !bytes.empty() || (is_in_frame_ && missing() == 0); };
    while (taken == step::needs_more && !is_closed_ && has_work()) {
        taken = is_in_frame_ ? take_payload(bytes) : take_header(bytes);
    }
    settle();
    return taken;
}

message_decoder::step message_decoder::take_header(std::span<std::uint8_t>& bytes) noexcept {
    const std::size_t had = header_have_;
    const std::size_t more = std::min(bytes.size(), max_header_size - had);
    std::span<const std::uint8_t> header = bytes.first(more);
    if (had > 0 || more < max_header_size) {
        std::memcpy(header_ + had, bytes.data(), more);
        header = {header_, had + more};
    }
    header_shape shape;
    if (const violation* broken = check_header(header, shape)) {
        return fail(*broken);
    }
    if (shape.size == 0 || header.size() < shape.size) {
        header_have_ = static_cast<std::uint8_t>(header.size());
        bytes = bytes.subspan(more);
        return step::needs_more;
    }
    if (is_masked()) {
        std::memcpy(key_.data(), header.data() + shape.size - key_.size(), key_.size());
    }
    header_have_ = 0;
    bytes = bytes.subspan(shape.size - had);
    const violation* broken = begin_frame(header[0], static_cast<std::size_t>(shape.length));
    return broken != nullptr ? fail(*broken) : step::needs_more;
}

const violation* message_decoder::check_header(std::span<const std::uint8_t> header,
                                               header_shape& shape) const noexcept {
    if (const violation* broken = check_first_byte(header[0])) {
        return broken;
    }
    if (header.size() < 2) {
        return nullptr;
    }
    if (const violation* broken = check_second_byte(header[0], header[1])) {
        return broken;
    }
    const unsigned code = header[1] & 0x7FU;
    const std::size_t extended = code < 126 ? 0U : code == 126 ? 2U : 8U;
    if (header.size() < 2 + extended) {
        return nullptr;
    }
    shape.length = extended == 0 ? code : big_endian(header.subspan(2, extended));
    shape.size = 2 + extended + (is_masked() ? key_.size() : 0);
    return check_length(header[0], extended, shape.length);
}

const violation* message_decoder::check_first_byte(unsigned byte) const noexcept {
    const unsigned type = byte & 0x0FU;
    const bool is_in_message = message_type_ != opcode::continuation;
    if ((byte & 0x70U) != 0) {
        return &reserved_bits;
    }
    if (!is_known(type)) {
        return &unknown_opcode;
    }
    if (is_control(type_of(byte))) {
        return (byte & 0x80U) == 0 ? &fragmented_control : nullptr;
    }
    if (type == 0) {
        return is_in_message ? nullptr : &nothing_to_continue;
    }
    return is_in_message ? &message_in_message : nullptr;
}

const violation* message_decoder::check_second_byte(unsigned first, unsigned byte) const noexcept {
    if ((byte & 0x80U) != mask_bit_) {
        return is_masked() ? &unmasked_frame : &masked_frame;
    }
    const unsigned code = byte & 0x7FU;
    if (is_control(type_of(first)) && code > max_control_payload) {
        return &long_control;
    }
    return type_of(first) == opcode::close && code == 1 ? &half_code : nullptr;
}

const violation* message_decoder::check_length(unsigned first, std::size_t extended,
                                               std::uint64_t length) const noexcept {
    if ((length >> 63U) != 0) {
        return &huge_length;
    }
    if ((extended == 2 && length < 126) || (extended == 8 && length <= 0xFFFF)) {
        return &wasteful_length;
    }
    return !is_control(type_of(first)) && length > max_message_size_ - message_have_ ? &too_large
                                                                                     : nullptr;
}

const violation* message_decoder::begin_frame(unsigned first, std::size_t length) noexcept {
    frame_type_ = type_of(first);
    frame_size_ = length;
    frame_have_ = 0;
    is_in_frame_ = true;
    if (is_control(frame_type_)) {
        return nullptr;
    }
    is_final_ = (first & 0x80U) != 0;
    if (frame_type_ != opcode::continuation) {
        message_type_ = frame_type_;
        empty_fragments_ = 0;
    }
    const bool is_empty = length == 0 && !is_final_;
    return is_empty && ++empty_fragments_ > max_empty_fragments ? &empty_fragments : nullptr;
}

message_decoder::step message_decoder::take_payload(std::span<std::uint8_t>& bytes) noexcept {
    const auto part = bytes.first(std::min(bytes.size(), missing()));
    const bool is_alone = is_control(frame_type_) || (is_final_ && message_have_ == 0);
    const bool is_whole = frame_have_ == 0 && part.size() == frame_size_;
    bytes = bytes.subspan(part.size());
    if (!is_alone || !is_whole) {
        return collect(part);
    }
    if (is_masked()) {
        apply_mask(part, key_);
    }
    return is_valid(part) ? end_frame(part) : fail(bad_text);
}

message_decoder::step message_decoder::collect(std::span<const std::uint8_t> part) noexcept {
    if (!reserve(message_have_ + frame_have_ + part.size())) {
        return fail(no_memory);
    }
    if (part.empty()) {
        return fill(0);
    }
    std::uint8_t* const to = body_.get() + message_have_ + frame_have_;
    std::memcpy(to, part.data(), part.size());
    return fill(part.size());
}

message_decoder::step message_decoder::fill(std::size_t count) noexcept {
    const std::span part(body_.get() + message_have_ + frame_have_, count);
    if (is_masked()) {
        apply_mask(part, key_, frame_have_);
    }
    frame_have_ += count;
    if (!is_valid(part)) {
        return fail(bad_text);
    }
    if (missing() > 0) {
        return step::needs_more;
    }
    // A control frame lies behind what there is of a message; a message begins at the first byte.
    const std::span<const std::uint8_t> all(body_.get(), message_have_ + frame_have_);
    return end_frame(is_control(frame_type_) ? all.subspan(message_have_) : all);
}

bool message_decoder::is_valid(std::span<const std::uint8_t> part) noexcept {
    return message_type_ != opcode::text || is_control(frame_type_) || text_.feed(part);
}

message_decoder::step message_decoder::end_frame(std::span<const std::uint8_t> payload) noexcept {
    is_in_frame_ = false;
    if (is_control(frame_type_)) {
        return end_control(payload);
    }
    if (!is_final_) {
        message_have_ += frame_size_;
        return step::needs_more;
    }
    if (message_type_ == opcode::text && !text_.is_complete()) {
        return fail(bad_text);
    }
    ready_ = {message_type_, payload};
    message_type_ = opcode::continuation;
    message_have_ = 0;
    return step::delivers;
}

message_decoder::step message_decoder::end_control(std::span<const std::uint8_t> payload) noexcept {
    ready_ = {frame_type_, payload};
    if (frame_type_ == opcode::close) {
        is_closed_ = true;
        const close_frame frame = decode_close(payload);
        if (!payload.empty() && !may_be_sent(frame.code)) {
            return fail(bad_code);
        }
        if (!internal::is_utf8(frame.reason)) {
            return fail(bad_reason);
        }
    }
    return step::delivers;
}

bool message_decoder::reserve(std::size_t wanted) noexcept {
    if (wanted <= body_.capacity()) {
        return true;
    }
    const std::size_t frame_end = message_have_ + frame_size_;
    std::size_t capacity =
        std::max({wanted, 2 * body_.capacity(), std::min(frame_end, first_reservation)});
    // The last frame of a message says how long that is; else there is more to come.
    const bool is_last =
        is_control(frame_type_) ? message_type_ == opcode::continuation : is_final_;
    capacity = is_last ? std::min(capacity, frame_end) : std::max(capacity, first_fragments);
    return body_.grow(capacity, message_have_ + frame_have_);
}

std::span<std::uint8_t> message_decoder::place() noexcept {
    if (!is_in_frame_ || missing() < worth_placing || error_ != nullptr) {
        return {};
    }
    const std::size_t have = message_have_ + frame_have_;
    if (have == body_.capacity() && !reserve(have + 1)) {
        return {};
    }
    return {body_.get() + have, std::min(missing(), body_.capacity() - have)};
}

void message_decoder::trim() noexcept {
    if (message_have_ == 0 && (!is_in_frame_ || frame_have_ == 0)) {
        body_.release();
    }
}

}  // namespace network_system::websocket
