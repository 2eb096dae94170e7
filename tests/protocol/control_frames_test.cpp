// Every encoder byte for byte against the wire table, every decoder with every length.
#include "protocol/framing/control_frames.h"

#include "support/bytes.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace network_system::inline v0_1::protocol {
namespace {

using namespace network_system::testing;

TEST(frame, big_endian_integers) {
    std::uint8_t bytes[8]{};
    put(bytes, std::uint8_t{0xAB});
    EXPECT_EQ(bytes[0], 0xAB);
    EXPECT_EQ(get<std::uint8_t>(bytes), 0xAB);
    put(bytes, std::uint16_t{0x0102});
    EXPECT_EQ(to_bytes(std::span(bytes, 2)), (byte_string{1, 2}));
    EXPECT_EQ(get<std::uint16_t>(bytes), 0x0102);
    put(bytes, std::uint32_t{0xF1020304});
    EXPECT_EQ(to_bytes(std::span(bytes, 4)), (byte_string{0xF1, 2, 3, 4}));
    EXPECT_EQ(get<std::uint32_t>(bytes), 0xF1020304U);
    put(bytes, std::uint64_t{0xF102030405060708});
    EXPECT_EQ(to_bytes(bytes), (byte_string{0xF1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(get<std::uint64_t>(bytes), 0xF102030405060708U);
}

TEST(frame, header_sizes) {
    EXPECT_EQ(header_size(framing::message), 5U);
    EXPECT_EQ(header_size(framing::length_prefixed), 4U);
    EXPECT_EQ(header_size(framing::raw), 0U);
}

TEST(frame, headers_byte_for_byte) {
    struct row {
        framing frames;
        frame_type type;
        std::uint8_t flags;
        std::size_t length;
        byte_string bytes;
    };
    const std::vector<row> rows{
        {framing::message, frame_type::data, 0, 0, {0x00, 0, 0, 0, 0}},
        {framing::message, frame_type::data, 0, 0x01020304, {0x00, 1, 2, 3, 4}},
        {framing::message, frame_type::data, frame_flags::compressed, 1, {0x01, 0, 0, 0, 1}},
        {framing::message, frame_type::data, frame_flags::encrypted, 1, {0x02, 0, 0, 0, 1}},
        {framing::message, frame_type::data, frame_flags::message_id, 1, {0x04, 0, 0, 0, 1}},
        {framing::message, frame_type::data, frame_flags::extension, 1, {0x08, 0, 0, 0, 1}},
        {framing::message, frame_type::ping, 0, 8, {0x10, 0, 0, 0, 8}},
        {framing::message, frame_type::pong, 0, 8, {0x20, 0, 0, 0, 8}},
        {framing::message, frame_type::goodbye, 0, 4, {0x30, 0, 0, 0, 4}},
        {framing::message, frame_type::hello, 0, 14, {0x40, 0, 0, 0, 14}},
        {framing::message, frame_type::error, 0, 4, {0x50, 0, 0, 0, 4}},
        {framing::message, frame_type::acknowledgement, 0, 8, {0x60, 0, 0, 0, 8}},
        {framing::message, frame_type::request, 0, 255, {0x70, 0, 0, 0, 255}},
        {framing::message, frame_type::response, 0, 0x7FFFFFFF, {0x80, 0x7F, 255, 255, 255}},
        {framing::length_prefixed, frame_type::data, 0, 0x01020304, {1, 2, 3, 4}},
        {framing::raw, frame_type::data, 0, 77, {}},
    };
    for (const row& each : rows) {
        const auto header = encode_header(each.frames, each.type, each.flags, each.length);
        EXPECT_EQ(to_bytes(header.view()), each.bytes);
    }
}

TEST(control_frames, hello_on_the_wire) {
    const auto frame = encode_hello({0x0102, 0x03040506, 0x0708090A0B0C0D0E, 0x0F101110, 0});
    EXPECT_EQ(to_bytes(frame), (byte_string{0x40, 0,  0,  0,  18,              //
                                            1,    2,                           //
                                            3,    4,  5,  6,                   //
                                            7,    8,  9,  10, 11, 12, 13, 14,  //
                                            15,   16, 17, 16}));
    EXPECT_EQ(hello{}.version, 1);
}

TEST(control_frames, hello_of_a_server_that_acknowledges_on_the_wire) {
    const auto frame = encode_hello({1, 1000, 0, capability::all, 0x1112131415161718});
    EXPECT_EQ(frame, wire_frame(4, 0,
                                concat({big_endian(1, 2), big_endian(1000, 4), big_endian(0, 8),
                                        big_endian(3, 4), big_endian(0x1112131415161718, 8)})));
    const auto said = bytes_view(frame).subspan(message_header_size);
    EXPECT_EQ(decode_hello(said)->incarnation, 0x1112131415161718U);
    EXPECT_EQ(decode_hello(said.first(25))->incarnation, 0U) << "cut off";
    EXPECT_EQ(decode_hello(said.first(18))->capabilities, 3U);
}

/// A field of a client's hello.
byte_string field(std::uint8_t type, const byte_string& value) {
    return concat({{type}, big_endian(value.size(), 2), value});
}

TEST(control_frames, hello_of_a_client_that_sends_with_ids_on_the_wire) {
    delivery_hello delivery;
    const byte_string id = pattern(16, 100);
    std::copy(id.begin(), id.end(), delivery.id.begin());
    delivery.resent_up_to = 0x0102030405060708;
    delivery.sent_here_up_to = 0x1112131415161718;
    const auto frame = encode_client_hello({1, delivery});
    EXPECT_EQ(frame, wire_frame(4, 0,
                                concat({big_endian(1, 4), byte_string{1, 0, 32}, id,
                                        big_endian(0x0102030405060708, 8),
                                        big_endian(0x1112131415161718, 8)})));
    const auto read = decode_client_hello(bytes_view(frame).subspan(message_header_size));
    ASSERT_TRUE(read && read->delivery);
    EXPECT_EQ(read->delivery->id, delivery.id);
    EXPECT_EQ(read->delivery->resent_up_to, delivery.resent_up_to);
    EXPECT_EQ(read->delivery->sent_here_up_to, delivery.sent_here_up_to);
}

TEST(control_frames, a_delivery_field_is_whole_and_there_once) {
    struct row {
        const char* name;
        byte_string fields;
        bool is_read;
        bool has_delivery;
    };
    const byte_string whole = pattern(32);
    const std::vector<row> rows{
        {"none", {}, true, false},
        {"whole", field(1, whole), true, true},
        {"longer", field(1, pattern(40)), true, true},
        {"short", field(1, pattern(31)), false, false},
        {"empty", field(1, {}), false, false},
        {"behind another", concat({field(9, pattern(3)), field(1, whole)}), true, true},
        {"before another", concat({field(1, whole), field(9, {})}), true, true},
        {"twice", concat({field(1, whole), field(1, whole)}), false, false},
    };
    for (const row& each : rows) {
        const auto read = decode_client_hello(concat({big_endian(1, 4), each.fields}));
        ASSERT_EQ(read.has_value(), each.is_read) << each.name;
        EXPECT_EQ(read && read->delivery, each.has_delivery) << each.name;
    }
}

TEST(control_frames, a_refusal_names_its_message) {
    const auto frame = encode_refusal({-649, 0x0102030405060708});
    EXPECT_EQ(to_bytes(frame), (byte_string{0x50, 0, 0, 0, 12, 0xFF, 0xFF, 0xFD, 0x77,  //
                                            1, 2, 3, 4, 5, 6, 7, 8}));
    struct row {
        int code;
        std::size_t size;
        bool is_refusal;
    };
    for (const row& each : std::vector<row>{{-648, 12, true},
                                            {-649, 12, true},
                                            {-649, 20, true},
                                            {-649, 11, false},
                                            {-649, 4, false},
                                            {-605, 12, false},
                                            {-647, 12, false},
                                            {-650, 12, false}}) {
        byte_string payload = concat(
            {big_endian(static_cast<std::uint32_t>(each.code), 4), big_endian(77, 8), pattern(8)});
        payload.resize(each.size);
        const auto read = decode_refusal(payload);
        ASSERT_EQ(read.has_value(), each.is_refusal) << each.code << ' ' << each.size;
        if (read) {
            EXPECT_EQ(read->code, each.code);
            EXPECT_EQ(read->message, 77U);
        }
    }
    EXPECT_FALSE(decode_refusal({}));
}

TEST(control_frames, what_a_client_says_on_the_wire) {
    EXPECT_EQ(encode_client_hello({0x01020304}), (byte_string{0x40, 0, 0, 0, 4, 1, 2, 3, 4}));
    EXPECT_EQ(to_bytes(encode_draining()), (byte_string{0x90, 0, 0, 0, 0}));
}

TEST(control_frames, what_a_client_says_may_have_fields_that_are_whole) {
    const byte_string capabilities{0, 0, 0, 7};
    const byte_string fields{100, 0, 0, 200, 0, 2, 'a', 'b'};
    const byte_string whole = concat({capabilities, fields});
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const auto read = decode_client_hello(bytes_view(whole).first(size));
        const bool is_whole = size == 4 || size == 7 || size == whole.size();
        ASSERT_EQ(read.has_value(), is_whole) << size;
        if (read) {
            EXPECT_EQ(read->capabilities, 7U);
        }
    }
}

TEST(control_frames, tokens_on_the_wire) {
    const std::uint64_t token = 0xF102030405060708;
    const byte_string payload{0xF1, 2, 3, 4, 5, 6, 7, 8};
    EXPECT_EQ(to_bytes(encode_token(frame_type::ping, token)), wire_frame(1, 0, payload));
    EXPECT_EQ(to_bytes(encode_token(frame_type::pong, token)), wire_frame(2, 0, payload));
    EXPECT_EQ(to_bytes(encode_token(frame_type::acknowledgement, token)),
              wire_frame(6, 0, payload));
}

TEST(control_frames, acknowledgements_of_several_on_the_wire) {
    EXPECT_EQ(to_bytes(encode_acknowledgement({0x0102030405060708, 1024})),
              wire_frame(6, 0, {1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 4, 0}));
}

TEST(control_frames, acknowledgements_are_read_within_their_limits) {
    const auto read = [](std::uint64_t first, std::uint32_t count) {
        const auto frame = encode_acknowledgement({first, count});
        return decode_acknowledgement(bytes_view(frame).subspan(message_header_size));
    };
    constexpr std::uint64_t last_id = std::numeric_limits<std::uint64_t>::max();
    for (const std::uint32_t count : {2U, 1024U}) {
        for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{7}, last_id - 1023}) {
            const auto several = read(first, count);
            ASSERT_TRUE(several);
            EXPECT_EQ(several->first, first);
            EXPECT_EQ(several->count, count);
        }
    }
    for (const std::uint32_t count : {0U, 1U, 1025U, 0xFFFFFFFFU}) {
        EXPECT_FALSE(read(7, count)) << count;
    }
    EXPECT_FALSE(read(last_id, 2)) << "ids do not begin anew";
    EXPECT_FALSE(read(last_id - 1022, 1024));

    const byte_string bytes(16, 1);
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
        const auto one = decode_acknowledgement(bytes_view(bytes).first(size));
        EXPECT_EQ(one.has_value(), size == 8) << size;
    }
    const auto one = decode_acknowledgement(bytes_view(bytes).first(8));
    EXPECT_EQ(one->first, 0x0101010101010101U);
    EXPECT_EQ(one->count, 1U);
}

