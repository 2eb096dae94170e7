// What the decoder makes of a stream, whatever the chunks. Bad input:
// frame_decoder_errors_test.cpp.
#include "protocol/framing/frame_decoder.h"

#include "support/bytes.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace network_system::inline v0_1::protocol {

struct seen_frame {
    frame_type type;
    unsigned flags;
    network_system::testing::byte_string payload;
    friend bool operator==(const seen_frame&, const seen_frame&) = default;
    friend std::ostream& operator<<(std::ostream& out, const seen_frame& each) {
        return out << "{type " << static_cast<int>(each.type) << " flags " << each.flags << " size "
                   << each.payload.size() << '}';
    }
};

namespace {

using namespace network_system::testing;

constexpr std::size_t limit = std::size_t{1} << 20U;

/// Collects what a decoder delivers.
struct collector {
    std::vector<seen_frame> frames;
    bool operator()(const frame& each) {
        frames.push_back({each.type, each.flags, to_bytes(each.payload)});
        return true;
    }
};

struct stream {
    byte_string bytes;
    std::vector<seen_frame> frames;

    void add(unsigned type, unsigned flags, const byte_string& payload) {
        bytes += wire_frame(type, flags, payload);
        frames.push_back({static_cast<frame_type>(type), flags, payload});
    }
};

/// Every type, and every flag of data, in one stream.
stream all_types(std::size_t largest = 2000) {
    stream all;
    all.add(4, 0, pattern(14));
    all.add(0, 0, pattern(1));
    all.add(0, 0, {});
    all.add(0, 1, pattern(3));
    all.add(0, 2, pattern(20));
    all.add(0, 4, pattern(8));
    all.add(0, 7, pattern(19));
    all.add(1, 0, pattern(8));
    all.add(2, 0, pattern(8));
    all.add(5, 0, pattern(30));
    all.add(6, 0, pattern(8));
    all.add(7, 0, pattern(8));
    all.add(7, 3, pattern(13));
    all.add(8, 0, pattern(12));
    all.add(8, 1, pattern(largest));
    all.add(3, 0, pattern(4));
    return all;
}

/// Feeds chunks of the given sizes, then the rest.
std::vector<seen_frame> decode(framing frames, const byte_string& bytes,
                               const std::vector<std::size_t>& chunks) {
    frame_decoder decoder(frames, limit);
    collector sink;
    bytes_view rest = bytes;
    const auto feed = [&](std::size_t count) {
        // A copy of its own, so that reading past the chunk shows under a sanitizer.
        const byte_string chunk = to_bytes(rest.first(count));
        rest = rest.subspan(count);
        const auto progress = decoder.consume(chunk, sink);
        EXPECT_FALSE(progress.error);
        EXPECT_EQ(progress.unused, 0U);
    };
    for (const std::size_t chunk : chunks) {
        feed(std::min(chunk, rest.size()));
    }
    feed(rest.size());
    EXPECT_FALSE(decoder.is_inside_frame());
    return sink.frames;
}

TEST(frame_decoder, every_type_in_one_piece) {
    const stream all = all_types();
    EXPECT_EQ(decode(framing::message, all.bytes, {}), all.frames);
}

TEST(frame_decoder, every_split_in_two) {
    const stream all = all_types();
    for (std::size_t at = 0; at <= all.bytes.size(); ++at) {
        ASSERT_EQ(decode(framing::message, all.bytes, {at}), all.frames) << at;
    }
}

TEST(frame_decoder, every_split_in_three) {
    const stream all = all_types(60);  // the number of splits is the square of the length
    for (std::size_t at = 0; at <= all.bytes.size(); ++at) {
        for (std::size_t more = 0; at + more <= all.bytes.size(); ++more) {
            ASSERT_EQ(decode(framing::message, all.bytes, {at, more}), all.frames)
                << at << ' ' << more;
        }
    }
}

TEST(frame_decoder, byte_by_byte) {
    const stream all = all_types();
    const std::vector<std::size_t> ones(all.bytes.size(), 1);
    EXPECT_EQ(decode(framing::message, all.bytes, ones), all.frames);
}

TEST(frame_decoder, seeded_chunkings) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        std::mt19937 random(seed);
        stream many;
        for (int i = 0; i < 30; ++i) {
            // Mostly small, some beyond what is collected in one reservation.
            const std::size_t size =
                pick(random, 0, 9) == 0 ? pick(random, 0, 70'000) : pick(random, 0, 300);
            many.add(0, 0, pattern(size, seed));
        }
        std::vector<std::size_t> chunks;
        for (std::size_t total = 0; total < many.bytes.size(); total += chunks.back()) {
            chunks.push_back(pick(random, 1, pick(random, 1, 20'000)));
        }
        ASSERT_EQ(decode(framing::message, many.bytes, chunks), many.frames) << "seed " << seed;
    }
}

TEST(frame_decoder, length_prefixed_at_every_split) {
    byte_string bytes;
    std::vector<seen_frame> expected;
    for (const std::size_t size : {3U, 0U, 1U, 200U}) {
        bytes += concat({big_endian(size, 4), pattern(size)});
        expected.push_back({frame_type::data, 0, pattern(size)});
    }
    for (std::size_t at = 0; at <= bytes.size(); ++at) {
        ASSERT_EQ(decode(framing::length_prefixed, bytes, {at}), expected) << at;
    }
    EXPECT_EQ(decode(framing::length_prefixed, bytes, std::vector<std::size_t>(bytes.size(), 1)),
              expected);
}

TEST(frame_decoder, raw_bytes_are_delivered_as_they_come) {
    const byte_string bytes = pattern(100);
    const auto frames = decode(framing::raw, bytes, {10, 0, 40});
    ASSERT_EQ(frames.size(), 3U);
    EXPECT_EQ(concat({frames[0].payload, frames[1].payload, frames[2].payload}), bytes);
    EXPECT_EQ(frames[1].payload.size(), 40U);

    frame_decoder decoder(framing::raw, 1);
    collector sink;
    EXPECT_FALSE(decoder.consume(bytes, sink).error) << "no messages, no message limit";
    EXPECT_FALSE(decoder.is_inside_frame());
    EXPECT_TRUE(decoder.place().empty());
}

TEST(frame_decoder, whole_frames_are_not_copied) {
    const byte_string bytes = concat({wire_data(pattern(10)), wire_data(pattern(50'000))});
    frame_decoder decoder(framing::message, limit);
    std::vector<const std::uint8_t*> addresses;
    const auto progress = decoder.consume(bytes, [&](const frame& each) {
        addresses.push_back(each.payload.data());
        return true;
    });
    EXPECT_FALSE(progress.error);
    EXPECT_EQ(addresses,
              (std::vector<const std::uint8_t*>{bytes.data() + 5, bytes.data() + 5 + 10 + 5}));
}

TEST(frame_decoder, knows_when_an_end_would_truncate) {
    const byte_string bytes = wire_data(pattern(3));
    for (std::size_t at = 0; at <= bytes.size(); ++at) {
        frame_decoder decoder(framing::message, limit);
        collector sink;
        (void)decoder.consume(bytes_view(bytes).first(at), sink);
        EXPECT_EQ(decoder.is_inside_frame(), at != 0 && at != bytes.size()) << at;
    }
}

TEST(frame_decoder, a_sink_that_stops_leaves_the_rest_unused) {
    const byte_string bytes =
        concat({wire_data(pattern(4)), wire_data(pattern(6)), wire_data(pattern(8)), {0, 0}});
    for (std::size_t stop_at = 1; stop_at <= 3; ++stop_at) {
        for (std::size_t split = 0; split <= bytes.size(); ++split) {
            frame_decoder decoder(framing::message, limit);
            std::size_t count = 0;
            const auto sink = [&](const frame&) { return ++count < stop_at; };
            std::size_t unused = 0;
            bool stopped = false;
            for (const bytes_view part :
                 {bytes_view(bytes).first(split), bytes_view(bytes).subspan(split)}) {
                if (stopped) {
                    unused += part.size();
                    continue;
                }
                const auto progress = decoder.consume(part, sink);
                ASSERT_FALSE(progress.error);
                unused += progress.unused;
                stopped = count == stop_at;
            }
            const std::size_t used[] = {0, 9, 9 + 11, 9 + 11 + 13};
            ASSERT_EQ(count, stop_at);
            ASSERT_EQ(unused, bytes.size() - used[stop_at]) << stop_at << ' ' << split;
        }
    }
}

/// Decodes as the transport reads: into place() first, then into a buffer.
std::vector<seen_frame> decode_placing(const byte_string& bytes, std::mt19937& random,
                                       std::size_t& placed_bytes) {
    frame_decoder decoder(framing::message, limit);
    collector sink;
    std::size_t at = 0;
    while (at < bytes.size()) {
        const std::span<std::uint8_t> place = decoder.place();
        const std::size_t count = std::min(bytes.size() - at, pick(random, 1, 30'000));
        const std::size_t placed = std::min(count, place.size());
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), placed, place.begin());
        decoder.placed(placed, sink);
        const byte_string rest(bytes.begin() + static_cast<std::ptrdiff_t>(at + placed),
                               bytes.begin() + static_cast<std::ptrdiff_t>(at + count));
        const auto progress = decoder.consume(rest, sink);
        EXPECT_FALSE(progress.error);
        EXPECT_EQ(progress.unused, 0U);
        placed_bytes += placed;
        at += count;
    }
    EXPECT_FALSE(decoder.is_inside_frame());
    return sink.frames;
}

TEST(frame_decoder, large_frames_through_their_place) {
    std::size_t placed = 0;
    for (unsigned seed = 0; seed < 50; ++seed) {
        std::mt19937 random(seed);
        stream many;
        for (int i = 0; i < 10; ++i) {
            many.add(0, 0, pattern(pick(random, 0, 200'000), seed));
        }
        ASSERT_EQ(decode_placing(many.bytes, random, placed), many.frames) << "seed " << seed;
    }
    EXPECT_GT(placed, 1'000'000U) << "the place was hardly used";
}

TEST(frame_decoder, no_place_for_little_or_nothing) {
    frame_decoder decoder(framing::message, limit);
    collector sink;
    EXPECT_TRUE(decoder.place().empty());
    const byte_string header = {0, 0, 1, 0, 0};
    (void)decoder.consume(bytes_view(header).first(3), sink);
    EXPECT_TRUE(decoder.place().empty()) << "the length is not known yet";
    (void)decoder.consume(bytes_view(header).subspan(3), sink);
    EXPECT_FALSE(decoder.place().empty());
    EXPECT_LE(decoder.place().size(), 0x10000U);
    (void)decoder.consume(pattern(0x10000 - 100), sink);
    EXPECT_TRUE(decoder.place().empty()) << "only 100 bytes are missing";
    EXPECT_TRUE(sink.frames.empty());
    (void)decoder.consume(pattern(100, 0x10000 - 100), sink);
    ASSERT_EQ(sink.frames.size(), 1U);
    EXPECT_EQ(sink.frames[0].payload, pattern(0x10000));
}

TEST(frame_decoder, trim_keeps_what_is_being_collected) {
    frame_decoder decoder(framing::message, limit);
    collector sink;
    const byte_string bytes = wire_data(pattern(40'000));
    for (int round = 0; round < 3; ++round) {
        sink.frames.clear();
        (void)decoder.consume(bytes_view(bytes).first(20'000), sink);
        decoder.trim();
        (void)decoder.consume(bytes_view(bytes).subspan(20'000), sink);
        decoder.trim();
        ASSERT_EQ(sink.frames.size(), 1U);
        ASSERT_EQ(sink.frames[0].payload, pattern(40'000));
    }
}

}  // namespace
}  // namespace network_system::protocol
