#include <network_system/integration/container_system_adapter.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::integration {
namespace {

std::vector<std::uint8_t> bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

TEST(container_system, carries_flat_maps) {
    const value all = value_map{{"none", nullptr},
                                {"yes", true},
                                {"no", false},
                                {"small", -7},
                                {"smallest", std::numeric_limits<std::int64_t>::min()},
                                {"largest", std::numeric_limits<std::uint64_t>::max()},
                                {"empty", ""},
                                {"text", "a, b; c [d"}};
    const container_system_container container;
    EXPECT_EQ(container.name(), "container_system");
    std::vector<std::uint8_t> bytes;
    const auto written = container.serialize(all, bytes);
    ASSERT_TRUE(written.is_ok()) << written.error().message;
    const auto read = container.deserialize(bytes);
    ASSERT_TRUE(read.is_ok()) << read.error().message;
    EXPECT_EQ(read.value(), all);
}

TEST(container_system, refuses_what_would_be_lost) {
    const std::vector<std::pair<value, std::string>> all{
        {7, "only a map"},
        {value_map{{"a", 1.5}}, "field 'a' is of the kind number, which would be lost"},
        {value_map{{"a", value_bytes{1}}}, "field 'a' is of the kind bytes, which would be lost"},
        {value_map{{"a", value_list{}}}, "field 'a' is of the kind list, which would be lost"},
        {value_map{{"a", value_map{}}}, "field 'a' is of the kind map, which would be lost"},
        {value_map{{"a b", 1}}, "field 'a b' is no name"},
        {value_map{{"", 1}}, "is no name"},
        {value_map{{"a", "x];y"}}, "cannot tell"},
        {value_map{{"a", "x}y"}}, "cannot tell"},
        {value_map{{"a", "x\ny"}}, "cannot tell"},
        {value_map{{"a", " x"}}, "cannot tell"},
        {value_map{{"a", "x "}}, "cannot tell"},
        {value_map{{"a", std::string(20'000, 'x')}}, "max_length"},
    };
    for (const auto& [each, why] : all) {
        std::vector<std::uint8_t> bytes{9};
        const auto refused = container_system_container().serialize(each, bytes);
        ASSERT_TRUE(refused.is_err()) << why;
        EXPECT_EQ(refused.error(), errc::invalid_argument);
        EXPECT_NE(refused.error().message.find(why), std::string::npos) << refused.error().message;
        EXPECT_EQ(bytes.size(), 1U);
    }
}

TEST(container_system, refuses_what_is_no_container) {
    const container_system_container container;
    for (const std::string& each :
         {std::string(), std::string("no container"), std::string(20'000, '['),
          std::string("@data={{[a,4,99999999999999];}};"), std::string("@data={{[a,14,x];}};"),
          std::string("@data={{[a,4,1];[a,4,2];}};")}) {
        const auto read = container.deserialize(bytes_of(each));
        ASSERT_TRUE(read.is_err()) << each.substr(0, 40);
        EXPECT_EQ(read.error(), errc::protocol_error);
    }
}

TEST(container_system, reads_the_numbers_of_other_peers) {
    const auto read =
        container_system_container().deserialize(bytes_of("@data={{[i,4,7];[d,11,1.5];}};"));
    ASSERT_TRUE(read.is_ok()) << read.error().message;
    EXPECT_EQ(read.value().get<int>("i").value(), 7);
    EXPECT_EQ(read.value().get<double>("d").value(), 1.5);
}

}  // namespace
}  // namespace network_system::integration
