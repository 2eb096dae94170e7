// Texts that are not UTF-8 (RFC 6455 section 8.1), at the byte that makes them so.
#include "support/bytes.h"
#include "support/websocket_frames.h"
#include "support/websocket_reader.h"

#include <network_system/internal/websocket_protocol.h>

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace network_system::inline v0_1::websocket {
namespace {

using namespace network_system::testing;
using namespace std::string_view_literals;

/// The text fails at the byte that breaks it, long before its frame or message is complete.
TEST(websocket_text, fails_at_its_first_bad_byte) {
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
        ws_reader reader(role::server, 1000);
        EXPECT_TRUE(reader.feed(byte_span(frame).first(header + good.size())));
        EXPECT_FALSE(reader.feed(byte_span(frame).subspan(header + good.size(), 1)));
        EXPECT_EQ(reader.finish().error->close, close_code::invalid_payload);

        ws_reader fragments(role::server, 1000);
        for (std::size_t i = 0; i < good.size(); ++i) {
            EXPECT_TRUE(fragments.feed(ws_frame(i == 0 ? 0x01 : 0x00, good.substr(i, 1))));
        }
        EXPECT_FALSE(fragments.feed(ws_frame(good.empty() ? 0x01 : 0x00, bad)));
        EXPECT_EQ(fragments.finish().error->close, close_code::invalid_payload);
    }
}

TEST(websocket_text, is_checked_in_its_place_when_it_was_read_there) {
    ws_reader reader(role::server, 100'000, true);
    const byte_string frame = ws_frame(0x81, std::string(20'000, 'a') + "\xFF");
    EXPECT_TRUE(reader.feed(byte_span(frame).first(100)));
    EXPECT_TRUE(reader.feed(byte_span(frame).subspan(100, frame.size() - 101)));
    EXPECT_GT(reader.largest_place(), 0U);
    EXPECT_FALSE(reader.feed(byte_span(frame).last(1)));
    EXPECT_EQ(reader.finish().error->close, close_code::invalid_payload);
}

}  // namespace
}  // namespace network_system::websocket
