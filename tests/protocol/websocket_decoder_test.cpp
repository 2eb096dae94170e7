// What the decoder makes of a correct stream, whatever the chunks. Broken rules:
// websocket_decoder_rules_test.cpp.
#include "support/bytes.h"
#include "support/websocket_frames.h"
#include "support/websocket_reader.h"

#include <network_system/internal/websocket_protocol.h>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace network_system::inline v0_1::websocket {
namespace {

using namespace network_system::testing;

constexpr std::size_t large_limit = std::size_t{1} << 20U;

/// A stream and what it is made of.
struct conversation {
    ws_shape shape;
    byte_string bytes;
    std::vector<seen_message> messages;

    void frame(unsigned first, const byte_string& payload) {
        bytes += ws_frame(static_cast<std::uint8_t>(first), payload, shape);
    }
    void delivered(opcode type, const byte_string& payload) { messages.push_back({type, payload}); }
    void whole(opcode type, const byte_string& payload) {
        frame(0x80U | static_cast<unsigned>(type), payload);
        delivered(type, payload);
    }
};

/// Every opcode, fragments, empty ones too, and control frames in their midst.
conversation everything(bool is_masked) {
    conversation all;
    all.shape.is_masked = is_masked;
    all.whole(opcode::text, text_bytes("Hello"));
    all.whole(opcode::binary, pattern(3));
    all.whole(opcode::binary, {});
    all.whole(opcode::text, text_bytes("Gr\xC3\xBC\xC3\x9F \xF0\x9F\x99\x82"));
    all.whole(opcode::ping, text_bytes("are you there"));
    all.whole(opcode::pong, {});

    all.frame(0x01, text_bytes("a\xE4"));  // cut inside a character
    all.whole(opcode::ping, pattern(2));
    all.frame(0x00, text_bytes("\xB8"));
    all.frame(0x00, {});
    all.whole(opcode::pong, pattern(5));
    all.frame(0x80, text_bytes("\x96z"));
    all.delivered(opcode::text, text_bytes("a\xE4\xB8\x96z"));

    all.frame(0x02, {});
    all.frame(0x80, pattern(4));
    all.delivered(opcode::binary, pattern(4));
    all.frame(0x02, pattern(4));
    all.frame(0x80, {});
    all.delivered(opcode::binary, pattern(4));
    all.frame(0x01, {});
    all.frame(0x00, {});
    all.frame(0x80, {});
    all.delivered(opcode::text, {});

    all.whole(opcode::binary, pattern(126));
    all.whole(opcode::close, concat({{0x03, 0xE8}, text_bytes("bye")}));
    return all;
}

ws_transcript read(const conversation& all, bool is_masked, const std::vector<std::size_t>& chunks,
                   bool uses_place = false) {
    ws_reader reader(is_masked ? role::server : role::client, large_limit, uses_place);
    byte_span rest = all.bytes;
    for (const std::size_t each : chunks) {
        const std::size_t count = std::min(each, rest.size());
        EXPECT_TRUE(reader.feed(rest.first(count)));
        rest = rest.subspan(count);
    }
    EXPECT_TRUE(reader.feed(rest));
    return reader.finish();
}

class websocket_both_roles : public ::testing::TestWithParam<bool> {};

TEST_P(websocket_both_roles, everything_in_one_piece) {
    const conversation all = everything(GetParam());
    EXPECT_EQ(read(all, GetParam(), {}), (ws_transcript{all.messages}));
}

TEST_P(websocket_both_roles, every_split_in_two) {
    const conversation all = everything(GetParam());
    for (std::size_t at = 0; at <= all.bytes.size(); ++at) {
        ASSERT_EQ(read(all, GetParam(), {at}), (ws_transcript{all.messages})) << at;
    }
}

TEST_P(websocket_both_roles, every_split_in_three) {
    const conversation all = everything(GetParam());
    for (std::size_t at = 0; at <= all.bytes.size(); ++at) {
        for (std::size_t more = 1; at + more < all.bytes.size(); ++more) {
            ASSERT_EQ(read(all, GetParam(), {at, more}), (ws_transcript{all.messages}))
                << at << ' ' << more;
        }
    }
}

TEST_P(websocket_both_roles, byte_by_byte) {
    const conversation all = everything(GetParam());
    const std::vector<std::size_t> ones(all.bytes.size(), 1);
    EXPECT_EQ(read(all, GetParam(), ones), (ws_transcript{all.messages}));
    EXPECT_EQ(read(all, GetParam(), ones, true), (ws_transcript{all.messages}));
}

TEST_P(websocket_both_roles, seeded_messages_in_seeded_chunks) {
    for (unsigned seed = 0; seed < 400; ++seed) {
        std::mt19937 random(seed);
        conversation many;
        many.shape.is_masked = GetParam();
        for (int i = 0; i < 20; ++i) {
            const std::size_t size =
                pick(random, 0, 9) == 0 ? pick(random, 0, 140'000) : pick(random, 0, 300);
            const byte_string payload = pattern(size, seed);
            const std::size_t fragments = pick(random, 0, 2) == 0 ? pick(random, 2, 6) : 1;
            std::size_t at = 0;
            for (std::size_t each = 1; each <= fragments; ++each) {
                const bool is_last = each == fragments;
                const std::size_t count = is_last ? size - at : pick(random, 0, size - at);
                many.frame((is_last ? 0x80U : 0U) | (each == 1 ? 2U : 0U),
                           to_bytes(byte_span(payload).subspan(at, count)));
                at += count;
                if (!is_last && pick(random, 0, 3) == 0) {
                    many.whole(opcode::ping, pattern(pick(random, 0, 125), seed));
                }
            }
            many.delivered(opcode::binary, payload);
        }
        std::vector<std::size_t> chunks;
        for (std::size_t total = 0; total < many.bytes.size(); total += chunks.back()) {
            chunks.push_back(pick(random, 1, pick(random, 1, 20'000)));
        }
        ASSERT_EQ(read(many, GetParam(), chunks, seed % 2 == 0), (ws_transcript{many.messages}))
            << "seed " << seed;
    }
}

TEST_P(websocket_both_roles, lengths_around_the_forms_of_the_header) {
    for (const std::size_t size :
         {0U, 1U, 124U, 125U, 126U, 127U, 128U, 255U, 256U, 65'534U, 65'535U, 65'536U, 65'537U}) {
        conversation one;
        one.shape.is_masked = GetParam();
        one.whole(opcode::binary, pattern(size));
        for (std::size_t at = 0; at < std::min<std::size_t>(one.bytes.size(), 20); ++at) {
            ASSERT_EQ(read(one, GetParam(), {at}), (ws_transcript{one.messages})) << size;
        }
    }
}

TEST_P(websocket_both_roles, sixteen_thousand_fragments_and_more) {
    conversation one;
    one.shape.is_masked = GetParam();
    constexpr std::size_t fragments = 20'000;
    one.frame(0x02, {7});
    for (std::size_t i = 2; i < fragments; ++i) {
        one.frame(0x00, {7});
    }
    one.frame(0x80, {7});
    one.delivered(opcode::binary, byte_string(fragments, 7));
    EXPECT_EQ(read(one, GetParam(), {}), (ws_transcript{one.messages}));
    EXPECT_EQ(read(one, GetParam(), std::vector<std::size_t>(one.bytes.size() / 5, 5)),
              (ws_transcript{one.messages}));
}

INSTANTIATE_TEST_SUITE_P(roles, websocket_both_roles, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "server" : "client"; });

// The examples of RFC 6455 section 5.7, as they are printed there.
struct printed {
    role side;
    byte_string bytes;
    std::vector<seen_message> messages;
};
TEST(websocket_decoder_examples, of_section_5_7) {
    const std::vector<printed> all{
        {role::client,
         {0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f},
         {{opcode::text, text_bytes("Hello")}}},
        {role::server,
         {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58},
         {{opcode::text, text_bytes("Hello")}}},
        {role::client,
         {0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f},
         {{opcode::text, text_bytes("Hello")}}},
        {role::client,
         {0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f},
         {{opcode::ping, text_bytes("Hello")}}},
        {role::server,
         {0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58},
         {{opcode::pong, text_bytes("Hello")}}},
        {role::client,
         concat({{0x82, 0x7E, 0x01, 0x00}, pattern(256)}),
         {{opcode::binary, pattern(256)}}},
        {role::client,
         concat({{0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}, pattern(65'536)}),
         {{opcode::binary, pattern(65'536)}}},
    };
    for (const printed& each : all) {
        ws_reader reader(each.side, large_limit);
        EXPECT_TRUE(reader.feed(each.bytes));
        EXPECT_EQ(reader.finish(), (ws_transcript{each.messages}));
    }
}

/// Stops after every message, and goes on with what is left.
TEST(websocket_decoder, goes_on_where_the_sink_stopped) {
    const conversation all = everything(true);
    message_decoder decoder(role::server, large_limit);
    byte_string bytes = all.bytes;
    std::span<std::uint8_t> rest = bytes;
    std::vector<seen_message> seen;
    while (!rest.empty()) {
        const auto progress = decoder.consume(rest, [&](const message& each) {
            seen.push_back({each.type, to_bytes(each.payload)});
            return false;
        });
        ASSERT_EQ(progress.error, nullptr);
        ASSERT_LT(progress.unused, rest.size());
        rest = rest.last(progress.unused);
    }
    EXPECT_EQ(seen, all.messages);
}

TEST(websocket_decoder, delivers_nothing_after_a_close) {
    const byte_string close = ws_frame(0x88, "");
    const byte_string more = ws_frame(0x82, "more");
    ws_reader reader(role::server, large_limit);
    EXPECT_FALSE(reader.feed(concat({close, more})));
    EXPECT_EQ(reader.unused(), more.size());
    EXPECT_FALSE(reader.feed(more));
    EXPECT_EQ(reader.unused(), more.size());
    EXPECT_EQ(reader.finish(), (ws_transcript{{{opcode::close, {}}}}));
}

TEST(websocket_decoder, a_close_between_fragments_ends_the_message) {
    ws_reader reader(role::server, large_limit);
    EXPECT_TRUE(reader.feed(concat({ws_frame(0x01, "half"), ws_frame(0x88, "\x03\xE8")})));
    EXPECT_EQ(reader.finish(), (ws_transcript{{{opcode::close, {0x03, 0xE8}}}}));
}

TEST(websocket_decoder, a_whole_message_is_delivered_where_it_was_read) {
    for (const std::size_t size : {1U, 64U, 200U, 70'000U}) {
        byte_string bytes = ws_frame(0x82, pattern(size));
        message_decoder decoder(role::server, large_limit);
        const std::uint8_t* where = nullptr;
        const auto progress = decoder.consume(bytes, [&](const message& each) {
            where = each.payload.data();
            return true;
        });
        EXPECT_EQ(progress.error, nullptr);
        EXPECT_EQ(where, bytes.data() + bytes.size() - size);
    }
}

TEST(websocket_decoder, memory_grows_with_what_has_arrived) {
    message_decoder decoder(role::server, std::size_t{1} << 30U);
    const auto nothing = [](const message&) { return true; };
    byte_string header = ws_header(0x82, std::size_t{1} << 30U);
    ASSERT_EQ(decoder.consume(header, nothing).error, nullptr);
    std::size_t arrived = 0;
    for (int i = 0; i < 12; ++i) {
        const auto place = decoder.place();
        ASSERT_FALSE(place.empty());
        ASSERT_LE(place.size(), std::max<std::size_t>(arrived, 16 * 1024));
        std::fill(place.begin(), place.end(), std::uint8_t{0});
        ASSERT_EQ(decoder.placed(place.size(), nothing).error, nullptr);
        arrived += place.size();
    }
}

TEST(websocket_decoder, what_is_nearly_complete_or_has_not_begun_has_no_place) {
    message_decoder decoder(role::server, large_limit);
    const auto nothing = [](const message&) { return true; };
    EXPECT_TRUE(decoder.place().empty());
    byte_string header = ws_header(0x82, 4095);
    ASSERT_EQ(decoder.consume(header, nothing).error, nullptr);
    EXPECT_TRUE(decoder.place().empty());
    EXPECT_TRUE(decoder.is_inside_message());
}

TEST(websocket_decoder, trim_gives_back_what_is_not_in_use) {
    message_decoder decoder(role::server, large_limit);
    const byte_string stream = ws_frame(0x82, pattern(100'000));
    std::vector<seen_message> seen;
    const auto sink = [&](const message& each) {
        seen.push_back({each.type, to_bytes(each.payload)});
        return true;
    };
    for (int turn = 0; turn < 2; ++turn) {
        byte_string copy = stream;
        const auto halves = std::span(copy);
        ASSERT_EQ(decoder.consume(halves.first(60'000), sink).error, nullptr);
        decoder.trim();  // in use: nothing happens
        ASSERT_EQ(decoder.consume(halves.subspan(60'000), sink).error, nullptr);
        decoder.trim();
    }
    EXPECT_EQ(seen, (std::vector<seen_message>(2, {opcode::binary, pattern(100'000)})));
}

TEST(websocket_decoder, trim_keeps_the_fragments_of_a_message) {
    message_decoder decoder(role::server, large_limit);
    std::vector<seen_message> seen;
    for (byte_string each : {ws_frame(0x02, pattern(300)), ws_frame(0x80, pattern(300, 300))}) {
        const auto progress = decoder.consume(each, [&](const message& whole) {
            seen.push_back({whole.type, to_bytes(whole.payload)});
            return true;
        });
        ASSERT_EQ(progress.error, nullptr);
        decoder.trim();
    }
    EXPECT_EQ(seen, (std::vector<seen_message>{{opcode::binary, pattern(600)}}));
}

TEST(websocket_decoder, knows_when_it_is_inside_something) {
    message_decoder decoder(role::client, large_limit);
    const auto inside_after = [&](byte_string bytes) {
        EXPECT_EQ(decoder.consume(bytes, [](const message&) { return true; }).error, nullptr);
        return decoder.is_inside_message();
    };
    EXPECT_FALSE(inside_after({}));
    EXPECT_TRUE(inside_after({0x82}));
    EXPECT_TRUE(inside_after({0x01}));
    EXPECT_FALSE(inside_after({0x55}));
    EXPECT_TRUE(inside_after({0x01, 0x00}));
    EXPECT_TRUE(inside_after({0x89, 0x00}));
    EXPECT_FALSE(inside_after({0x80, 0x00}));
    EXPECT_FALSE(inside_after({0x88, 0x00}));
}

}  // namespace
}  // namespace network_system::websocket
