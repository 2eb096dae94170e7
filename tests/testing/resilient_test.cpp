// Seeds of resilient clients: all come back, and every message is in the books once, whatever the
// servers and the network do.
#include "testing/resilient_scenario.h"

#include <network_system/utils/log.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace network_system::inline v0_1::testing {
namespace {

#ifdef NETWORK_SIMULATION_FEWER_SEEDS
constexpr std::uint64_t resilient_seeds = 20;
#else
constexpr std::uint64_t resilient_seeds = 200;
#endif

template <typename Types>
[[nodiscard]] std::string heal_all(const resilient_case& what) {
    return try_seeds(seeds_to_try({1, resilient_seeds}), [&](std::uint64_t seed) {
        return resilient_scenario<Types>(seed, what).run();
    });
}

class resilient_seeds_test : public ::testing::Test {
protected:
    void SetUp() override { set_log_level(log_level::off); }
    void TearDown() override { set_log_level(log_level::warning); }
};

TEST_F(resilient_seeds_test, at_most_once) {
    EXPECT_EQ(heal_all<resilient_over_tcp>({}), "");
}

TEST_F(resilient_seeds_test, at_least_once) {
    EXPECT_EQ(heal_all<resilient_over_tcp>({.delivery = delivery_mode::at_least_once}), "");
}

#if NETWORK_SYSTEM_WITH_WEBSOCKET
TEST_F(resilient_seeds_test, at_most_once_over_websocket) {
    EXPECT_EQ(heal_all<resilient_over_websocket>({}), "");
}
#endif

TEST_F(resilient_seeds_test, at_most_once_with_several_servers) {
    EXPECT_EQ(heal_all<resilient_over_tcp>({.servers = 2}), "");
}

TEST_F(resilient_seeds_test, at_least_once_with_several_servers) {
    EXPECT_EQ(
        heal_all<resilient_over_tcp>({.delivery = delivery_mode::at_least_once, .servers = 2}), "");
}

TEST_F(resilient_seeds_test, at_most_once_with_health) {
    EXPECT_EQ(heal_all<resilient_over_tcp>({.servers = 2, .has_health = true}), "");
}

TEST_F(resilient_seeds_test, at_least_once_with_health) {
    EXPECT_EQ(heal_all<resilient_over_tcp>(
                  {.delivery = delivery_mode::at_least_once, .servers = 2, .has_health = true}),
              "");
}

TEST_F(resilient_seeds_test, at_most_once_with_narrow_queues) {
    EXPECT_EQ(heal_all<resilient_over_tcp>({.is_narrow = true}), "");
}

TEST_F(resilient_seeds_test, at_least_once_with_narrow_queues) {
    EXPECT_EQ(
        heal_all<resilient_over_tcp>({.delivery = delivery_mode::at_least_once, .is_narrow = true}),
        "");
}

/// What the seeds are about does happen.
TEST_F(resilient_seeds_test, have_everything_happen) {
    resilience::resilient_metrics sums;
    std::uint64_t again = 0;
    std::uint64_t crashes = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        resilient_scenario<resilient_over_tcp> one(seed, {.delivery = delivery_mode::at_least_once,
                                                          .servers = 2,
                                                          .has_health = true,
                                                          .is_narrow = true});
        EXPECT_EQ(one.run(), "");
        one.add_to(sums);
        again += one.delivered_again();
        crashes += one.world().counts().crashes;
    }
    for (const std::uint64_t each :
         {sums.sent, sums.dropped, sums.rejected, sums.circuit_opens, sums.failovers,
          sums.connections.session_errors, again, crashes}) {
        EXPECT_GT(each, 0U);
    }
}

TEST_F(resilient_seeds_test, replay_exactly) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const auto run = [seed] {
            resilient_scenario<resilient_over_tcp> one(
                seed, {.delivery = delivery_mode::at_least_once, .servers = 2, .has_health = true});
            (void)one.run();
            return one.world().fingerprint();
        };
        EXPECT_EQ(run(), run()) << "seed " << seed;
    }
}

}  // namespace
}  // namespace network_system::testing
