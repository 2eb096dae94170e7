#include "runtime/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <vector>

namespace network_system::inline v0_1::runtime {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

TEST(backoff, draws_below_a_ceiling_that_grows_up_to_the_cap) {
    struct {
        const char* name;
        backoff_settings settings;
        std::vector<int> floors;
        std::vector<int> ceilings;
    } const cases[] = {
        {"doubling", {milliseconds{10}, milliseconds{100}}, {0, 0, 0, 0, 0}, {10, 20, 40, 80, 100}},
        {"tripling", {milliseconds{10}, milliseconds{100}, 3.0}, {0, 0, 0, 0}, {10, 30, 90, 100}},
        {"by a half", {milliseconds{10}, milliseconds{30}, 1.5}, {0, 0, 0, 0}, {10, 15, 22, 30}},
        {"constant", {milliseconds{10}, milliseconds{100}, 1.0}, {0, 0, 0}, {10, 10, 10}},
        {"with a floor",
         {milliseconds{10}, milliseconds{40}, 2.0, milliseconds{10}},
         {10, 10, 10, 10},
         {10, 20, 40, 40}},
        {"a floor above the first ceiling",
         {milliseconds{5}, milliseconds{40}, 2.0, milliseconds{12}},
         {12, 12, 12, 12},
         {12, 12, 20, 40}},
        {"beyond every integer",
         {milliseconds{1}, milliseconds::max() - milliseconds{1}, 1e300},
         {0, 0},
         {1}},
    };
    for (const auto& each : cases) {
        SCOPED_TRACE(each.name);
        for (std::size_t attempt = 0; attempt < each.ceilings.size(); ++attempt) {
            const milliseconds floor{each.floors[attempt]};
            const milliseconds ceiling{each.ceilings[attempt]};
            const auto draw = [&](std::uint64_t random) {
                backoff pauses(each.settings);
                for (std::size_t before = 0; before < attempt; ++before) {
                    (void)pauses.next(random);
                }
                return pauses.next(random);
            };
            milliseconds least = milliseconds::max();
            milliseconds most{0};
            for (std::uint64_t random = 0; random < 200; ++random) {
                least = std::min(least, draw(random));
                most = std::max(most, draw(random));
            }
            EXPECT_EQ(least, floor) << "attempt " << attempt;
            EXPECT_EQ(most, ceiling) << "attempt " << attempt;
            EXPECT_LE(draw(largest), ceiling) << "attempt " << attempt;
        }
    }
}

TEST(backoff, stays_within_the_integers) {
    backoff pauses({milliseconds{1}, milliseconds::max() - milliseconds{1}, 1e300});
    EXPECT_LE(pauses.next(largest), milliseconds{1});
    EXPECT_GE(pauses.next(largest), milliseconds{0});
    EXPECT_GE(pauses.next(largest), milliseconds{0});
}

TEST(backoff, pauses_of_max_stay_within_the_integers) {
    for (const milliseconds floor : {milliseconds{0}, milliseconds{1}, milliseconds::max()}) {
        backoff pauses({milliseconds::max(), milliseconds::max(), 2.0, floor});
        for (const std::uint64_t random : {std::uint64_t{0}, largest / 2, largest}) {
            EXPECT_GE(pauses.next(random), floor);
        }
    }
}

TEST(backoff, begins_anew_after_a_success) {
    backoff pauses({milliseconds{10}, milliseconds{1000}});
    EXPECT_EQ(pauses.next(10), milliseconds{10});
    EXPECT_EQ(pauses.next(20), milliseconds{20});
    EXPECT_EQ(pauses.next(40), milliseconds{40});
    pauses.reset();
    EXPECT_EQ(pauses.next(10), milliseconds{10});
    EXPECT_EQ(pauses.next(20), milliseconds{20});
}

}  // namespace
}  // namespace network_system::runtime
