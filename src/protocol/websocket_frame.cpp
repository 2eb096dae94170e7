#include <network_system/internal/utf8.h>
#include <network_system/internal/websocket_frame.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace network_system::websocket {
namespace {

/// The key, repeated as it lies over the bytes from `offset` on.
std::uint64_t key_from(std::uint64_t repeated, std::size_t offset) noexcept {
    const int bits = static_cast<int>(8 * (offset % 4));
    return std::endian::native == std::endian::little ? std::rotr(repeated, bits)
                                                      : std::rotl(repeated, bits);
}

std::uint64_t key_from(masking_key key, std::size_t offset) noexcept {
    const std::uint64_t once = std::bit_cast<std::uint32_t>(key);
    return key_from((once << 32U) | once, offset);
}

/// As many bytes at once; the compiler makes vectors of them.
template <typename Word, std::size_t Count>
struct block {
    static constexpr std::size_t size = Count * sizeof(Word);

    block(const std::uint8_t* from, std::uint64_t key) noexcept {
        for (std::size_t i = 0; i < Count; ++i) {
            std::memcpy(&words[i], from + i * sizeof(Word), sizeof(Word));
            words[i] ^= static_cast<Word>(key);
        }
    }
    void store(std::uint8_t* to) const noexcept {
        for (std::size_t i = 0; i < Count; ++i) {
            std::memcpy(to + i * sizeof(Word), &words[i], sizeof(Word));
        }
    }
    void add_to(block& all) const noexcept {
        for (std::size_t i = 0; i < Count; ++i) {
            all.words[i] |= words[i];
        }
    }
    [[nodiscard]] std::uint64_t sum() const noexcept {
        std::uint64_t all = 0;
        for (const Word each : words) {
            all |= each;
        }
        return all;
    }

    Word words[Count];
};

/// For at least one block. The last one overlaps the one before, and is read before that is
/// written: no rest is left for single bytes, and nothing beyond the payload is touched. All bytes
/// written, one over the other.
template <typename Block>
std::uint64_t mask_blocks(std::uint8_t* to, const std::uint8_t* from, std::size_t size,
                          std::uint64_t key) noexcept {
    const std::size_t last = size - Block::size;
    const Block tail(from + last, key_from(key, last));
    Block all = tail;
    for (std::size_t at = 0; at < last; at += Block::size) {
        const Block masked(from + at, key);
        masked.store(to + at);
        masked.add_to(all);
    }
    tail.store(to + last);
    return all.sum();
}

/// `to` is `from`, or apart from it. Whether all that was written is ASCII.
bool mask_to(std::uint8_t* to, const std::uint8_t* from, std::size_t size,
             std::uint64_t key) noexcept {
    std::uint64_t all = 0;
    if (size >= 32) {
        all = mask_blocks<block<std::uint64_t, 4>>(to, from, size, key);
    } else if (size >= 8) {
        all = mask_blocks<block<std::uint64_t, 1>>(to, from, size, key);
    } else if (size >= 4) {
        all = mask_blocks<block<std::uint32_t, 1>>(to, from, size, key);
    } else {
        for (std::size_t at = 0; at < size; ++at) {
            to[at] = static_cast<std::uint8_t>(from[at] ^ key_from(key, at));
            all |= to[at];
        }
    }
    return (all & 0x8080808080808080U) == 0;
}

/// The longest part of at most `limit` bytes that ends between two characters.
std::string_view cut(std::string_view text, std::size_t limit) noexcept {
    if (text.size() <= limit) {
        return text;
    }
    while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) {
        --limit;
    }
    return text.substr(0, limit);
}

}  // namespace

bool apply_mask(std::span<std::uint8_t> payload, masking_key key, std::size_t offset) noexcept {
    return mask_to(payload.data(), payload.data(), payload.size(), key_from(key, offset));
}

void copy_masked(std::uint8_t* to, std::span<const std::uint8_t> payload, masking_key key,
                 std::size_t offset) noexcept {
    mask_to(to, payload.data(), payload.size(), key_from(key, offset));
}

control_frame encode_control(opcode type, std::span<const std::uint8_t> payload,
                             std::optional<masking_key> key) noexcept {
    control_frame frame;
    const std::size_t length = std::min(payload.size(), max_control_payload);
    std::uint8_t* const begin = frame.bytes.data();
    std::uint8_t* const body =
        key ? write_header(begin, type, length, *key) : write_header(begin, type, length);
    std::copy_n(payload.begin(), length, body);
    if (key) {
        apply_mask({body, length}, *key);
    }
    frame.size = static_cast<std::uint8_t>(body + length - begin);
    return frame;
}

control_frame encode_close(close_code code, std::string_view reason,
                           std::optional<masking_key> key) noexcept {
    if (code == close_code::no_status) {
        return encode_control(opcode::close, {}, key);
    }
    if (!may_be_sent(code)) {
        code = close_code::internal_error;
    }
    const auto value = static_cast<unsigned>(code);
    const std::string_view text = cut(reason, max_close_reason);
    std::array<std::uint8_t, max_control_payload> payload{static_cast<std::uint8_t>(value >> 8U),
                                                          static_cast<std::uint8_t>(value)};
    std::copy(text.begin(), text.end(), payload.begin() + 2);
    return encode_control(opcode::close, std::span(payload).first(2 + text.size()), key);
}

close_frame decode_close(std::span<const std::uint8_t> payload) noexcept {
    if (payload.size() < 2) {
        return {};
    }
    const auto text = payload.subspan(2);
    return {static_cast<close_code>(payload[0] * 256U + payload[1]),
            {reinterpret_cast<const char*>(text.data()), text.size()}};
}

}  // namespace network_system::websocket
