#include "utils/compiler.h"

#include <network_system/internal/utf8.h>
#include <network_system/internal/websocket_frame.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#if defined(__GNUC__) && defined(__x86_64__)
// The compiler may count on vectors of 16 bytes; most machines have those of AVX2.
#define NETWORK_X86_VECTORS
#include <immintrin.h>
#endif

namespace network_system::inline v0_1::websocket {
namespace {

/// The key, repeated as it lies over the bytes from `offset` on.
std::uint64_t key_from(std::uint64_t repeated, std::size_t offset) noexcept {
    const int bits = static_cast<int>(8 * (offset % 4));
    return std::endian::native == std::endian::little ? std::rotr(repeated, bits)
                                                      : std::rotl(repeated, bits);
}

std::uint64_t repeat(masking_key key) noexcept {
    const std::uint64_t once = std::bit_cast<std::uint32_t>(key);
    return (once << 32U) | once;
}

// By reference, always: functions have no common way to pass a vector by value.
template <typename Vector>
NETWORK_ALWAYS_INLINE void load_masked(Vector& bytes, const std::uint8_t* from,
                                       std::uint64_t key) noexcept {
    std::memcpy(&bytes, from, sizeof bytes);
    if constexpr (std::is_integral_v<Vector>) {
        bytes ^= static_cast<Vector>(key);
    } else {
        bytes ^= Vector{} | static_cast<std::remove_cvref_t<decltype(bytes[0])>>(key);
    }
}

/// For at least one vector. The last one overlaps the one before, and is read before that is
/// written: no rest is left for single bytes, and nothing beyond the payload is touched. `all`:
/// what was written, one over the other.
template <typename Vector>
NETWORK_ALWAYS_INLINE void mask_vectors(std::uint8_t* to, const std::uint8_t* from,
                                        std::size_t size, std::uint64_t key, Vector& all) noexcept {
    const std::size_t last = size - sizeof(Vector);
    Vector tail;
    load_masked(tail, from + last, key_from(key, last));
    all = tail;
    for (std::size_t at = 0; at < last; at += sizeof(Vector)) {
        Vector masked;
        load_masked(masked, from + at, key);
        std::memcpy(to + at, &masked, sizeof masked);
        all |= masked;
    }
    std::memcpy(to + last, &tail, sizeof tail);
}

constexpr bool is_ascii(std::uint64_t all) noexcept {
    return (all & 0x8080808080808080U) == 0;
}

/// `to` is `from`, or apart from it. Whether all that was written is ASCII.
bool mask_short(std::uint8_t* to, const std::uint8_t* from, std::size_t size,
                std::uint64_t key) noexcept {
    std::uint64_t all = 0;
    if (size >= sizeof all) {
        mask_vectors(to, from, size, key, all);
    } else if (std::uint32_t half = 0; size >= sizeof half) {
        mask_vectors(to, from, size, key, half);
        all = half;
    } else {
        for (std::size_t at = 0; at < size; ++at) {
            to[at] = static_cast<std::uint8_t>(from[at] ^ key_from(key, at));
            all |= to[at];
        }
    }
    return is_ascii(all);
}

#ifdef NETWORK_X86_VECTORS
[[gnu::target("avx2")]] bool mask_wide(std::uint8_t* to, const std::uint8_t* from, std::size_t size,
                                       std::uint64_t key) noexcept {
    __m256i all;
    mask_vectors(to, from, size, key, all);
    return _mm256_movemask_epi8(all) == 0;
}

const bool has_wide_vectors = __builtin_cpu_supports("avx2") != 0;

#endif

bool mask_to(std::uint8_t* to, const std::uint8_t* from, std::size_t size,
             std::uint64_t key) noexcept {
#ifdef NETWORK_X86_VECTORS
    if (size >= sizeof(__m256i) && has_wide_vectors) {
        return mask_wide(to, from, size, key);
    }
#endif
#ifdef __GNUC__
    using vector [[gnu::vector_size(16)]] = std::uint64_t;
    if (size >= sizeof(vector)) {
        vector all;
        mask_vectors(to, from, size, key, all);
        return is_ascii(all[0] | all[1]);
    }
#endif
    return mask_short(to, from, size, key);
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

bool apply_mask(std::span<std::uint8_t> payload, masking_key key) noexcept {
    return mask_to(payload.data(), payload.data(), payload.size(), repeat(key));
}

bool apply_mask(std::span<std::uint8_t> payload, masking_key key, std::size_t offset) noexcept {
    return mask_to(payload.data(), payload.data(), payload.size(), key_from(repeat(key), offset));
}

void copy_masked(std::uint8_t* to, std::span<const std::uint8_t> payload, masking_key key,
                 std::size_t offset) noexcept {
    mask_to(to, payload.data(), payload.size(), key_from(repeat(key), offset));
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
