#include "os/address_order.h"

#include <gtest/gtest.h>

#include <string>

namespace network_system::inline v0_1::runtime {
namespace {

using std::chrono::milliseconds;

/// '4' and '6' stand for addresses of the family, each with its number.
[[nodiscard]] std::vector<endpoint> addresses(const std::string& families) {
    std::vector<endpoint> made;
    for (const char each : families) {
        const auto number = static_cast<std::uint16_t>(made.size());
        made.emplace_back(each == '4' ? endpoint::family::ipv4 : endpoint::family::ipv6,
                          endpoint::address_bytes{}, number);
    }
    return made;
}

TEST(address_order, takes_the_families_in_turn) {
    struct row {
        const char* resolved;
        std::vector<std::uint16_t> order;
    };
    const std::vector<row> rows{
        {"", {}},
        {"4", {0}},
        {"444", {0, 1, 2}},
        {"64", {0, 1}},
        {"46", {0, 1}},
        {"6644", {0, 2, 1, 3}},
        {"4466", {0, 2, 1, 3}},
        {"666644", {0, 4, 1, 5, 2, 3}},
        {"466666", {0, 1, 2, 3, 4, 5}},
        {"6446", {0, 1, 3, 2}},
    };
    for (const row& each : rows) {
        std::vector<std::uint16_t> order;
        for (const endpoint& found : interleave_families(addresses(each.resolved))) {
            order.push_back(found.port());
        }
        EXPECT_EQ(order, each.order) << each.resolved;
    }
}

TEST(address_order, is_bounded) {
    EXPECT_EQ(interleave_families(addresses(std::string(1000, '4'))).size(), max_addresses);
    const auto mixed = interleave_families(addresses(std::string(500, '6') + "4"));
    ASSERT_EQ(mixed.size(), max_addresses);
    EXPECT_EQ(mixed[1].kind(), endpoint::family::ipv4) << "the other family is among them";
}

TEST(address_order, leaves_every_address_its_time) {
    struct row {
        milliseconds until_deadline;
        std::size_t left;
        milliseconds delay;
    };
    const std::vector<row> rows{
        {milliseconds{10'000}, 1, attempt_delay},
        {milliseconds{10'000}, 39, attempt_delay},
        {milliseconds{10'000}, 49, milliseconds{200}},
        {milliseconds{100}, 1, milliseconds{50}},
        {milliseconds{100}, 3, milliseconds{25}},
        {milliseconds{100}, 50, shortest_attempt_delay},
        {milliseconds{0}, 1, shortest_attempt_delay},
        {milliseconds{-5}, 1, shortest_attempt_delay},
    };
    for (const row& each : rows) {
        EXPECT_EQ(delay_before_next(each.until_deadline, each.left), each.delay)
            << each.until_deadline.count() << " ms, " << each.left << " left";
    }
}

}  // namespace
}  // namespace network_system::runtime
