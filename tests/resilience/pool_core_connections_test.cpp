// What a pool does with connections that break, that nobody needs, and that are old.
#include "resilience/pool_world.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

namespace network_system::inline v0_1::resilience {
namespace {

using namespace std::chrono_literals;

TEST(pool_core, replaces_a_connection_that_breaks_while_it_is_idle) {
    idle_pool pool(pool_of(1, 2));
    pool.connection(0).lose();
    EXPECT_EQ(pool.metrics().size, 0U);
    EXPECT_EQ(pool.metrics().broken, 1U);
    EXPECT_EQ(pool.world->connections.size(), 1U) << "by its client, which is the same";
    EXPECT_FALSE(pool.connection(0).is_stopping);
    pool.open_all();
    EXPECT_TRUE(pool.take().is_ok());
    EXPECT_EQ(pool.metrics().created, 2U);
}

TEST(pool_core, lets_a_lease_keep_its_broken_connection_while_another_is_made) {
    idle_pool pool(pool_of(1, 1));
    lease held = pool.take().value();
    const auto pinned = held.session();
    pool.connection(0).lose();
    EXPECT_EQ(held.session(), pinned);
    EXPECT_EQ(pool.metrics().active, 1U);
    EXPECT_EQ(pool.metrics().size, 0U);
    pool.open_all();
    EXPECT_EQ(held.session(), pinned);
    held.release();
    const lease next = pool.take().value();
    EXPECT_NE(next.session(), pinned);
}

TEST(pool_core, takes_back_a_broken_one_and_serves_its_replacement) {
    idle_pool pool(pool_of(1, 1));
    lease held = pool.take().value();
    pool.connection(0).lose();
    const auto waiting = pool.ask();
    held.release();
    pool.run();
    EXPECT_TRUE(waiting->is_pending());
    pool.open_all();
    EXPECT_TRUE(waiting->has_lease());
}

TEST(pool_core, replaces_one_whose_client_has_ended_while_it_was_leased) {
    idle_pool pool(pool_of(1, 1));
    lease held = pool.take().value();
    const auto* const first = &pool.connection(0);
    pool.connection(0).lose(false, {});
    EXPECT_FALSE(first->is_stopping) << "while it is leased";
    held.release();
    EXPECT_TRUE(first->is_stopping);
    pool.end_stopping();
    ASSERT_EQ(pool.world->connections.size(), 1U);
    pool.open_all();
    EXPECT_TRUE(pool.take().is_ok());
}

TEST(pool_core, does_not_insist_when_the_server_ends_what_is_idle_for_good) {
    idle_pool pool(pool_of(1, 1));
    for (int i = 0; i < 3; ++i) {
        pool.connection(0).lose(false, {});
        pool.end_stopping();
        EXPECT_EQ(pool.world->connections.size(), 0U) << "not before somebody asks";
        EXPECT_TRUE(pool.take().is_err());
        EXPECT_EQ(pool.world->connections.size(), 0U) << "nor at once";
        pool.pass(500ms);
        EXPECT_TRUE(pool.take().is_err());
        pool.open_all();
    }
}

TEST(pool_core, lends_nothing_that_is_ending) {
    idle_pool pool(pool_of(2, 2));
    pool.connection(0).session().has_said_goodbye = true;
    pool.connection(1).session().is_stopped_now = true;
    EXPECT_TRUE(pool.take().is_err());
    pool.connection(0).lose();
    pool.connection(1).lose();
    EXPECT_EQ(pool.metrics().broken, 2U);
    pool.open_all();
    EXPECT_EQ(pool.metrics().idle, 2U);
}

TEST(pool_core, does_not_take_a_late_loss_for_that_of_the_next_connection) {
    idle_pool pool(pool_of(1, 1));
    scripted_connection& one = pool.connection(0);
    const auto former = pool.take().value().session();
    one.open();
    one.lose_late(former);
    EXPECT_EQ(pool.metrics().idle, 1U);
    EXPECT_NE(pool.take().value().session(), former);
}

TEST(pool_core, closes_what_is_discarded_and_makes_another) {
    idle_pool pool(pool_of(1, 1));
    lease held = pool.take().value();
    held.discard();
    EXPECT_FALSE(held);
    ASSERT_EQ(pool.world->connections.size(), 2U) << "without waiting for the end of the first";
    EXPECT_TRUE(pool.connection(0).is_stopping);
    pool.end_stopping();
    pool.open_all();
    EXPECT_TRUE(pool.take().is_ok());
    EXPECT_EQ(pool.metrics().discarded, 1U);
}

TEST(pool_core, has_twice_the_most_at_most_however_much_is_discarded) {
    pool_under_test pool(pool_of(2, 2));
    (void)pool.take();
    for (int round = 0; round < 4; ++round) {
        pool.open_all();
        for (auto taken = pool.take(); taken.is_ok(); taken = pool.take()) {
            taken.value().discard();
        }
        EXPECT_LE(pool.world->connections.size(), 4U);
    }
    pool.end_stopping();
    EXPECT_EQ(pool.world->connections.size(), 2U);
}

TEST(pool_core, ends_what_is_idle_above_the_least) {
    pool_options options = pool_of(1, 3);
    options.idle_timeout = 1000ms;
    options.max_lifetime = 0ms;
    pool_under_test pool(options);
    std::vector<std::shared_ptr<pool_under_test::asking>> all;
    all.reserve(3);
    for (int i = 0; i < 3; ++i) {
        all.push_back(pool.ask());
    }
    pool.open_all();
    for (const auto& each : all) {
        each->take().release();
    }
    pool.pass(999ms);
    EXPECT_EQ(pool.metrics().evicted_idle, 0U);
    (void)pool.take();  // one of them is used
    pool.pass(1ms);
    EXPECT_EQ(pool.metrics().evicted_idle, 2U);
    EXPECT_EQ(pool.metrics().size, 1U);
    pool.end_stopping();
    pool.pass(10'000ms);
    EXPECT_EQ(pool.metrics().size, 1U) << "the least is kept";
}

TEST(pool_core, ends_what_is_too_old_and_keeps_the_least) {
    pool_options options = pool_of(2, 2);
    options.max_lifetime = 1000ms;
    idle_pool pool(options);
    lease held = pool.take().value();
    pool.pass(999ms);
    EXPECT_EQ(pool.metrics().evicted_lifetime, 0U);
    pool.pass(1ms);
    EXPECT_EQ(pool.metrics().evicted_lifetime, 1U) << "not the one that is leased";
    held.release();
    EXPECT_EQ(pool.metrics().evicted_lifetime, 2U) << "but when it comes back";
    pool.end_stopping();
    pool.open_all();
    EXPECT_EQ(pool.metrics().size, 2U);
}

TEST(pool_core, lets_connections_end_at_different_times) {
    pool_options options = pool_of(2, 2);
    options.max_lifetime = 1000ms;
    options.lifetime_jitter = 10;
    pool_under_test pool(options);
    (void)pool.take();
    pool.world->number = 0;
    pool.connection(0).open();
    pool.world->number = 0xFFFF'FFFF;
    pool.connection(1).open();
    pool.pass(899ms);
    EXPECT_EQ(pool.metrics().evicted_lifetime, 0U);
    pool.pass(1ms);
    EXPECT_EQ(pool.metrics().evicted_lifetime, 1U);
    pool.pass(99ms);
    EXPECT_EQ(pool.metrics().evicted_lifetime, 1U);
    pool.pass(1ms);
    EXPECT_EQ(pool.metrics().evicted_lifetime, 2U);
}

TEST(pool_core, does_not_go_on_with_attempts_that_nobody_waits_for) {
    pool_options options = pool_of(0, 5);
    options.idle_timeout = 2000ms;
    pool_under_test pool(options);
    std::vector<std::shared_ptr<pool_under_test::asking>> all;
    all.reserve(5);
    for (int i = 0; i < 5; ++i) {
        all.push_back(pool.ask());
    }
    pool.pass(500ms);
    EXPECT_FALSE(all.back()->is_pending());
    for (std::size_t i = 0; i < 5; ++i) {
        pool.connection(i).fail(1);
    }
    pool.end_stopping();
    EXPECT_EQ(pool.world->connections.size(), 1U) << "one is there for who comes next";
    pool.pass(1499ms);
    EXPECT_FALSE(pool.connection(0).is_stopping);
    pool.pass(1ms);
    EXPECT_TRUE(pool.connection(0).is_stopping) << "but not for ever";
}

TEST(pool_core, does_not_let_who_asks_often_ask_the_server_as_often) {
    pool_options options = pool_of(0, 5);
    options.acquire_timeout = 1ms;
    pool_under_test pool(options);
    for (int i = 0; i < 100; ++i) {
        const auto one = pool.ask();
        pool.connection(0).fail(static_cast<unsigned>(i) + 1);
        pool.pass(1ms);
        EXPECT_FALSE(one->is_pending());
        ASSERT_EQ(pool.world->connections.size(), 1U) << "the one client, with its pauses";
    }
}

TEST(pool_core, lets_connections_end_that_break_above_the_least) {
    pool_options options = pool_of(1, 4);
    pool_under_test pool(options);
    std::vector<std::shared_ptr<pool_under_test::asking>> all;
    all.reserve(4);
    for (int i = 0; i < 4; ++i) {
        all.push_back(pool.ask());
    }
    pool.open_all();
    for (const auto& each : all) {
        each->take().release();
    }
    for (std::size_t i = 0; i < 4; ++i) {
        pool.connection(i).lose();
    }
    pool.end_stopping();
    EXPECT_EQ(pool.world->connections.size(), 1U);
    EXPECT_EQ(pool.metrics().connecting, 1U);
}

}  // namespace
}  // namespace network_system::resilience
