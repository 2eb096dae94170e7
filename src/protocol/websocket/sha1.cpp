#include "protocol/websocket/sha1.h"

#include "protocol/framing/frame.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <functional>

namespace network_system::inline v0_1::protocol {
namespace {

constexpr std::size_t block_size = 64;
constexpr std::size_t length_size = 8;

using block = std::array<std::uint8_t, block_size>;
using state = std::array<std::uint32_t, 5>;

std::array<std::uint32_t, 80> expand(const block& bytes) noexcept {
    std::array<std::uint32_t, 80> words{};
    for (std::size_t i = 0; i < 16; ++i) {
        words[i] = get<std::uint32_t>(bytes.data() + 4 * i);
    }
    for (std::size_t i = 16; i < words.size(); ++i) {
        words[i] = std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    }
    return words;
}

/// The function and the constant of a step (section 5).
std::uint32_t mix(std::size_t step, std::uint32_t b, std::uint32_t c, std::uint32_t d) noexcept {
    switch (step / 20) {
        case 0: return ((b & c) | (~b & d)) + 0x5A827999U;
        case 1: return (b ^ c ^ d) + 0x6ED9EBA1U;
        case 2: return ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDCU;
        default: return (b ^ c ^ d) + 0xCA62C1D6U;
    }
}

void add(state& hash, const block& bytes) noexcept {
    const auto words = expand(bytes);
    auto [a, b, c, d, e] = hash;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::uint32_t next = std::rotl(a, 5) + mix(i, b, c, d) + e + words[i];
        e = d;
        d = c;
        c = std::rotl(b, 30);
        b = a;
        a = next;
    }
    const state added{a, b, c, d, e};
    std::transform(hash.begin(), hash.end(), added.begin(), hash.begin(), std::plus<>());
}

}  // namespace

std::array<std::uint8_t, 20> sha1(std::span<const std::uint8_t> message) {
    state hash{0x67452301U, 0xEFCDAB89U, 0x98BADCFEU, 0x10325476U, 0xC3D2E1F0U};
    const std::uint64_t bits = std::uint64_t{message.size()} * 8;
    block bytes{};
    for (; message.size() >= block_size; message = message.subspan(block_size)) {
        std::copy_n(message.begin(), block_size, bytes.begin());
        add(hash, bytes);
    }
    // A one, zeros, and the length at the end of a block.
    bytes.fill(0);
    std::copy(message.begin(), message.end(), bytes.begin());
    bytes[message.size()] = 0x80;
    if (message.size() + 1 + length_size > block_size) {
        add(hash, bytes);
        bytes.fill(0);
    }
    put(bytes.data() + block_size - length_size, bits);
    add(hash, bytes);

    std::array<std::uint8_t, 20> digest{};
    for (std::size_t i = 0; i < hash.size(); ++i) {
        put(digest.data() + 4 * i, hash[i]);
    }
    return digest;
}

}  // namespace network_system::protocol
