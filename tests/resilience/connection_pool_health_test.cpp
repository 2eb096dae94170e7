// Pools of connections whose server does not answer any more.
#include "resilience/pool_servers.h"

#include <network_system/core/messaging_client.h>

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace pools {
namespace {

TEST(pool, finds_connections_that_have_gone_quiet_before_it_lends_them) {
    test_server server;
    auto options = pool_to(server.start());
    options.max_size = 1;
    options.check_after = 1ms;
    options.check_timeout = 20ms;
    options.connection.client.drain_timeout = 50ms;
    connection_pool pool(options);
    ASSERT_TRUE(is_ok(pool.initialize()));
    ASSERT_TRUE(server.sessions.wait_for(1));
    (void)server.sessions.at(0)->pause_receiving();  // it does not answer any more
    ASSERT_TRUE(eventually([&] {
        EXPECT_TRUE(is_ok(pool.acquire()));
        return pool.metrics().checks_failed == 1;
    }));
    auto works = pool.acquire();
    ASSERT_TRUE(is_ok(works));
    EXPECT_TRUE(is_ok(works.value().client()->ping()));
    EXPECT_GE(server.sessions.size(), 2U);
}

/// A pool of one or more connections to this server that are watched.
[[nodiscard]] pool_options watched_pool_to(test_server& server, unsigned max_missed) {
    auto options = pool_to(server.start());
    options.connection.client.drain_timeout = 50ms;
    options.health = {.interval = 100ms, .max_missed = max_missed};
    return options;
}

TEST(pool_health, sets_a_connection_aside_whose_server_does_not_answer) {
    test_server server;
    auto options = watched_pool_to(server, 1000);
    options.max_size = 1;
    connection_pool pool(options);
    ASSERT_TRUE(is_ok(pool.initialize()));
    ASSERT_TRUE(server.sessions.wait_for(1));
    (void)server.sessions.at(0)->pause_receiving();
    ASSERT_TRUE(eventually([&] { return pool.metrics().quiet == 1; }));
    EXPECT_GE(pool.metrics().set_aside, 1U);
    const auto refused = pool.acquire(1ms);
    ASSERT_TRUE(fails_with(refused, errc::connection_timeout));
    EXPECT_NE(refused.error().message.find("1 of 1 quiet"), std::string::npos)
        << refused.error().message;
    (void)server.sessions.at(0)->resume_receiving();
    EXPECT_TRUE(is_ok(pool.acquire())) << "it answers again";
    EXPECT_EQ(pool.metrics().created, 1U);
}

TEST(pool_health, lends_another_connection_than_the_quiet_one) {
    test_server server;
    auto options = watched_pool_to(server, 1000);
    options.max_size = 2;
    connection_pool pool(options);
    ASSERT_TRUE(is_ok(pool.initialize()));
    ASSERT_TRUE(server.sessions.wait_for(1));
    (void)server.sessions.at(0)->pause_receiving();
    ASSERT_TRUE(eventually([&] { return pool.metrics().quiet == 1; }));
    auto works = pool.acquire();
    ASSERT_TRUE(is_ok(works));
    EXPECT_TRUE(is_ok(works.value().client()->ping()));
    EXPECT_EQ(pool.metrics().broken, 0U);
}

TEST(pool_health, replaces_a_connection_that_has_died) {
    test_server server;
    auto options = watched_pool_to(server, 2);
    options.health->close_when_dead = false;  // the pool knows better
    connection_pool pool(options);
    ASSERT_TRUE(is_ok(pool.initialize()));
    ASSERT_TRUE(server.sessions.wait_for(1));
    (void)server.sessions.at(0)->pause_receiving();
    ASSERT_TRUE(eventually([&] { return pool.metrics().broken >= 1; }));
    auto works = pool.acquire();
    ASSERT_TRUE(is_ok(works));
    EXPECT_TRUE(is_ok(works.value().client()->ping()));
}

}  // namespace
}  // namespace pools
