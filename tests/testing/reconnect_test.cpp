// Seeds of clients that reconnect: all come back, never earlier than the policy lets them, and
// every message is accounted for.
#include "testing/reconnect_scenario.h"

#include <network_system/utils/log.h>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace network_system::inline v0_1::testing {
namespace {

constexpr std::uint64_t reconnect_shards = 4;
#ifdef NETWORK_SIMULATION_FEWER_SEEDS
constexpr std::uint64_t reconnect_seeds = 40;
#else
constexpr std::uint64_t reconnect_seeds = 800;
#endif

template <typename Types>
[[nodiscard]] std::string return_all(std::uint64_t shard) {
    const std::uint64_t each = reconnect_seeds / reconnect_shards;
    return try_seeds(seeds_to_try({shard * each + 1, each}),
                     [](std::uint64_t seed) { return reconnect_scenario<Types>(seed).run(); });
}

class reconnect_seeds_test : public ::testing::TestWithParam<std::uint64_t> {
protected:
    void SetUp() override { set_log_level(log_level::off); }
    void TearDown() override { set_log_level(log_level::warning); }
};
INSTANTIATE_TEST_SUITE_P(shards, reconnect_seeds_test,
                         ::testing::Range<std::uint64_t>(0, reconnect_shards));

TEST_P(reconnect_seeds_test, all_come_back) {
    const auto wrong = return_all<tcp_types>(GetParam());
    EXPECT_TRUE(wrong.empty()) << wrong;
}

#if NETWORK_SYSTEM_WITH_WEBSOCKET
TEST_P(reconnect_seeds_test, all_come_back_over_websocket) {
    const auto wrong = return_all<websocket_types>(GetParam());
    EXPECT_TRUE(wrong.empty()) << wrong;
}
#endif

TEST_F(reconnect_seeds_test, replay_exactly) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const auto run = [seed] {
            reconnect_scenario<tcp_types> one(seed);
            (void)one.run();
            return one.world().fingerprint();
        };
        EXPECT_EQ(run(), run()) << "seed " << seed;
    }
}

/// What the pauses of many clients come to: half of their ceilings.
TEST_F(reconnect_seeds_test, pauses_have_full_jitter) {
    milliseconds pauses{0};
    milliseconds ceilings{0};
    std::uint64_t crashes = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        reconnect_scenario<tcp_types> one(seed);
        EXPECT_EQ(one.run(), "");
        pauses += one.pauses();
        ceilings += one.ceilings();
        crashes += one.world().counts().crashes;
    }
    const double share =
        static_cast<double>(pauses.count()) / static_cast<double>(ceilings.count());
    EXPECT_GT(share, 0.45);
    EXPECT_LT(share, 0.55);
    EXPECT_GT(crashes, 40U);
}

}  // namespace
}  // namespace network_system::testing
