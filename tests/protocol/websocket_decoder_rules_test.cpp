// Every rule of RFC 6455 that a receiver has to enforce, with its section; each as early as can be,
// and whatever the chunks. What is just allowed: websocket_decoder_allowed_test.cpp.
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

constexpr std::size_t message_limit = 1000;
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
         ws_frame(0x88, close_payload(1000, "\xC3(")),
         {},
         close_code::invalid_payload},
        {"5.5.1",
         "a close reason cut inside a character",
         ws_frame(0x88, close_payload(1000, "a\xC3")),
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
         ws_header(0x82, message_limit + 1),
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
         concat({ws_frame(0x02, pattern(message_limit - 10)), ws_frame(0x00, pattern(10)),
                 ws_frame(0x80, "x")}),
         {},
         close_code::message_too_big,
         8 + message_limit - 10 + 6 + 10 + 2},
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
                       ws_frame(0x88, close_payload(code, "why")),
                       {}});
    }
    return all;
}

ws_transcript read(const rule& each, byte_span bytes, const std::vector<std::size_t>& chunks,
                   bool uses_place = false) {
    ws_reader reader(each.side, message_limit, uses_place);
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
        ws_reader reader(each.side, message_limit);
        (void)reader.feed(each.bytes);
        const auto before = reader.finish();
        EXPECT_FALSE(reader.feed(ws_frame(0x82, "more", {each.side == role::server, {}})));
        EXPECT_EQ(reader.finish(), before);
    }
}

}  // namespace
}  // namespace network_system::websocket
