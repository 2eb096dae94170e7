#include <network_system/integration/value.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace shop {

struct order {
    int id = 0;
    std::string item;
    std::optional<double> price;
    std::vector<std::string> tags;

    friend bool operator==(const order&, const order&) = default;
};

using network_system::VoidResult;
using network_system::integration::read_fields;
using network_system::integration::value;
using network_system::integration::value_map;

value to_value(const order& from) {
    return value_map{
        {"id", from.id}, {"item", from.item}, {"price", from.price}, {"tags", from.tags}};
}
VoidResult from_value(const value& from, order& to) {
    return read_fields(from, "id", to.id, "item", to.item, "price", to.price, "tags", to.tags);
}

}  // namespace shop

namespace network_system::inline v0_1::integration {
namespace {

template <typename T>
std::string refusal(const Result<T>& read) {
    EXPECT_TRUE(read.is_err());
    if (read.is_ok()) {
        return "";
    }
    EXPECT_EQ(read.error(), errc::invalid_argument);
    return read.error().message;
}

TEST(values, know_their_kind) {
    const std::vector<std::pair<value, value_kind>> all{
        {value(), value_kind::null},
        {nullptr, value_kind::null},
        {std::optional<int>(), value_kind::null},
        {true, value_kind::boolean},
        {7, value_kind::integer},
        {-7, value_kind::integer},
        {std::uint64_t{7}, value_kind::integer},
        {std::numeric_limits<std::int64_t>::max(), value_kind::integer},
        {std::numeric_limits<std::uint64_t>::max(), value_kind::unsigned_integer},
        {1.5F, value_kind::floating},
        {1.5, value_kind::floating},
        {"text", value_kind::string},
        {std::string("text"), value_kind::string},
        {std::string_view("text"), value_kind::string},
        {std::optional<std::string>("text"), value_kind::string},
        {value_bytes{1, 2}, value_kind::bytes},
        {value_list{1, "two"}, value_kind::list},
        {std::vector<int>{1, 2}, value_kind::list},
        {std::vector<bool>{true}, value_kind::list},
        {value_map{{"a", 1}}, value_kind::map},
        {std::map<std::string, int>{{"a", 1}}, value_kind::map},
        {shop::order{}, value_kind::map},
    };
    for (const auto& [each, kind] : all) {
        EXPECT_EQ(each.kind(), kind) << to_string(kind);
        EXPECT_EQ(each.is_null(), kind == value_kind::null);
    }
}

TEST(values, are_equal_when_they_say_the_same) {
    EXPECT_EQ(value(7), value(std::uint8_t{7}));
    EXPECT_NE(value(7), value(7.0));
    EXPECT_EQ((value(std::vector<int>{1, 2})), (value(value_list{1, 2})));
    EXPECT_NE(value("a"), value(value_bytes{'a'}));
}

template <typename T>
void comes_back(const T& what) {
    const auto read = value(what).get<T>();
    ASSERT_TRUE(read.is_ok()) << read.error().message;
    EXPECT_EQ(read.value(), what);
}

TEST(values, give_back_what_they_were_made_of) {
    comes_back(true);
    comes_back(std::numeric_limits<std::int8_t>::min());
    comes_back(std::numeric_limits<std::uint16_t>::max());
    comes_back(std::numeric_limits<std::int64_t>::min());
    comes_back(std::numeric_limits<std::uint64_t>::max());
    comes_back(1.5F);
    comes_back(0.1);
    comes_back(std::string("text"));
    comes_back(value_bytes{0, 255});
    comes_back(std::vector<std::string>{"a", "b"});
    comes_back(std::vector<std::vector<int>>{{1}, {}, {2, 3}});
    comes_back(std::map<std::string, double>{{"pi", 3.14}});
    comes_back(std::optional<int>(7));
    comes_back(std::optional<int>());
    comes_back(shop::order{7, "tea", 1.5, {"hot"}});
    comes_back(std::vector<shop::order>{{1, "a", {}, {}}, {2, "b", 0.5, {"c"}}});
    comes_back(value(value_list{1, "two", nullptr}));
}

TEST(values, become_every_number_that_they_can_be) {
    EXPECT_EQ(value(200).get<std::uint8_t>().value(), 200);
    EXPECT_EQ(value(7).get<double>().value(), 7.0);
    EXPECT_EQ(value(std::int64_t{1} << 53).get<double>().value(), 9007199254740992.0);
    EXPECT_EQ(value(7).get<std::uint64_t>().value(), 7U);
    EXPECT_EQ(refusal(value(300).get<std::int8_t>()),
              "expected an integer of -128 to 127, but it is the integer 300");
    EXPECT_EQ(refusal(value(-1).get<std::uint32_t>()),
              "expected an integer of 0 to 4294967295, but it is the integer -1");
    EXPECT_NE(refusal(value(std::numeric_limits<std::uint64_t>::max()).get<std::int64_t>()), "");
    EXPECT_NE(refusal(value((std::int64_t{1} << 53) + 1).get<double>()), "") << "not exactly";
    EXPECT_NE(refusal(value(1.0).get<int>()), "");
    EXPECT_NE(refusal(value(1).get<bool>()), "");
}

TEST(values, say_what_was_expected) {
    EXPECT_EQ(refusal(value("x").get<int>()).find("expected an integer"), 0U);
    EXPECT_EQ(refusal(value(1).get<std::string>()), "expected string, but it is the integer 1");
    EXPECT_EQ(refusal(value(nullptr).get<bool>()), "expected boolean, but it is null");
    EXPECT_EQ(refusal(value(value_list{1, "x"}).get<std::vector<int>>()).find("element 1: "), 0U);
    EXPECT_EQ(
        refusal(value(value_map{{"a", "x"}}).get<std::map<std::string, int>>()).find("field 'a': "),
        0U);
    const value broken = value_map{{"id", "seven"}, {"item", "tea"}};
    EXPECT_EQ(refusal(broken.get<shop::order>()).find("field 'id': expected an integer"), 0U);
    EXPECT_EQ(refusal(value(value_map{{"id", 7}}).get<shop::order>()), "field 'item' is missing");
    EXPECT_EQ(refusal(value(7).get<shop::order>()),
              "expected a map with a field 'id', but it is the integer 7");
}

TEST(values, have_fields) {
    const value map = value_map{{"id", 7}, {"none", nullptr}};
    EXPECT_EQ(map.get<int>("id").value(), 7);
    EXPECT_EQ(map.get<std::optional<int>>("id").value(), 7);
    EXPECT_EQ(map.get<std::optional<int>>("none").value(), std::nullopt);
    EXPECT_EQ(map.get<std::optional<int>>("missing").value(), std::nullopt);
    EXPECT_NE(refusal(value(7).get<std::optional<int>>("id")), "") << "no map";
    EXPECT_EQ(map.find("missing"), nullptr);
    EXPECT_EQ(value(7).find("id"), nullptr);
    EXPECT_EQ(*map.find("id"), value(7));
}

}  // namespace
}  // namespace network_system::integration
