#include "runtime/pool_tasks.h"
#include "support/loopback.h"

#include <network_system/utils/error_codes.h>
#include <network_system/utils/thread_pool.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <utility>

namespace network_system::inline v0_1 {
namespace {

using loopback::collector;
using loopback::fails_with;
using loopback::is_ok;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

TEST(delayed_tasks, run_after_their_time_and_no_thread_waits_for_it) {
    event_counter never;
    event_counter destroyed;
    event_counter run;
    thread_pool pool(1);
    ASSERT_TRUE(is_ok(pool.submit_delayed(witness(never, destroyed), 1h)));
    ASSERT_TRUE(is_ok(pool.submit_delayed(witness(never, destroyed), milliseconds::max())));
    EXPECT_EQ(pool.pending_tasks(), 2U);

    const auto begin = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point ran;
    ASSERT_TRUE(is_ok(pool.submit_delayed(
        [&] {
            ran = std::chrono::steady_clock::now();
            run.add();
        },
        20ms)));
    ASSERT_TRUE(is_ok(pool.submit([&] { run.add(); })));
    ASSERT_TRUE(run.wait_for(2)) << "the only thread is free";
    EXPECT_GE(ran - begin, 20ms);
    EXPECT_EQ(pool.pending_tasks(), 2U);

    pool.stop();
    EXPECT_EQ(never.count(), 0U);
    EXPECT_EQ(destroyed.count(), 2U);
    EXPECT_EQ(pool.pending_tasks(), 0U);
}

TEST(delayed_tasks, that_are_due_run_in_the_order_of_their_times) {
    collector<int> order;
    thread_pool pool(1);
    blocker holder(pool);
    for (const int each : {3, 1, 2, 5, 4}) {
        ASSERT_TRUE(is_ok(pool.submit_delayed([&, each] { order.add(each); }, milliseconds{each})));
    }
    const auto until = std::chrono::steady_clock::now() + 5ms;
    ASSERT_TRUE(loopback::eventually([&] { return std::chrono::steady_clock::now() > until; }));
    holder.release();
    ASSERT_TRUE(order.wait_for(5));
    for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(order.at(i), static_cast<int>(i) + 1);
    }
}

TEST(delayed_tasks, without_a_delay_run_at_once) {
    event_counter run;
    thread_pool pool(1);
    for (const milliseconds each : {0ms, -1ms, milliseconds::min()}) {
        ASSERT_TRUE(is_ok(pool.submit_delayed([&] { run.add(); }, each)));
    }
    EXPECT_TRUE(run.wait_for(3));
}

TEST(delayed_tasks, count_among_those_that_wait) {
    event_counter run;
    event_counter destroyed;
    thread_pool pool(1, 2);
    ASSERT_TRUE(is_ok(pool.submit_delayed(witness(run, destroyed), 1h)));
    ASSERT_TRUE(is_ok(pool.submit_delayed(witness(run, destroyed), 1h)));
    EXPECT_TRUE(
        fails_with(pool.submit_delayed(witness(run, destroyed), 1ms), errc::send_buffer_full));
    EXPECT_TRUE(fails_with(pool.submit(witness(run, destroyed)), errc::send_buffer_full));
    EXPECT_EQ(destroyed.count(), 2U) << "before it returned";
}

TEST(delayed_tasks, are_refused_as_others_are) {
    thread_pool pool(1);
    EXPECT_TRUE(fails_with(pool.submit_delayed({}, 1ms), errc::invalid_argument));
    pool.stop();
    EXPECT_TRUE(fails_with(pool.submit_delayed([] {}, 1ms), errc::not_initialized));
}

TEST(delayed_tasks, may_delay_more) {
    event_counter run;
    std::atomic<int> left{50};
    thread_pool pool(2);
    struct chain {
        thread_pool& pool;
        std::atomic<int>& left;
        event_counter& run;
        void operator()() const {
            run.add();
            if (--left > 0) {
                EXPECT_TRUE(is_ok(pool.submit_delayed(chain(*this), 1ms)));
            }
        }
    };
    ASSERT_TRUE(is_ok(pool.submit_delayed(chain{pool, left, run}, 1ms)));
    EXPECT_TRUE(run.wait_for(50));
}

TEST(delayed_tasks, run_or_are_destroyed_whoever_stops_the_pool_meanwhile) {
    for (std::size_t round = 0; round < loopback::scaled(40); ++round) {
        stop_while_others_submit([](thread_pool& pool, witness task, std::size_t number) {
            return pool.submit_delayed(std::move(task),
                                       milliseconds{1 + static_cast<int>(number % 3)});
        });
    }
}

}  // namespace
}  // namespace network_system
