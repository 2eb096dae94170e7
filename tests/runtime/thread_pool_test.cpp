#include "runtime/pool_tasks.h"
#include "support/loopback.h"

#include <network_system/utils/error_codes.h>
#include <network_system/utils/log.h>
#include <network_system/utils/thread_pool.h>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace network_system::inline v0_1 {
namespace {

using loopback::collector;
using loopback::fails_with;
using loopback::is_ok;

TEST(thread_pool, runs_tasks_in_order_on_one_thread) {
    collector<int> order;
    thread_pool pool(1);
    EXPECT_TRUE(pool.is_running());
    EXPECT_EQ(pool.worker_count(), 1U);
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(is_ok(pool.submit([&order, i] { order.add(i); })));
    }
    ASSERT_TRUE(order.wait_for(1000));
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(order.at(static_cast<std::size_t>(i)), i);
    }
    EXPECT_EQ(pool.pending_tasks(), 0U);
}

TEST(thread_pool, runs_as_many_tasks_at_once_as_it_has_threads) {
    constexpr std::size_t threads = 4;
    thread_pool pool(threads);
    event_counter met;
    event_counter done;
    for (std::size_t i = 0; i < threads; ++i) {
        ASSERT_TRUE(is_ok(pool.submit([&] {
            met.add();
            EXPECT_TRUE(met.wait_for(threads)) << "they have to meet";
            done.add();
        })));
    }
    EXPECT_TRUE(done.wait_for(threads));
}

TEST(thread_pool, refuses_what_it_cannot_do) {
    for (const std::size_t threads : {std::size_t{0}, std::size_t{257}}) {
        thread_pool pool(threads);
        EXPECT_FALSE(pool.is_running());
        EXPECT_EQ(pool.worker_count(), 0U);
        EXPECT_TRUE(fails_with(pool.submit([] {}), errc::invalid_argument));
        pool.stop();
    }
    thread_pool pool(1);
    EXPECT_TRUE(fails_with(pool.submit({}), errc::invalid_argument));
    pool.stop();
    EXPECT_TRUE(fails_with(pool.submit([] {}), errc::not_initialized));
}

TEST(thread_pool, bounds_what_waits) {
    event_counter run;
    event_counter destroyed;
    thread_pool pool(1, 2);
    blocker holder(pool);
    EXPECT_EQ(pool.pending_tasks(), 0U) << "what runs does not wait";
    ASSERT_TRUE(is_ok(pool.submit(witness(run, destroyed))));
    ASSERT_TRUE(is_ok(pool.submit(witness(run, destroyed))));
    EXPECT_EQ(pool.pending_tasks(), 2U);
    EXPECT_TRUE(fails_with(pool.submit(witness(run, destroyed)), errc::send_buffer_full));
    EXPECT_EQ(destroyed.count(), 1U) << "before submit returned";
    holder.release();
    ASSERT_TRUE(run.wait_for(2));
    EXPECT_TRUE(is_ok(pool.submit(witness(run, destroyed)))) << "there is room again";
    EXPECT_TRUE(run.wait_for(3));
}

TEST(thread_pool, survives_what_a_task_throws) {
    collector<std::string> lines;
    set_log_level(log_level::error);
    set_log_sink([&](const log_record& record) { lines.add(to_string(record)); });
    thread_pool pool(1);
    ASSERT_TRUE(is_ok(pool.submit([] { throw std::runtime_error("on purpose"); })));
    ASSERT_TRUE(is_ok(pool.submit([] { throw 42; })));
    event_counter run;
    ASSERT_TRUE(is_ok(pool.submit([&] { run.add(); })));
    EXPECT_TRUE(run.wait_for(1));
    set_log_sink({});
    set_log_level(log_level::off);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_NE(lines.at(0).find("on purpose"), std::string::npos);
}

TEST(thread_pool, stop_finishes_what_runs_and_destroys_what_waits) {
    event_counter run;
    event_counter destroyed;
    thread_pool pool(1);
    {
        blocker holder(pool);
        for (int i = 0; i < 100; ++i) {
            ASSERT_TRUE(is_ok(pool.submit(witness(run, destroyed))));
        }
        std::thread stopper([&] { pool.stop(); });
        EXPECT_TRUE(loopback::eventually([&] { return !pool.is_running(); }));
        EXPECT_FALSE(destroyed.wait_for(1, std::chrono::milliseconds{20})) << "the thread is busy";
        holder.release();
        stopper.join();
    }
    EXPECT_EQ(destroyed.count(), 100U) << "before stop returned";
    EXPECT_EQ(run.count(), 0U);
    EXPECT_EQ(pool.pending_tasks(), 0U);
    pool.stop();
}

TEST(thread_pool, every_accepted_task_runs_or_is_destroyed_whoever_stops_it_meanwhile) {
    for (std::size_t round = 0; round < loopback::scaled(80); ++round) {
        stop_while_others_submit([](thread_pool& pool, witness task, std::size_t) {
            return pool.submit(std::move(task));
        });
    }
}

TEST(thread_pool, may_be_stopped_by_its_own_task) {
    thread_pool pool(2);
    event_counter stopped;
    ASSERT_TRUE(is_ok(pool.submit([&] {
        EXPECT_TRUE(pool.runs_here());
        pool.stop();
        EXPECT_FALSE(pool.is_running());
        stopped.add();
    })));
    ASSERT_TRUE(stopped.wait_for(1));
    EXPECT_FALSE(pool.runs_here());
    pool.stop();
}

TEST(thread_pool, may_be_destroyed_by_its_own_task) {
    for (int i = 0; i < 20; ++i) {
        auto pool = std::make_shared<thread_pool>(2);
        event_counter may_end;
        event_counter ended;
        ASSERT_TRUE(is_ok(pool->submit([&, held = pool]() mutable {
            EXPECT_TRUE(may_end.wait_for(1));
            held.reset();
            ended.add();
        })));
        pool.reset();
        may_end.add();
        ASSERT_TRUE(ended.wait_for(1));
    }
}

TEST(thread_pool, knows_its_own_threads_from_those_of_others) {
    thread_pool first(1);
    thread_pool second(1);
    event_counter checked;
    ASSERT_TRUE(is_ok(first.submit([&] {
        EXPECT_TRUE(first.runs_here());
        EXPECT_FALSE(second.runs_here());
        checked.add();
    })));
    EXPECT_TRUE(checked.wait_for(1));
}

}  // namespace
}  // namespace network_system
