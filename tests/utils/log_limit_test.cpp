#include "utils/log_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace network_system::inline v0_1::detail {
namespace {

using namespace std::chrono_literals;

/// Long after the epoch of the clock, in the middle of a second.
constexpr steady_time start{1'000'000'000'500ms};

TEST(log_limits_of_peers, ten_lines_pass_in_a_second_and_the_rest_is_told_with_the_next) {
    log_limit limit;
    for (std::uint32_t i = 0; i < 100; ++i) {
        const auto asked = limit.ask(start + 4ms * i);
        EXPECT_EQ(asked.may_pass, i < log_limit::most_per_second) << i;
        EXPECT_EQ(asked.held_back, 0U) << i;
    }
    const auto later = limit.ask(start + 3s);
    EXPECT_TRUE(later.may_pass);
    EXPECT_EQ(later.held_back, 90U);
    EXPECT_EQ(later.seconds, 3U);
    const auto next = limit.ask(start + 4s);
    EXPECT_TRUE(next.may_pass);
    EXPECT_EQ(next.held_back, 0U) << "told once";
}

TEST(log_limits_of_peers, few_lines_are_never_held_back) {
    log_limit limit;
    for (int second = 0; second < 100; ++second) {
        for (std::uint32_t i = 0; i < log_limit::most_per_second; ++i) {
            const auto asked = limit.ask(start + 1s * second);
            EXPECT_TRUE(asked.may_pass);
            EXPECT_EQ(asked.held_back, 0U);
        }
    }
}

TEST(log_limits_of_peers, what_was_held_back_is_told_at_the_end_and_once) {
    log_limit limit;
    EXPECT_EQ(limit.settle(start).held_back, 0U);
    for (int i = 0; i < 15; ++i) {
        (void)limit.ask(start);
    }
    const auto told = limit.settle(start);
    EXPECT_EQ(told.held_back, 5U);
    EXPECT_EQ(told.seconds, 1U);
    EXPECT_EQ(limit.settle(start + 9s).held_back, 0U);
    EXPECT_FALSE(limit.ask(start).may_pass) << "the second is not over";
    EXPECT_EQ(limit.ask(start + 1s).held_back, 1U);
}

TEST(log_limits_of_peers, a_thread_that_looked_at_the_clock_earlier_does_not_begin_anew) {
    log_limit limit;
    for (int i = 0; i < 20; ++i) {
        (void)limit.ask(start + 1s);
    }
    EXPECT_FALSE(limit.ask(start).may_pass);
    EXPECT_EQ(limit.ask(start + 2s).held_back, 11U);
}

TEST(log_limits_of_peers, none_is_lost_or_counted_twice_among_threads) {
    constexpr std::uint32_t each = 20'000;
    log_limit limit;
    std::atomic<std::uint64_t> passed{0};
    std::atomic<std::uint64_t> told{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (std::uint32_t n = 0; n < each; ++n) {
                const auto asked = limit.ask(start + 1ms * n);
                passed += asked.may_pass ? 1U : 0U;
                told += asked.held_back;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    told += limit.settle(start + 60s).held_back;
    EXPECT_EQ(passed + told, 4U * each);
    EXPECT_LE(passed, log_limit::most_per_second * 21U);
}

TEST(log_limits_of_peers, every_kind_has_a_name_and_a_level) {
    for (std::size_t i = 0; i < log_kinds; ++i) {
        EXPECT_FALSE(name_of(static_cast<log_kind>(i)).empty());
        EXPECT_GE(level_of(static_cast<log_kind>(i)), log_level::info);
    }
}

}  // namespace
}  // namespace network_system::detail
