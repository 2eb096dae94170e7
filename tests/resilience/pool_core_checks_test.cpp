// Connections of a pool that are asked before somebody gets them.
#include "resilience/pool_world.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>

namespace network_system::inline v0_1::resilience {
namespace {

using namespace std::chrono_literals;

TEST(pool_core, asks_what_has_been_idle_before_lending_it) {
    pool_options options = pool_of(1, 1);
    options.check_after = 100ms;
    idle_pool pool(options);
    pool.pass(100ms);
    EXPECT_TRUE(pool.take().is_ok()) << "not idle for long enough";
    pool.pass(101ms);
    const auto asked = pool.ask();
    EXPECT_TRUE(asked->is_pending());
    ASSERT_TRUE(pool.connection(0).session().is_asked());
    pool.connection(0).session().answer();
    pool.run();
    EXPECT_TRUE(asked->has_lease());
    EXPECT_EQ(pool.metrics().checks, 1U);
    EXPECT_EQ(pool.metrics().checks_failed, 0U);
}

TEST(pool_core, asks_once_for_each_who_waits) {
    pool_options options = pool_of(3, 3);
    options.check_after = 100ms;
    idle_pool pool(options);
    pool.pass(200ms);
    const auto one = pool.ask();
    const auto two = pool.ask();
    EXPECT_EQ(pool.metrics().checks, 2U);
    for (std::size_t i = 0; i < 3; ++i) {
        if (pool.connection(i).session().is_asked()) {
            pool.connection(i).session().answer();
        }
    }
    pool.run();
    EXPECT_TRUE(one->has_lease());
    EXPECT_TRUE(two->has_lease());
}

TEST(pool_core, makes_another_when_nobody_answers) {
    pool_options options = pool_of(1, 1);
    options.check_after = 100ms;
    options.check_timeout = 50ms;
    idle_pool pool(options);
    pool.pass(200ms);
    const auto asked = pool.ask();
    pool.pass(50ms);
    EXPECT_EQ(pool.metrics().checks_failed, 1U);
    ASSERT_EQ(pool.world->connections.size(), 2U);
    EXPECT_TRUE(pool.connection(0).is_stopping);
    pool.connection(0).session().answer();  // too late
    pool.end_stopping();
    pool.open_all();
    EXPECT_TRUE(asked->has_lease());
}

TEST(pool_core, makes_another_when_the_answer_is_an_error) {
    pool_options options = pool_of(1, 1);
    options.check_after = 100ms;
    idle_pool pool(options);
    pool.pass(200ms);
    const auto asked = pool.ask();
    pool.connection(0).session().answer(false);
    EXPECT_EQ(pool.metrics().checks_failed, 1U);
    EXPECT_EQ(pool.world->connections.size(), 2U);
}

TEST(pool_core, takes_connections_without_pings_as_they_are) {
    pool_options options = pool_of(1, 1);
    options.check_after = 100ms;
    idle_pool pool(options);
    pool.pass(200ms);
    pool.connection(0).session().has_no_pings = true;
    const auto asked = pool.ask();
    EXPECT_TRUE(asked->has_lease());
}

TEST(pool_core, checks_for_who_does_not_wait_as_well) {
    pool_options options = pool_of(1, 1);
    options.check_after = 100ms;
    idle_pool pool(options);
    pool.pass(200ms);
    const auto refused = pool.take();
    ASSERT_TRUE(refused.is_err());
    EXPECT_EQ(refused.error(), errc::would_block);
    pool.connection(0).session().answer();
    EXPECT_TRUE(pool.take().is_ok());
}

}  // namespace
}  // namespace network_system::resilience
