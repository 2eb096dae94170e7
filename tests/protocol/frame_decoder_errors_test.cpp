// Streams that break the protocol: each gives its error, at once, and costs no memory.
#include "protocol/framing/frame_decoder.h"
#include "support/bytes.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace network_system::inline v0_1::protocol {
namespace {

using namespace network_system::testing;

/// A header and nothing else: everything about it has to be decided from these bytes.
byte_string header(unsigned type, unsigned flags, std::size_t length) {
    return concat({{static_cast<std::uint8_t>(type * 16 + flags)}, big_endian(length, 4)});
}

struct verdict {
    std::optional<errc> error;
    std::size_t unused = 0;
    std::size_t frames = 0;
};

verdict decode(const byte_string& bytes, std::size_t split, std::size_t limit,
               framing frames = framing::message) {
    frame_decoder decoder(frames, limit);
    verdict result;
    const auto sink = [&](const frame&) {
        ++result.frames;
        return true;
    };
    const auto first = decoder.consume(bytes_view(bytes).first(split), sink);
    const bytes_view rest = bytes_view(bytes).subspan(split);
    if (first.error) {
        result.error = first.error;
        result.unused = first.unused + rest.size();
        return result;
    }
    const auto second = decoder.consume(rest, sink);
    result.error = second.error;
    result.unused = second.unused;
    return result;
}

void expect_error(const byte_string& bad, errc expected, std::size_t limit,
                  framing frames = framing::message) {
    const std::size_t size = header_size(frames);
    const byte_string good =
        frames == framing::message ? wire_data(pattern(3)) : concat({big_endian(3, 4), pattern(3)});
    const byte_string bytes = concat({good, bad, pattern(7)});
    for (std::size_t split = 0; split <= bytes.size(); ++split) {
        const verdict result = decode(bytes, split, limit, frames);
        ASSERT_EQ(result.error, expected) << "split " << split;
        ASSERT_EQ(result.frames, 1U) << "what came before the violation is delivered";
        ASSERT_EQ(result.unused, bytes.size() - good.size() - size) << "split " << split;
    }
}

TEST(frame_decoder_errors, unknown_types) {
    for (unsigned type = 10; type < 16; ++type) {
        expect_error(header(type, 0, 0), errc::protocol_error, 100);
    }
}

TEST(frame_decoder_errors, flags_on_control_frames) {
    for (const unsigned type : {1U, 2U, 3U, 4U, 5U, 6U, 9U}) {
        for (unsigned flags = 1; flags < 16; ++flags) {
            expect_error(header(type, flags, 8), errc::protocol_error, 100);
        }
    }
}

TEST(frame_decoder_errors, requests_have_no_message_id) {
    for (const unsigned type : {7U, 8U}) {
        for (unsigned flags = 4; flags < 16; ++flags) {
            expect_error(header(type, flags, 20), errc::protocol_error, 100);
        }
    }
}

TEST(frame_decoder_errors, requests_begin_with_their_prefix) {
    constexpr std::size_t limit = 100;
    for (const auto& [type, prefix] : {std::pair{7U, 8U}, std::pair{8U, 12U}}) {
        for (std::size_t size = 0; size < prefix; ++size) {
            expect_error(header(type, 0, size), errc::protocol_error, limit);
        }
        EXPECT_EQ(decode(wire_frame(type, 0, pattern(prefix)), 0, limit).frames, 1U);
        EXPECT_EQ(decode(wire_frame(type, 0, pattern(prefix + limit)), 0, limit).frames, 1U);
        expect_error(header(type, 0, prefix + limit + 1), errc::message_too_large, limit);
    }
}

TEST(frame_decoder_errors, the_extension_flag_is_unknown_today) {
    for (unsigned flags = 8; flags < 16; ++flags) {
        expect_error(header(0, flags, 20), errc::protocol_error, 100);
    }
}

TEST(frame_decoder_errors, control_frames_are_short) {
    for (unsigned type = 1; type <= 6; ++type) {
        expect_error(header(type, 0, max_control_payload + 1), errc::protocol_error, 1U << 20U);
        expect_error(header(type, 0, 0xFFFFFFFF), errc::protocol_error, 1U << 20U);
        const byte_string longest = wire_frame(type, 0, pattern(max_control_payload));
        // The message limit speaks of messages, not of control frames.
        EXPECT_FALSE(decode(longest, 0, 1).error);
        EXPECT_EQ(decode(longest, 7, 1).frames, 1U);
    }
}

TEST(frame_decoder_errors, an_id_needs_eight_bytes) {
    for (std::size_t size = 0; size < 8; ++size) {
        expect_error(header(0, 4, size), errc::protocol_error, 100);
    }
    EXPECT_EQ(decode(wire_frame(0, 4, pattern(8)), 0, 100).frames, 1U);
}

TEST(frame_decoder_errors, the_limit_is_exact) {
    for (const std::size_t limit : {1U, 100U, 1000U}) {
        EXPECT_EQ(decode(wire_data(pattern(limit)), 0, limit == 1 ? 1 : limit).frames, 1U);
        if (limit >= 3) {
            expect_error(header(0, 0, limit + 1), errc::message_too_large, limit);
            expect_error(header(0, 0, 0xFFFFFFFF), errc::message_too_large, limit);
            expect_error(big_endian(limit + 1, 4), errc::message_too_large, limit,
                         framing::length_prefixed);
            expect_error(big_endian(0xFFFFFFFF, 4), errc::message_too_large, limit,
                         framing::length_prefixed);
        }
        // The id is not part of the message.
        EXPECT_EQ(decode(wire_frame(0, 4, pattern(limit + 8)), 0, limit).frames, 1U);
    }
    expect_error(header(0, 4, 100 + 9), errc::message_too_large, 100);
}

TEST(frame_decoder_errors, memory_follows_what_has_arrived) {
    // The longest message, announced and then trickling in: what is reserved stays in proportion.
    constexpr std::size_t limit = 0x7FFFFFFF;
    frame_decoder decoder(framing::message, limit);
    const auto sink = [](const frame&) { return true; };
    ASSERT_FALSE(decoder.consume(header(0, 0, limit), sink).error);
    std::size_t arrived = 0;
    for (int i = 0; i < 20; ++i) {
        const auto place = decoder.place();
        ASSERT_FALSE(place.empty());
        ASSERT_LE(place.size(), std::max<std::size_t>(arrived, 64 * 1024)) << arrived;
        const std::size_t count = std::min<std::size_t>(place.size(), 10'000);
        std::fill_n(place.begin(), count, std::uint8_t{1});
        decoder.placed(count, sink);
        arrived += count;
    }
    EXPECT_TRUE(decoder.is_inside_frame());
}

}  // namespace
}  // namespace network_system::protocol
