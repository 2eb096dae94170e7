// Decoders that have no memory for what a peer sends.
#include "memory/failing_heap.h"
#include "protocol/framing/frame_decoder.h"
#include "support/bytes.h"

#include <network_system/internal/websocket_protocol.h>

#include <gtest/gtest.h>

#include <algorithm>

namespace network_system::inline v0_1::testing {
namespace {

using failing_heap::exempt;
using failing_heap::in_library;

constexpr std::size_t payload_size = 100'000;

/// A frame of the framing, cut after so many bytes of its payload.
byte_string cut_frame(std::size_t payload) {
    byte_string bytes(5 + payload);
    protocol::write_header(bytes.data(), framing::message, protocol::frame_type::data, 0,
                           payload_size);
    return bytes;
}

const auto no_frame = [](const protocol::frame&) { return true; };

TEST(no_memory_to_decode, is_an_error_of_the_stream) {
    const exempt own;
    protocol::frame_decoder decoder(framing::message, payload_size);
    failing_heap::fail_from(1);
    const byte_string bytes = cut_frame(1000);
    const auto progress = in_library([&] { return decoder.consume(bytes, no_frame); });
    EXPECT_EQ(failing_heap::stop(), 1U);
    EXPECT_EQ(progress.error, errc::out_of_memory);
}

TEST(no_memory_to_decode, a_place_that_is_filled_exactly_is_an_error_of_the_next_bytes) {
    const exempt own;
    protocol::frame_decoder decoder(framing::message, payload_size);
    ASSERT_FALSE(decoder.consume(cut_frame(1000), no_frame).error);
    // The peer fills what there is to the last byte.
    for (auto place = decoder.place(); !place.empty();) {
        decoder.placed(place.size(), no_frame);
        failing_heap::fail_from(1);
        place = in_library([&] { return decoder.place(); });
        const bool has_failed = failing_heap::stop() > 0;
        EXPECT_EQ(place.empty(), has_failed);
    }
    failing_heap::fail_from(1);
    const byte_string more(10, 1);
    const auto progress = in_library([&] { return decoder.consume(more, no_frame); });
    EXPECT_EQ(failing_heap::stop(), 1U);
    EXPECT_EQ(progress.error, errc::out_of_memory);
}

TEST(no_memory_to_decode, ends_a_websocket_with_internal_error) {
    const exempt own;
    websocket::message_decoder decoder(websocket::role::client, payload_size);
    byte_string bytes{0x82, 127, 0, 0, 0, 0, 0, 1, 0x86, 0xA0};
    bytes.resize(bytes.size() + 1000);
    failing_heap::fail_from(1);
    const auto progress = in_library(
        [&] { return decoder.consume(bytes, [](const websocket::message&) { return true; }); });
    EXPECT_EQ(failing_heap::stop(), 1U);
    ASSERT_NE(progress.error, nullptr);
    EXPECT_EQ(progress.error->code, errc::out_of_memory);
    EXPECT_EQ(progress.error->close, websocket::close_code::internal_error);
}

}  // namespace
}  // namespace network_system::testing
