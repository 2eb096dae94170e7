// Whole scenarios, one for each seed. A seed that fails names itself and how to replay it; any
// other seed, or any number of them, can be tried with NETWORK_SIMULATION_SEED and
// NETWORK_SIMULATION_SEEDS.
#include "testing/scenario.h"

#include <network_system/utils/log.h>

#include <gtest/gtest.h>

namespace network_system::inline v0_1::testing {
namespace {

static_assert(true);
// Shards, so that ctest spreads them over the processors.
constexpr std::uint64_t shards = 8;
#ifdef NETWORK_SIMULATION_FEWER_SEEDS
constexpr std::uint64_t seeds = 400;
#else
constexpr std::uint64_t seeds = 10'000;
#endif

class seeds_test : public ::testing::TestWithParam<std::uint64_t> {
protected:
    // faults_test are what this is about; nobody reads ten thousand warnings.
    void SetUp() override { set_log_level(log_level::off); }
    void TearDown() override { set_log_level(log_level::warning); }
};

TEST_P(seeds_test, keep_what_is_promised) {
    const std::uint64_t each = seeds / shards;
    const auto range = seeds_to_try({GetParam() * each + 1, each});
    const auto wrong = try_seeds(range, [](std::uint64_t seed) { return scenario(seed).run(); });
    EXPECT_TRUE(wrong.empty()) << wrong;
}

INSTANTIATE_TEST_SUITE_P(shards, seeds_test, ::testing::Range<std::uint64_t>(0, shards));

TEST_F(seeds_test, replay_exactly) {
    const auto wrong = try_seeds(seeds_to_try({1, 50}), [](std::uint64_t seed) {
        const auto run = [seed] {
            scenario one(seed);
            (void)one.run();
            return one.world().fingerprint();
        };
        return run() == run() ? std::string() : "two runs differ";
    });
    EXPECT_TRUE(wrong.empty()) << wrong;
}

}  // namespace
}  // namespace network_system::testing
