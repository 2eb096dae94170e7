// What keeps to the rules of RFC 6455, with their sections, if only just. Broken ones:
// websocket_decoder_rules_test.cpp.
#include "support/bytes.h"
#include "support/websocket_frames.h"
#include "support/websocket_reader.h"

#include <network_system/internal/websocket_protocol.h>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::websocket {
namespace {

using namespace network_system::testing;

constexpr std::size_t small_limit = 1000;

TEST(websocket_allowed, is_what_just_keeps_to_a_rule) {
    struct stream {
        std::string_view section;
        std::string_view what;
        byte_string bytes;
        seen_message delivered;
    };
    const std::vector<stream> all{
        {"5.2",
         "the longest message",
         ws_frame(0x82, pattern(small_limit)),
         {opcode::binary, pattern(small_limit)}},
        {"5.2", "126 in 16 bits", ws_frame(0x82, pattern(126)), {opcode::binary, pattern(126)}},
        {"5.5", "the longest ping", ws_frame(0x89, pattern(125)), {opcode::ping, pattern(125)}},
        {"5.5.1", "a close of nothing", ws_frame(0x88, ""), {opcode::close, {}}},
        {"5.5.1",
         "the longest close",
         ws_frame(0x88, close_payload(1000, std::string(123, 'z'))),
         {opcode::close, close_payload(1000, std::string(123, 'z'))}},
        {"5.5.3",
         "a pong nobody has asked for",
         ws_frame(0x8A, "?"),
         {opcode::pong, text_bytes("?")}},
        {"10.4",
         "a ping over the limit of messages",
         ws_frame(0x89, pattern(100)),
         {opcode::ping, pattern(100)}},
    };
    for (const stream& each : all) {
        SCOPED_TRACE(std::string(each.section) + ": " + std::string(each.what));
        ws_reader reader(role::server, small_limit);
        EXPECT_TRUE(reader.feed(each.bytes));
        EXPECT_EQ(reader.finish(), (ws_transcript{{each.delivered}}));
    }
    ws_reader small(role::server, 10);
    EXPECT_TRUE(small.feed(ws_frame(0x89, pattern(100))));
}

TEST(websocket_allowed, are_the_close_codes_of_the_registry) {
    for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U,
                                1012U, 1013U, 1014U, 3000U, 3999U, 4000U, 4999U}) {
        const byte_string payload = close_payload(code, "why");
        ws_reader reader(role::server, small_limit);
        EXPECT_TRUE(reader.feed(ws_frame(0x88, payload)));
        EXPECT_EQ(reader.finish(), (ws_transcript{{{opcode::close, payload}}})) << code;
        const close_frame decoded = decode_close(payload);
        EXPECT_EQ(static_cast<unsigned>(decoded.code), code);
        EXPECT_EQ(decoded.reason, "why");
    }
}

TEST(websocket_allowed, are_empty_fragments_up_to_a_number) {
    ws_reader reader(role::server, small_limit);
    EXPECT_TRUE(reader.feed(ws_frame(0x02, "")));
    const byte_string empty = ws_frame(0x00, "");
    for (std::uint32_t i = 1; i < message_decoder::max_empty_fragments; ++i) {
        ASSERT_TRUE(reader.feed(empty));
    }
    ASSERT_TRUE(reader.feed(ws_frame(0x00, "x")));
    EXPECT_FALSE(reader.feed(empty));
    EXPECT_EQ(reader.finish().error->close, close_code::policy_violation);
}

TEST(websocket_allowed, are_empty_fragments_again_in_a_new_message) {
    ws_reader reader(role::server, small_limit);
    const byte_string empty = ws_frame(0x00, "");
    for (int message = 0; message < 3; ++message) {
        EXPECT_TRUE(reader.feed(ws_frame(0x02, "")));
        for (std::uint32_t i = 1; i < message_decoder::max_empty_fragments; ++i) {
            ASSERT_TRUE(reader.feed(empty));
        }
        EXPECT_TRUE(reader.feed(ws_frame(0x80, "x")));
    }
    EXPECT_EQ(reader.finish().messages.size(), 3U);
}

}  // namespace
}  // namespace network_system::websocket
