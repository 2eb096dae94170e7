// Connections of a pool that go quiet: set aside, lent again, and replaced when they die.
#include "resilience/pool_world.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>

namespace network_system::inline v0_1::resilience {
namespace {

using namespace std::chrono_literals;

TEST(pool_core, does_not_lend_a_quiet_one_while_another_is_to_be_had) {
    idle_pool pool(pool_of(2, 2));
    lease used_last = pool.take().value();
    const bool is_first = used_last.session().get() == &pool.connection(0).session();
    scripted_connection& quiet = pool.connection(is_first ? 0 : 1);
    used_last.release();
    quiet.turn(health::quiet);
    EXPECT_EQ(pool.metrics().size, 2U);
    EXPECT_EQ(pool.metrics().idle, 1U);
    EXPECT_EQ(pool.metrics().quiet, 1U);
    EXPECT_EQ(pool.metrics().set_aside, 1U);
    const lease other = pool.take().value();
    EXPECT_NE(other.session().get(), &quiet.session());
    EXPECT_TRUE(pool.take().is_err());
}

TEST(pool_core, makes_another_in_place_of_a_quiet_one_for_those_who_wait) {
    idle_pool pool(pool_of(1, 2));
    pool.connection(0).turn(health::quiet);
    EXPECT_EQ(pool.world->connections.size(), 1U) << "not before somebody asks";
    const auto asked = pool.ask();
    ASSERT_EQ(pool.world->connections.size(), 2U);
    EXPECT_TRUE(asked->is_pending());
    pool.connection(1).open();
    pool.run();
    EXPECT_TRUE(asked->has_lease());
}

TEST(pool_core, makes_another_for_who_does_not_wait_and_may_come_again) {
    idle_pool pool(pool_of(1, 2));
    pool.connection(0).turn(health::quiet);
    const auto refused = pool.take();
    ASSERT_TRUE(refused.is_err());
    EXPECT_EQ(refused.error().message, "no idle connection to server:7: 1 of 2 quiet");
    ASSERT_EQ(pool.world->connections.size(), 2U);
    pool.connection(1).open();
    EXPECT_TRUE(pool.take().is_ok());
}

TEST(pool_core, lends_a_quiet_one_again_when_it_answers) {
    idle_pool pool(pool_of(1, 1));
    pool.connection(0).turn(health::quiet);
    const auto asked = pool.ask();
    pool.connection(0).turn(health::quiet);
    EXPECT_TRUE(asked->is_pending());
    pool.connection(0).turn(health::healthy);
    pool.run();
    EXPECT_TRUE(asked->has_lease());
    EXPECT_EQ(pool.metrics().quiet, 0U);
    EXPECT_EQ(pool.metrics().set_aside, 1U);
    EXPECT_EQ(pool.metrics().created, 1U);
}

TEST(pool_core, tells_who_waited_too_long_how_many_are_quiet) {
    idle_pool pool(pool_of(2, 2));
    pool.connection(0).turn(health::quiet);
    pool.connection(1).turn(health::quiet);
    const auto first = pool.ask();
    EXPECT_EQ(pool.world->connections.size(), 2U) << "there are no more than the most";
    pool.pass(500ms);
    ASSERT_FALSE(first->is_pending());
    EXPECT_EQ(first->error(), errc::connection_timeout);
    EXPECT_EQ(first->error().message, "no connection to server:7 within 500 ms: 2 of 2 quiet");

    pool.connection(0).turn(health::healthy);
    const lease held = pool.take().value();
    const auto second = pool.ask();
    pool.pass(500ms);
    ASSERT_FALSE(second->is_pending());
    EXPECT_EQ(second->error().message,
              "no connection to server:7 within 500 ms: 1 of 2 in use, 1 of 2 quiet");
}

TEST(pool_core, leaves_a_quiet_one_with_its_holder_and_sets_it_aside_afterwards) {
    idle_pool pool(pool_of(1, 1));
    lease held = pool.take().value();
    const auto session = held.session();
    pool.connection(0).turn(health::quiet);
    EXPECT_EQ(held.session(), session);
    EXPECT_FALSE(pool.connection(0).is_stopping);
    EXPECT_EQ(pool.metrics().quiet, 1U);
    EXPECT_EQ(pool.metrics().set_aside, 0U);
    const auto asked = pool.ask();
    held.release();
    pool.run();
    EXPECT_TRUE(asked->is_pending());
    EXPECT_EQ(pool.metrics().set_aside, 1U);
    pool.connection(0).turn(health::healthy);
    pool.run();
    EXPECT_TRUE(asked->has_lease());
}

TEST(pool_core, forgets_that_a_leased_one_was_quiet_when_it_answers) {
    idle_pool pool(pool_of(1, 1));
    lease held = pool.take().value();
    pool.connection(0).turn(health::quiet);
    pool.connection(0).turn(health::healthy);
    held.release();
    EXPECT_EQ(pool.metrics().idle, 1U);
    EXPECT_EQ(pool.metrics().set_aside, 0U);
}

TEST(pool_core, closes_a_quiet_one_that_is_discarded) {
    idle_pool pool(pool_of(1, 1));
    lease held = pool.take().value();
    pool.connection(0).turn(health::quiet);
    held.discard();
    EXPECT_TRUE(pool.connection(0).is_stopping);
    EXPECT_EQ(pool.metrics().quiet, 0U);
    EXPECT_EQ(pool.metrics().set_aside, 0U);
}

TEST(pool_core, replaces_a_quiet_one_that_dies) {
    idle_pool pool(pool_of(1, 1));
    pool.connection(0).turn(health::quiet);
    const auto asked = pool.ask();
    pool.connection(0).turn(health::dead);
    EXPECT_TRUE(asked->is_pending());
    pool.connection(0).lose(true, errc::connection_timeout);
    EXPECT_EQ(pool.metrics().quiet, 0U);
    EXPECT_EQ(pool.metrics().broken, 1U);
    EXPECT_EQ(pool.metrics().connecting, 1U) << "by its client";
    pool.open_all();
    EXPECT_TRUE(asked->has_lease());
    EXPECT_EQ(pool.metrics().set_aside, 1U);
}

TEST(pool_core, does_not_insist_when_the_server_ends_what_is_quiet_for_good) {
    idle_pool pool(pool_of(1, 1));
    pool.connection(0).turn(health::quiet);
    pool.connection(0).lose(false, {});
    pool.end_stopping();
    EXPECT_EQ(pool.world->connections.size(), 0U) << "not before somebody asks";
}

TEST(pool_core, lends_what_has_replaced_a_quiet_one_while_that_was_leased) {
    idle_pool pool(pool_of(1, 1));
    lease held = pool.take().value();
    const auto former = held.session();
    pool.connection(0).turn(health::quiet);
    pool.connection(0).lose();
    pool.connection(0).open();
    pool.connection(0).turn(former->id(), health::quiet);  // late
    EXPECT_EQ(pool.metrics().quiet, 0U);
    held.release();
    const lease next = pool.take().value();
    EXPECT_NE(next.session(), former);
}

TEST(pool_core, sets_aside_what_goes_quiet_while_it_is_asked) {
    pool_options options = pool_of(1, 2);
    options.check_after = 100ms;
    options.check_timeout = 400ms;
    idle_pool pool(options);
    pool.pass(200ms);
    const auto asked = pool.ask();
    ASSERT_TRUE(pool.connection(0).session().is_asked());
    pool.connection(0).turn(health::quiet);
    ASSERT_EQ(pool.world->connections.size(), 2U) << "another one is made at once";
    pool.pass(450ms);
    EXPECT_EQ(pool.metrics().checks_failed, 0U) << "the question is forgotten";
    pool.connection(0).session().answer();
    EXPECT_TRUE(asked->is_pending());
    pool.connection(0).turn(health::healthy);
    pool.run();
    EXPECT_TRUE(asked->has_lease());
}

TEST(pool_core, ends_a_quiet_one_that_is_too_old) {
    pool_options options = pool_of(1, 1);
    options.max_lifetime = 1000ms;
    idle_pool pool(options);
    pool.connection(0).turn(health::quiet);
    pool.pass(1000ms);
    EXPECT_EQ(pool.metrics().evicted_lifetime, 1U);
    EXPECT_TRUE(pool.connection(0).is_stopping);
    EXPECT_EQ(pool.metrics().quiet, 0U);
}

TEST(pool_core, ends_quiet_ones_when_it_shuts_down) {
    idle_pool pool(pool_of(2, 2));
    lease held = pool.take().value();
    for (std::size_t i = 0; i < 2; ++i) {
        pool.connection(i).turn(health::quiet);
    }
    pool.shut_down();
    pool.end_stopping();
    ASSERT_EQ(pool.world->connections.size(), 1U);
    pool.connection(0).turn(health::healthy);
    held.release();
    EXPECT_TRUE(pool.connection(0).is_stopping);
}

TEST(pool_core, counts_what_was_given_back_quiet_as_used) {
    idle_pool pool(pool_of(1, 1));
    lease held = pool.take().value();
    pool.connection(0).turn(health::quiet);
    pool.pass(100ms);
    held.release();
    EXPECT_EQ(pool.core->unused_since(), pool.world->time);
}

}  // namespace
}  // namespace network_system::resilience
