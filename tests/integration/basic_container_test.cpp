#include <network_system/config.h>

#if NETWORK_SYSTEM_WITH_MSGPACK

#include <network_system/integration/basic_container.h>

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

namespace network_system::inline v0_1::integration {
namespace {

using bytes = std::vector<std::uint8_t>;

bytes written(const value& what, const basic_container_options& options = {}) {
    bytes to;
    const auto done = basic_container(options).serialize(what, to);
    EXPECT_TRUE(done.is_ok());
    return to;
}

std::string refusal(const bytes& data, const basic_container_options& options = {}) {
    const auto read = basic_container(options).deserialize(data);
    EXPECT_TRUE(read.is_err());
    if (read.is_ok()) {
        return "";
    }
    EXPECT_EQ(read.error(), errc::protocol_error);
    return read.error().message;
}

TEST(basic_containers, write_the_shortest_form) {
    const std::vector<std::pair<value, bytes>> all{
        {nullptr, {0xC0}},
        {false, {0xC2}},
        {true, {0xC3}},
        {0, {0x00}},
        {127, {0x7F}},
        {128, {0xCC, 0x80}},
        {256, {0xCD, 0x01, 0x00}},
        {65'536, {0xCE, 0x00, 0x01, 0x00, 0x00}},
        {std::int64_t{1} << 32, {0xCF, 0, 0, 0, 1, 0, 0, 0, 0}},
        {-1, {0xFF}},
        {-32, {0xE0}},
        {-33, {0xD0, 0xDF}},
        {-129, {0xD1, 0xFF, 0x7F}},
        {1.5, {0xCB, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0}},
        {"a", {0xA1, 'a'}},
        {value_bytes{1, 2}, {0xC4, 0x02, 1, 2}},
        {value_list{1, 2}, {0x92, 1, 2}},
        {value_map{{"b", 2}, {"a", 1}}, {0x82, 0xA1, 'a', 1, 0xA1, 'b', 2}},
    };
    for (const auto& [what, form] : all) {
        EXPECT_EQ(written(what), form) << to_string(what.kind());
    }
}

TEST(basic_containers, write_behind_what_is_there) {
    bytes to{9};
    EXPECT_TRUE(basic_container().serialize(7, to).is_ok());
    EXPECT_EQ(to, (bytes{9, 7}));
}

TEST(basic_containers, read_what_they_have_written) {
    const value deep = value_map{
        {"list", value_list{1, value_list{}, value_map{{"x", value_map{}}}}}, {"empty", ""}};
    const std::vector<value> all{
        nullptr,
        true,
        0,
        -1,
        std::numeric_limits<std::int64_t>::min(),
        std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::uint64_t>::max(),
        0.1,
        2.0,
        -0.0,
        std::numeric_limits<double>::infinity(),
        1.5F,
        "",
        std::string(31, 'a'),
        std::string(32, 'b'),
        std::string(70'000, 'c'),
        std::string("\0\n", 2),
        value_bytes{},
        value_bytes(300, 7),
        value_list{},
        value_list(20, value(1)),
        value_list(60'000, value(true)),
        value_map{},
        deep,
    };
    for (const value& each : all) {
        const auto read = basic_container().deserialize(written(each));
        ASSERT_TRUE(read.is_ok()) << read.error().message;
        EXPECT_EQ(read.value(), each);
    }
    const auto nan = basic_container().deserialize(written(std::nan("")));
    EXPECT_TRUE(std::isnan(nan.value().get<double>().value()));
}

TEST(basic_containers, read_every_form_of_an_integer) {
    for (const bytes& each : std::initializer_list<bytes>{{0x07},
                                                          {0xCC, 7},
                                                          {0xCD, 0, 7},
                                                          {0xCE, 0, 0, 0, 7},
                                                          {0xCF, 0, 0, 0, 0, 0, 0, 0, 7},
                                                          {0xD0, 7},
                                                          {0xD1, 0, 7},
                                                          {0xD2, 0, 0, 0, 7},
                                                          {0xD3, 0, 0, 0, 0, 0, 0, 0, 7}}) {
        EXPECT_EQ(basic_container().deserialize(each).value(), value(7));
    }
    EXPECT_EQ(basic_container().deserialize(bytes{0xCA, 0x3F, 0xC0, 0, 0}).value(), value(1.5));
}

TEST(basic_containers, refuse_what_is_no_value) {
    const std::vector<std::pair<bytes, std::string>> all{
        {{}, "cut off"},
        {{0xC1}, "no MessagePack at byte"},
        {{0xA2, 'a'}, "cut off"},
        {{0x92, 1}, "cut off"},
        {{0x81, 0xA1, 'a'}, "cut off"},
        {{0xCD, 1}, "cut off"},
        {{1, 2}, "1 bytes behind the value"},
        {{0x81, 1, 1}, "a key of a map that is no string"},
        {{0x81, 0xC0, 1}, "a key of a map that is no string"},
        {{0x81, 0x90, 1}, "a key of a map that is no string"},
        {{0x81, 0x80, 1}, "a key of a map that is no string"},
        {{0x81, 0xC4, 0, 1}, "a key of a map that is no string"},
        {{0x82, 0xA1, 'a', 1, 0xA1, 'a', 2}, "key 'a' twice"},
        {{0xD4, 1, 2}, "an extension type"},
        {{0xC7, 0, 1}, "an extension type"},
        {{0xDD, 0xFF, 0xFF, 0xFF, 0xFF}, "more values than"},
        {{0xDF, 0xFF, 0xFF, 0xFF, 0xFF}, "more values than"},
        {{0xDB, 0xFF, 0xFF, 0xFF, 0xFF}, "cut off"},
        {{0xC6, 0xFF, 0xFF, 0xFF, 0xFF}, "cut off"},
        {{0xDB, 0x00, 0xFF, 0xFF, 0xFF}, "cut off"},
    };
    for (const auto& [data, why] : all) {
        EXPECT_NE(refusal(data).find(why), std::string::npos) << why << "; " << refusal(data);
    }
}

TEST(basic_containers, refuse_what_is_cut_off_anywhere) {
    const bytes whole = written(value_map{{"a", value_list{1, "text", value_bytes{1, 2, 3}, 2.5}},
                                          {"b", value_map{{"c", 70'000}}}});
    ASSERT_TRUE(basic_container().deserialize(whole).is_ok());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        (void)refusal({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    }
}

TEST(basic_containers, bound_the_depth_in_both_directions) {
    const basic_container_options options{.max_depth = 3};
    value three = value_list(1, value(value_list(1, value(value_list{1}))));
    EXPECT_EQ(basic_container(options).deserialize(written(three, options)).value(), three);
    const value four = value_list(1, three);
    bytes to{9};
    const auto refused = basic_container(options).serialize(four, to);
    ASSERT_TRUE(refused.is_err());
    EXPECT_EQ(refused.error(), errc::invalid_argument);
    EXPECT_EQ(to, bytes{9}) << "left as it was";
    EXPECT_NE(refusal(written(four), options).find("max_depth (3)"), std::string::npos);
    EXPECT_NE(refusal(bytes(1'000'000, 0x91)).find("max_depth (32)"), std::string::npos);
    EXPECT_NE(refusal(bytes(1'000'000, 0x81)).find("no string"), std::string::npos);
}

TEST(basic_containers, bound_the_number_of_values) {
    const basic_container_options options{.max_values = 10};
    EXPECT_TRUE(basic_container(options).deserialize(written(value_list(10, value(1)))).is_ok());
    EXPECT_NE(refusal(written(value_list(11, value(1))), options).find("max_values"),
              std::string::npos);
    EXPECT_NE(
        refusal(written(value_list{value_list(5, value(1)), value_list(5, value(1))}), options)
            .find("max_values"),
        std::string::npos)
        << "all together";
}

TEST(basic_containers, take_no_memory_for_what_is_only_announced) {
    // Lists in each other, each of which announces as many as there are bytes.
    bytes bomb;
    for (int i = 0; i < 31; ++i) {
        bomb.insert(bomb.end(), {0xDD, 0x00, 0x00, 0xFF, 0xF0});
    }
    bomb.resize(100'000, 0xC0);
    EXPECT_NE(refusal(bomb).find("more values than"), std::string::npos);
}

TEST(basic_containers, bound_lengths) {
    const basic_container_options options{.max_length = 4};
    EXPECT_TRUE(basic_container(options).deserialize(written("four")).is_ok());
    EXPECT_NE(refusal(written("five5"), options).find("max_length"), std::string::npos);
    EXPECT_NE(refusal(written(value_bytes(5, 1)), options).find("max_length"), std::string::npos);
    EXPECT_NE(refusal(written(value_map{{"five5", 1}}), options).find("max_length"),
              std::string::npos);
}

}  // namespace
}  // namespace network_system::integration

#endif
