// Frames as they are written: headers, masks, control frames.
#include "support/bytes.h"
#include "support/websocket_frames.h"

#include <network_system/internal/websocket_frame.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace network_system::inline v0_1::websocket {
namespace {

using namespace network_system::testing;

constexpr masking_key key{0x37, 0xFA, 0x21, 0x3D};

constexpr std::uint64_t lengths[] = {0,      1,          125,         126,
                                     127,    65'535,     65'536,      65'537,
                                     70'000, 0xFFFFFFFF, 0x100000000, 0x7FFFFFFFFFFFFFFF};

TEST(websocket_frame, headers_are_those_of_the_rfc) {
    for (const std::uint64_t wide : lengths) {
        if (wide > std::numeric_limits<std::size_t>::max()) {
            continue;
        }
        const auto length = static_cast<std::size_t>(wide);
        for (const bool is_masked : {false, true}) {
            for (const unsigned type : {0U, 1U, 2U, 8U, 9U, 10U}) {
                for (const bool is_final : {false, true}) {
                    const auto header =
                        encode_header(static_cast<opcode>(type), length,
                                      is_masked ? std::optional(key) : std::nullopt, is_final);
                    const auto first = static_cast<std::uint8_t>((is_final ? 0x80U : 0U) | type);
                    EXPECT_EQ(to_bytes(header.view()),
                              ws_header(first, length, {is_masked, std::nullopt}));
                    EXPECT_EQ(header.size, header_size(length, is_masked));
                }
            }
        }
    }
}

byte_string masked_by_the_book(byte_string bytes, std::size_t offset) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(bytes[i] ^ key[(offset + i) % 4]);
    }
    return bytes;
}

TEST(websocket_frame, masks_any_length_at_any_place_and_offset) {
    constexpr std::size_t border = 40;
    for (std::size_t size = 0; size < 200; ++size) {
        for (std::size_t offset = 0; offset < 5; ++offset) {
            const std::size_t start = size % 13;
            byte_string memory = pattern(start + size + border);
            const byte_string before = memory;
            const auto body = std::span(memory).subspan(start, size);
            const byte_string expected = masked_by_the_book(to_bytes(body), offset);
            apply_mask(body, key, offset);
            ASSERT_EQ(to_bytes(body), expected) << size << ' ' << offset;
            // Not a byte around it is touched.
            ASSERT_TRUE(std::equal(memory.begin(), memory.begin() + static_cast<long>(start),
                                   before.begin()));
            ASSERT_TRUE(std::equal(memory.end() - border, memory.end(), before.end() - border));

            byte_string copy(size + border, 0xEE);
            copy_masked(copy.data(), std::span(before).subspan(start, size), key, offset);
            ASSERT_EQ(to_bytes(byte_span(copy).first(size)), expected);
            ASSERT_EQ(to_bytes(byte_span(copy).subspan(size)), byte_string(border, 0xEE));
        }
    }
}

TEST(websocket_frame, masking_twice_changes_nothing) {
    byte_string bytes = pattern(100'003);
    apply_mask(bytes, key, 7);
    EXPECT_NE(bytes, pattern(100'003));
    apply_mask(bytes, key, 7);
    EXPECT_EQ(bytes, pattern(100'003));
}

TEST(websocket_frame, unmasking_tells_ascii_from_the_rest) {
    for (std::size_t size = 0; size < 150; ++size) {
        byte_string text(size, 'a');
        apply_mask(text, key);
        EXPECT_TRUE(apply_mask(text, key));
        for (std::size_t at = 0; at < size; ++at) {
            byte_string other(size, 'a');
            other[at] = 0x80;
            apply_mask(other, key);
            ASSERT_FALSE(apply_mask(other, key)) << at << " of " << size;
        }
    }
}

TEST(websocket_frame, control_frames) {
    EXPECT_EQ(to_bytes(encode_control(opcode::ping, text_bytes("Hello")).view()),
              ws_frame(0x89, "Hello", {false, {}}));
    EXPECT_EQ(to_bytes(encode_control(opcode::pong, text_bytes("Hello"), key).view()),
              ws_frame(0x8A, "Hello"));
    EXPECT_EQ(to_bytes(encode_control(opcode::ping, {}).view()), (byte_string{0x89, 0}));
    EXPECT_EQ(to_bytes(encode_control(opcode::ping, pattern(200)).view()),
              ws_frame(0x89, pattern(125), {false, {}}));
    EXPECT_EQ(to_bytes(encode_control(opcode::ping, pattern(125), key).view()),
              ws_frame(0x89, pattern(125)));
}

TEST(websocket_frame, close_frames) {
    const auto payload_of = [](close_code code, std::string_view reason) {
        const auto frame = encode_close(code, reason);
        EXPECT_EQ(frame.bytes[0], 0x88);
        EXPECT_EQ(frame.bytes[1], frame.size - 2);
        return to_bytes(frame.view().subspan(2));
    };
    EXPECT_EQ(payload_of(close_code::normal, ""), (byte_string{0x03, 0xE8}));
    EXPECT_EQ(payload_of(close_code::going_away, "bye"), (byte_string{0x03, 0xE9, 'b', 'y', 'e'}));
    EXPECT_EQ(payload_of(static_cast<close_code>(4999), ""), (byte_string{0x13, 0x87}));
    EXPECT_EQ(payload_of(close_code::no_status, "ignored"), byte_string{});
    for (const unsigned never : {0U, 1004U, 1006U, 1015U, 2000U, 5000U}) {
        EXPECT_EQ(payload_of(static_cast<close_code>(never), ""), (byte_string{0x03, 0xF3}));
    }
    EXPECT_EQ(to_bytes(encode_close(close_code::normal, "bye", key).view()),
              ws_frame(0x88, "\x03\xE8"
                             "bye"));
}

TEST(websocket_frame, a_long_close_reason_is_cut_between_characters) {
    const auto reason_after = [](std::size_t ascii) {
        const std::string reason = std::string(ascii, 'a') + "\xF0\x9F\x99\x82" + "more";
        const auto frame = encode_close(close_code::normal, reason);
        return frame.size - 4U;
    };
    EXPECT_EQ(reason_after(115), 123U);
    EXPECT_EQ(reason_after(119), 123U);
    EXPECT_EQ(reason_after(120), 120U);
    EXPECT_EQ(reason_after(121), 121U);
    EXPECT_EQ(reason_after(122), 122U);
    EXPECT_EQ(reason_after(123), 123U);
    // What is no text at all is still bounded.
    EXPECT_EQ(encode_close(close_code::normal, std::string(200, '\x80')).size, 4U);
}

TEST(websocket_frame, close_codes) {
    for (unsigned code = 0; code < 70'000; ++code) {
        const bool is_allowed =
            (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
            (code >= 3000 && code <= 4999);
        if (code <= 65'535) {
            ASSERT_EQ(may_be_sent(static_cast<close_code>(code)), is_allowed) << code;
        }
    }
}

TEST(websocket_frame, a_close_without_a_code) {
    EXPECT_EQ(decode_close({}).code, close_code::no_status);
    EXPECT_EQ(decode_close({}).reason, "");
}

}  // namespace
}  // namespace network_system::websocket