TEST(control_frames, acknowledgements_grow_by_the_next_id_only) {
    acknowledgement ids;
    EXPECT_FALSE(ids.add(1)) << "it has no first one";
    ids = {5, 1};
    EXPECT_FALSE(ids.add(7));
    EXPECT_FALSE(ids.add(5));
    for (std::uint32_t i = 1; i < acknowledgement::most; ++i) {
        EXPECT_TRUE(ids.add(5 + i));
    }
    EXPECT_EQ(ids.count, acknowledgement::most);
    EXPECT_FALSE(ids.add(5 + acknowledgement::most));
}

TEST(control_frames, goodbye_on_the_wire) {
    EXPECT_EQ(to_bytes(encode_goodbye(0)), (byte_string{0x30, 0, 0, 0, 4, 0, 0, 0, 0}));
    // -663 (server_full) in two's complement.
    EXPECT_EQ(to_bytes(encode_goodbye(-663)),
              (byte_string{0x30, 0, 0, 0, 4, 0xFF, 0xFF, 0xFD, 0x69}));
}

TEST(control_frames, error_on_the_wire) {
    EXPECT_EQ(encode_error(-605, "no"),
              (byte_string{0x50, 0, 0, 0, 6, 0xFF, 0xFF, 0xFD, 0xA3, 'n', 'o'}));
    EXPECT_EQ(encode_error(-605, ""), (byte_string{0x50, 0, 0, 0, 4, 0xFF, 0xFF, 0xFD, 0xA3}));
}

