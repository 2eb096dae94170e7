// Byte strings for tests: literals, patterns and seeded randomness.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <span>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::testing {

using byte_string = std::vector<std::uint8_t>;
using byte_span = std::span<const std::uint8_t>;

/// Bytes in which every position within 251 differs, so that shifts and swaps show.
inline byte_string pattern(std::size_t size, std::size_t start = 0) {
    byte_string bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>((start + i) % 251);
    }
    return bytes;
}

inline byte_string text_bytes(std::string_view text) {
    return {text.begin(), text.end()};
}

inline byte_string to_bytes(byte_span bytes) {
    return {bytes.begin(), bytes.end()};
}

inline byte_string& operator+=(byte_string& to, const byte_string& more) {
    to.insert(to.end(), more.begin(), more.end());
    return to;
}

inline byte_string concat(std::initializer_list<byte_string> parts) {
    byte_string all;
    for (const byte_string& part : parts) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

/// A frame of `framing::message`, built from the wire table and not by the library's encoder.
inline byte_string wire_frame(unsigned type, unsigned flags, const byte_string& payload) {
    const std::size_t size = payload.size();
    byte_string frame;
    frame.reserve(5 + size);
    frame.push_back(static_cast<std::uint8_t>(type * 16 + flags));
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        frame.push_back(static_cast<std::uint8_t>(size >> shift));
    }
    frame.insert(frame.end(), payload.begin(), payload.end());
    return frame;
}

inline byte_string wire_data(const byte_string& payload) {
    return wire_frame(0, 0, payload);
}

inline byte_string big_endian(std::uint64_t value, std::size_t size) {
    byte_string bytes(size);
    for (std::size_t i = size; i-- > 0; value >>= 8U) {
        bytes[i] = static_cast<std::uint8_t>(value);
    }
    return bytes;
}

/// Uniform in [low, high]; the same on every platform, unlike std::uniform_int_distribution.
inline std::size_t pick(std::mt19937& generator, std::size_t low, std::size_t high) {
    return low + generator() % (high - low + 1);
}

}  // namespace network_system::testing
