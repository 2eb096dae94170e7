// Round-trip times: smoothed, and their percentiles.
#include "resilience/health_state.h"

#include <gtest/gtest.h>

#include <chrono>

namespace network_system::inline v0_1::resilience {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

health_report describe(const round_trips& trips) {
    health_report made;
    trips.describe(made);
    return made;
}

TEST(round_trips_test, are_smoothed_as_rfc_6298_says) {
    round_trips trips;
    EXPECT_EQ(describe(trips).last_rtt, microseconds{0});
    EXPECT_EQ(describe(trips).p99_rtt, microseconds{0});
    struct {
        int taken, smoothed, variation;
    } const rows[] = {
        {800, 800, 400},   // the first one, and half of it
        {800, 800, 300},   // 3/4 of the variation
        {1600, 900, 425},  // 7/8 x 800 + 1/8 x 1600; 3/4 x 300 + 1/4 x 800
        {100, 800, 518},   // 7/8 x 900 + 1/8 x 100; 3/4 x 425 + 1/4 x 800
        {0, 700, 588},
    };
    for (const auto& row : rows) {
        trips.add(microseconds{row.taken});
        const auto now = describe(trips);
        EXPECT_EQ(now.last_rtt.count(), row.taken);
        EXPECT_EQ(now.smoothed_rtt.count(), row.smoothed);
        EXPECT_EQ(now.rtt_variation.count(), row.variation);
    }
    EXPECT_EQ(describe(trips).min_rtt, microseconds{0});
    EXPECT_EQ(describe(trips).max_rtt, microseconds{1600});
}

TEST(round_trips_test, percentiles_are_those_of_the_last_ones) {
    round_trips trips;
    trips.add(microseconds{7});
    EXPECT_EQ(describe(trips).p50_rtt, microseconds{7});
    EXPECT_EQ(describe(trips).p99_rtt, microseconds{7});
    // 7, then 100 to 1 for many rounds: 128 of them are kept.
    for (int i = 0; i < 1000; ++i) {
        trips.add(microseconds{100 - i % 100});
    }
    for (int i = 1; i <= 128; ++i) {
        trips.add(microseconds{i * 10});
    }
    const auto now = describe(trips);
    EXPECT_EQ(now.p50_rtt, microseconds{640});
    EXPECT_EQ(now.p90_rtt, microseconds{1160});
    EXPECT_EQ(now.p99_rtt, microseconds{1270});
    EXPECT_EQ(now.min_rtt, microseconds{1}) << "since the beginning";
    EXPECT_EQ(now.max_rtt, microseconds{1280});
    EXPECT_EQ(now.last_rtt, microseconds{1280});
}

}  // namespace
}  // namespace network_system::resilience