TEST(control_frames, error_text_is_cut_to_a_control_frame) {
    for (const std::size_t size : {1019U, 1020U, 1021U, 100'000U}) {
        const byte_string frame = encode_error(-605, std::string(size, 'x'));
        EXPECT_EQ(frame.size(), message_header_size + std::min<std::size_t>(size + 4, 1024));
        EXPECT_EQ(get<std::uint32_t>(frame.data() + 1), frame.size() - message_header_size);
    }
}

byte_string payload_of(const byte_string& frame) {
    return {frame.begin() + static_cast<std::ptrdiff_t>(message_header_size), frame.end()};
}

TEST(control_frames, hello_is_read_back_and_may_be_longer_not_shorter) {
    const hello said{3, 0x80000001U, 0xFEDCBA9876543210U, 0x10000001U, 0};
    const byte_string payload = payload_of(to_bytes(encode_hello(said)));
    for (std::size_t size = 0; size < payload.size(); ++size) {
        const auto read = decode_hello(bytes_view(payload).first(size));
        ASSERT_EQ(read.has_value(), size >= smallest_hello_size) << size;
        if (read) {
            EXPECT_EQ(read->capabilities, 0U) << "cut off, or of a server that does not say";
        }
    }
    for (std::size_t extra = 0; extra < 5; ++extra) {
        const byte_string longer = concat({payload, byte_string(extra, 0xEE)});
        const auto read = decode_hello(longer);
        ASSERT_TRUE(read) << extra;
        EXPECT_EQ(read->version, said.version);
        EXPECT_EQ(read->max_message_size, said.max_message_size);
        EXPECT_EQ(read->pipeline_id, said.pipeline_id);
        EXPECT_EQ(read->capabilities, said.capabilities);
    }
}

TEST(control_frames, tokens_have_exactly_eight_bytes) {
    const byte_string bytes = big_endian(0x0102030405060708, 8);
    for (std::size_t size = 0; size < 20; ++size) {
        byte_string payload = bytes;
        payload.resize(size, 0);
        const auto token = decode_token(payload);
        EXPECT_EQ(token.has_value(), size == 8) << size;
    }
    EXPECT_EQ(decode_token(bytes), 0x0102030405060708U);
}

TEST(control_frames, reasons_of_the_registry_and_zero_pass) {
    for (const int reason : {0, -10, -99, -600, -663, -699}) {
        EXPECT_EQ(decode_reason(payload_of(to_bytes(encode_goodbye(reason)))), reason);
    }
    for (const int noise :
         {1, -700, 603, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()}) {
        EXPECT_FALSE(decode_reason(payload_of(to_bytes(encode_goodbye(noise))))) << noise;
    }
}

TEST(control_frames, reasons_may_be_longer_not_shorter) {
    const byte_string payload = payload_of(to_bytes(encode_goodbye(-605)));
    for (std::size_t size = 0; size < 4; ++size) {
        EXPECT_FALSE(decode_reason(bytes_view(payload).first(size))) << size;
    }
    EXPECT_EQ(decode_reason(concat({payload, {1, 2, 3}})), -605);
}

TEST(control_frames, error_text_is_made_printable) {
    const byte_string hostile = concat({big_endian(0, 4), text_bytes("a\n\x1b[31m\x7f\xc3\xa9 ~")});
    EXPECT_EQ(decode_error_text(hostile), "a??[31m??? ~");
    EXPECT_EQ(decode_error_text(big_endian(0, 4)), "");
    EXPECT_EQ(decode_error_text(byte_string{1, 2}), "");
    EXPECT_EQ(decode_error_text({}), "");
    EXPECT_EQ(decode_error_text(payload_of(encode_error(-605, "why"))), "why");
}

}  // namespace
}  // namespace network_system::protocol
