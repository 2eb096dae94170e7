#include "utils/counter.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace network_system::inline v0_1::detail {
namespace {

TEST(counters, add_up) {
    counter own;
    own.add();
    own.add(41);
    EXPECT_EQ(own.value(), 42U);
}

TEST(counters, that_are_shared_lose_nothing) {
    constexpr int threads = 4;
    constexpr int rounds = 20'000;
    shared_counter all;
    std::vector<std::thread> adding;
    for (int i = 0; i < threads; ++i) {
        adding.emplace_back([&all] {
            for (int round = 0; round < rounds; ++round) {
                all.add();
            }
        });
    }
    for (auto& each : adding) {
        each.join();
    }
    EXPECT_EQ(all.value(), std::uint64_t{threads} * rounds);
}

}  // namespace
}  // namespace network_system::detail
