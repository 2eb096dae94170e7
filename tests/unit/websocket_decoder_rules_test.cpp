// Every rule of RFC 6455 that a receiver has to enforce, with its section; each as early as can be,
// and whatever the chunks.
#include "support/bytes.h"
#include "support/websocket_frames.h"
#include "support/websocket_reader.h"

#include <network_system/internal/websocket_protocol.h>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace network_system::websocket {
namespace {

using namespace network_system::testing;
using namespace std::string_view_literals;

constexpr std::size_t limit = 1000;
constexpr ws_shape unmasked{false, {}};

struct rule {
    std::string_view section;
    std::string_view what;
    byte_string bytes;
    /// What is delivered before.
    std::vector<seen_message> before;
    close_code close = close_code::protocol_error;
    /// After how many bytes it fails; 0 = at the last one.
    std::size_t fails_after = 0;
    role side = role::server;
};

byte_string close_with(unsigned code, std::string_view reason = {}) {
    return concat({big_endian(code, 2), text_bytes(reason)});
}

std::vector<rule> rules() {
    std::vector<rule> all{
        {"5.1", "a client masks", ws_frame(0x82, "x", unmasked), {}, close_code::protocol_error, 2},
        {"5.1", "a client masks empty frames too", ws_frame(0x82, "", unmasked), {}},
        {"5.1",
         "a server does not mask",
         ws_frame(0x82, "x"),
         {},
         close_code::protocol_error,
         2,
         role::client},
        {"5.2", "a length of 63 bits", {0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0}, {}},
        {"5.2",
         "a length that is not over the limit only because it wraps",
         {0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
         {}},
        {"5.2",
         "125 in 16 bits",
         ws_header(0x82, 125, {true, 2}),
         {},
         close_code::protocol_error,
         4},
        {"5.2",
         "nothing in 16 bits",
         ws_header(0x82, 0, {true, 2}),
         {},
         close_code::protocol_error,
         4},
        {"5.2",
         "125 in 64 bits",
         ws_header(0x82, 125, {true, 8}),
         {},
         close_code::protocol_error,
         10},
        {"5.2",
         "65535 in 64 bits",
         ws_header(0x82, 65'535, {true, 8}),
         {},
         close_code::protocol_error,
         10},
        {"5.2",
         "125 in 16 bits, of a server",
         ws_header(0x82, 125, {false, 2}),
         {},
         close_code::protocol_error,
         4,
         role::client},
        {"5.4",
         "a continuation of nothing",
         ws_frame(0x80, "x"),
         {},
         close_code::protocol_error,
         1},
        {"5.4",
         "a first fragment that is a continuation",
         ws_frame(0x00, "x"),
         {},
         close_code::protocol_error,
         1},
        {"5.4",
         "a continuation after the end",
         concat({ws_frame(0x01, "a"), ws_frame(0x80, "b"), ws_frame(0x80, "c")}),
         {{opcode::text, text_bytes("ab")}},
         close_code::protocol_error,
         15},
        {"5.4",
         "a text inside a text",
         concat({ws_frame(0x01, "a"), ws_frame(0x81, "b")}),
         {},
         close_code::protocol_error,
         8},
        {"5.4",
         "a fragment of a binary inside a text",
         concat({ws_frame(0x01, "a"), ws_frame(0x02, "b")}),
         {},
         close_code::protocol_error,
         8},
        {"5.4",
         "a binary inside an empty text",
         concat({ws_frame(0x01, ""), ws_frame(0x82, "b")}),
         {},
         close_code::protocol_error,
         7},
        {"5.5", "a long ping", ws_frame(0x89, pattern(126)), {}, close_code::protocol_error, 2},
        {"5.5", "a very long pong", ws_header(0x8A, 70'000), {}, close_code::protocol_error, 2},
        {"5.5", "a long close", ws_frame(0x88, pattern(126)), {}, close_code::protocol_error, 2},
        {"5.5",
         "a short ping with a long length",
         ws_header(0x89, 5, {true, 2}),
         {},
         close_code::protocol_error,
         2},
        {"5.5", "a fragmented ping", ws_frame(0x09, "x"), {}, close_code::protocol_error, 1},
        {"5.5", "a fragmented pong", ws_frame(0x0A, "x"), {}, close_code::protocol_error, 1},
        {"5.5", "a fragmented close", ws_frame(0x08, ""), {}, close_code::protocol_error, 1},
        {"5.5",
         "a fragmented ping inside a message",
         concat({ws_frame(0x01, "a"), ws_frame(0x09, "x")}),
         {},
         close_code::protocol_error,
         8},
        {"5.5.1", "a close of one byte", ws_frame(0x88, "x"), {}, close_code::protocol_error, 2},
        {"5.5.1",
         "a close reason that is not UTF-8",
         ws_frame(0x88, close_with(1000, "\xC3(")),
         {},
         close_code::invalid_payload},
        {"5.5.1",
         "a close reason cut inside a character",
         ws_frame(0x88, close_with(1000, "a\xC3")),
         {},
         close_code::invalid_payload},
        {"5.6",
         "a text that is not UTF-8",
         ws_frame(0x81, "ab\xFF"),
         {},
         close_code::invalid_payload},
        {"5.6",
         "a text cut inside a character",
         ws_frame(0x81, "ab\xE4\xB8"),
         {},
         close_code::invalid_payload},
        {"5.6",
         "a long text that is not UTF-8",
         ws_frame(0x81, std::string(300, 'a') + "\xED\xA0"),
         {},
         close_code::invalid_payload},
        {"5.6",
         "fragments cut inside a character",
         concat({ws_frame(0x01, "a\xE4"), ws_frame(0x00, "\xB8"), ws_frame(0x80, "")}),
         {},
         close_code::invalid_payload},
        {"5.6",
         "a character broken across fragments",
         concat({ws_frame(0x01, "a\xE4"), ws_frame(0x00, "b")}),
         {},
         close_code::invalid_payload},
        {"5.6",
         "a text of a server that is not UTF-8",
         ws_frame(0x81, "ab\xFF", unmasked),
         {},
         close_code::invalid_payload,
         0,
         role::client},
        {"8.1",
         "messages before the broken one are delivered",
         concat({ws_frame(0x81, "good"), ws_frame(0x81, "\xC0")}),
         {{opcode::text, text_bytes("good")}},
         close_code::invalid_payload},
        {"10.4",
         "a message over the limit",
         ws_header(0x82, limit + 1),
         {},
         close_code::message_too_big,
         4},
        {"10.4",
         "a message far over the limit",
         ws_header(0x82, 0x7FFFFFFFFFFFFFFF),
         {},
         close_code::message_too_big,
         10},
        {"10.4",
         "fragments over the limit together",
         concat({ws_frame(0x02, pattern(limit - 10)), ws_frame(0x00, pattern(10)),
                 ws_frame(0x80, "x")}),
         {},
         close_code::message_too_big,
         8 + limit - 10 + 6 + 10 + 2},
    };
    for (const unsigned bit : {0x40U, 0x20U, 0x10U}) {
        for (const unsigned type : {1U, 2U, 8U, 9U, 10U}) {
            all.push_back({"5.2",
                           "a reserved bit",
                           ws_frame(static_cast<std::uint8_t>(0x80U | bit | type), ""),
                           {},
                           close_code::protocol_error,
                           1});
        }
        all.push_back(
            {"5.2",
             "a reserved bit of a continuation",
             concat({ws_frame(0x01, "a"), ws_frame(static_cast<std::uint8_t>(0x80U | bit), "b")}),
             {},
             close_code::protocol_error,
             8});
    }
    for (const unsigned type : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
        all.push_back({"5.2",
                       "a reserved opcode",
                       ws_frame(static_cast<std::uint8_t>(0x80U | type), "x"),
                       {},
                       close_code::protocol_error,
                       1});
    }
    for (const unsigned code : {0U, 1U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 1999U,
                                2000U, 2999U, 5000U, 65'535U}) {
        all.push_back({"7.4",
                       "a close code that may not be sent",
                       ws_frame(0x88, close_with(code, "why")),
                       {}});
    }
    return all;
}

ws_transcript read(const rule& each, byte_span bytes, const std::vector<std::size_t>& chunks,
                   bool uses_place = false) {
    ws_reader reader(each.side, limit, uses_place);
    for (const std::size_t size : chunks) {
        const std::size_t count = std::min(size, bytes.size());
        if (!reader.feed(bytes.first(count))) {
            return reader.finish();
        }
        bytes = bytes.subspan(count);
    }
    (void)reader.feed(bytes);
    return reader.finish();
}

TEST(websocket_rules, are_enforced_whatever_the_chunks) {
    for (const rule& each : rules()) {
        SCOPED_TRACE(std::string(each.section) + ": " + std::string(each.what));
        const ws_transcript seen = read(each, each.bytes, {});
        ASSERT_NE(seen.error, nullptr);
        EXPECT_EQ(seen.error->close, each.close) << seen.error->text;
        EXPECT_EQ(seen.error->code, each.close == close_code::message_too_big
                                        ? errc::message_too_large
                                        : errc::protocol_error);
        EXPECT_FALSE(seen.error->text.empty());
        EXPECT_LE(seen.error->text.size(), max_close_reason);
        EXPECT_EQ(seen.messages, each.before);
        for (std::size_t at = 0; at <= each.bytes.size(); ++at) {
            ASSERT_EQ(read(each, each.bytes, {at}), seen) << at;
            ASSERT_EQ(read(each, each.bytes, {at}, true), seen) << at;
        }
        ASSERT_EQ(read(each, each.bytes, std::vector<std::size_t>(each.bytes.size(), 1)), seen);
    }
}

TEST(websocket_rules, are_enforced_at_the_first_byte_that_breaks_them) {
    for (const rule& each : rules()) {
        SCOPED_TRACE(std::string(each.section) + ": " + std::string(each.what));
        const std::size_t enough = each.fails_after == 0 ? each.bytes.size() : each.fails_after;
        const auto after = [&](std::size_t count) {
            return read(each, byte_span(each.bytes).first(count), {});
        };
        EXPECT_EQ(after(enough - 1).error, nullptr);
        EXPECT_NE(after(enough).error, nullptr);
    }
}

TEST(websocket_rules, stay_broken) {
    for (const rule& each : rules()) {
        SCOPED_TRACE(each.what);
        ws_reader reader(each.side, limit);
        (void)reader.feed(each.bytes);
        const auto before = reader.finish();
        EXPECT_FALSE(reader.feed(ws_frame(0x82, "more", {each.side == role::server, {}})));
        EXPECT_EQ(reader.finish(), before);
    }
}

/// The text fails at the byte that breaks it, long before its frame or message is complete.
TEST(websocket_rules, text_fails_at_its_first_bad_byte) {
    struct bad_text {
        std::string_view good;
        std::string_view bad;
    };
    constexpr bad_text texts[] = {
        {"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED"sv, "\xA0"sv},
        {"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4"sv, "\x90"sv},
        {"\xE0"sv, "\x9F"sv},
        {"abc"sv, "\xC0"sv},
        {"abc"sv, "\x80"sv},
        {""sv, "\xFF"sv},
    };
    for (const auto& [good, bad] : texts) {
        const byte_string text =
            concat({text_bytes(good), text_bytes(bad), text_bytes(std::string(200, 'z'))});
        // In one frame, of which no more than the bad byte arrives; and byte by byte in fragments.
        const byte_string frame = ws_frame(0x81, text);
        const std::size_t header = frame.size() - text.size();
        ws_reader reader(role::server, limit);
        EXPECT_TRUE(reader.feed(byte_span(frame).first(header + good.size())));
        EXPECT_FALSE(reader.feed(byte_span(frame).subspan(header + good.size(), 1)));
        EXPECT_EQ(reader.finish().error->close, close_code::invalid_payload);

        ws_reader fragments(role::server, limit);
        for (std::size_t i = 0; i < good.size(); ++i) {
            EXPECT_TRUE(fragments.feed(ws_frame(i == 0 ? 0x01 : 0x00, good.substr(i, 1))));
        }
        EXPECT_FALSE(fragments.feed(ws_frame(good.empty() ? 0x01 : 0x00, bad)));
        EXPECT_EQ(fragments.finish().error->close, close_code::invalid_payload);
    }
}

TEST(websocket_rules, text_read_into_its_place_is_checked_there) {
    ws_reader reader(role::server, 100'000, true);
    const byte_string frame = ws_frame(0x81, std::string(20'000, 'a') + "\xFF");
    EXPECT_TRUE(reader.feed(byte_span(frame).first(100)));
    EXPECT_TRUE(reader.feed(byte_span(frame).subspan(100, frame.size() - 101)));
    EXPECT_GT(reader.largest_place(), 0U);
    EXPECT_FALSE(reader.feed(byte_span(frame).last(1)));
    EXPECT_EQ(reader.finish().error->close, close_code::invalid_payload);
}

TEST(websocket_rules, what_is_allowed_passes) {
    const std::vector<rule> all{
        {"5.2",
         "the longest message",
         ws_frame(0x82, pattern(limit)),
         {{opcode::binary, pattern(limit)}}},
        {"5.2", "126 in 16 bits", ws_frame(0x82, pattern(126)), {{opcode::binary, pattern(126)}}},
        {"5.5", "the longest ping", ws_frame(0x89, pattern(125)), {{opcode::ping, pattern(125)}}},
        {"5.5.1", "a close of nothing", ws_frame(0x88, ""), {{opcode::close, {}}}},
        {"5.5.1",
         "the longest close",
         ws_frame(0x88, close_with(1000, std::string(123, 'z'))),
         {{opcode::close, close_with(1000, std::string(123, 'z'))}}},
        {"5.5.3",
         "a pong nobody has asked for",
         ws_frame(0x8A, "?"),
         {{opcode::pong, text_bytes("?")}}},
        {"10.4",
         "a ping over the limit of messages",
         ws_frame(0x89, pattern(100)),
         {{opcode::ping, pattern(100)}}},
    };
    for (const rule& each : all) {
        SCOPED_TRACE(each.what);
        EXPECT_EQ(read(each, each.bytes, {}), (ws_transcript{each.before}));
    }
    ws_reader small(role::server, 10);
    EXPECT_TRUE(small.feed(ws_frame(0x89, pattern(100))));
}

TEST(websocket_rules, close_codes_of_the_registry_pass) {
    for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U,
                                1012U, 1013U, 1014U, 3000U, 3999U, 4000U, 4999U}) {
        const byte_string payload = close_with(code, "why");
        ws_reader reader(role::server, limit);
        EXPECT_TRUE(reader.feed(ws_frame(0x88, payload)));
        EXPECT_EQ(reader.finish(), (ws_transcript{{{opcode::close, payload}}})) << code;
        const close_frame decoded = decode_close(payload);
        EXPECT_EQ(static_cast<unsigned>(decoded.code), code);
        EXPECT_EQ(decoded.reason, "why");
    }
}

TEST(websocket_rules, empty_fragments_are_not_endless) {
    ws_reader reader(role::server, limit);
    EXPECT_TRUE(reader.feed(ws_frame(0x02, "")));
    const byte_string empty = ws_frame(0x00, "");
    for (std::uint32_t i = 1; i < message_decoder::max_empty_fragments; ++i) {
        ASSERT_TRUE(reader.feed(empty));
    }
    ASSERT_TRUE(reader.feed(ws_frame(0x00, "x")));
    EXPECT_FALSE(reader.feed(empty));
    EXPECT_EQ(reader.finish().error->close, close_code::policy_violation);
}

TEST(websocket_rules, a_new_message_may_have_empty_fragments_again) {
    ws_reader reader(role::server, limit);
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
