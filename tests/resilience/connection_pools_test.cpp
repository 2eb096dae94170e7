// A pool for each server that somebody asks for.
#include "resilience/pool_servers.h"

#include <network_system/resilience/connection_pools.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pools {
namespace {

using network_system::resilience::connection_pools;
using network_system::resilience::pools_options;

[[nodiscard]] pools_options of_many() {
    pools_options options;
    options.each = pool_to(0);
    options.each.min_size = 0;
    return options;
}

TEST(pools, have_one_pool_for_each_server) {
    test_server one;
    test_server two;
    const auto first = one.start();
    const auto second = two.start();
    received_messages_of_pool received;
    connection_pools all(of_many(), received.callbacks());
    const auto pool = all.get("127.0.0.1", first);
    ASSERT_TRUE(is_ok(pool));
    EXPECT_EQ(all.get("127.0.0.1", first).value(), pool.value());
    EXPECT_NE(all.get("127.0.0.1", second).value(), pool.value());
    EXPECT_EQ(pool.value()->server().port, first);
    EXPECT_EQ(all.target_count(), 2U);
    auto here = all.acquire("127.0.0.1", first);
    auto there = all.acquire("127.0.0.1", second);
    ASSERT_TRUE(is_ok(here));
    ASSERT_TRUE(is_ok(there));
    EXPECT_TRUE(is_ok(here.value()->send_packet("here")));
    EXPECT_TRUE(is_ok(there.value()->send_packet("there")));
    EXPECT_TRUE(received.all.wait_for(2));
    EXPECT_EQ(all.metrics().active, 2U);
    EXPECT_EQ(all.metrics().created, 2U);
}

TEST(pools, forget_servers_that_are_not_used_any_more) {
    test_server server;
    const auto port = server.start();
    auto options = of_many();
    options.target_idle_timeout = 4ms;
    connection_pools all(options);
    {
        const auto held = all.acquire("127.0.0.1", port);
        ASSERT_TRUE(is_ok(held));
        const auto waits = all.acquire("127.0.0.1", port);
        ASSERT_TRUE(is_ok(waits));
        EXPECT_EQ(all.target_count(), 1U);
    }
    ASSERT_TRUE(eventually([&] { return all.target_count() == 0; }));
    EXPECT_TRUE(server.closed.wait_for(2)) << "with its connections";
    EXPECT_TRUE(is_ok(all.acquire("127.0.0.1", port)));
}

TEST(pools, forget_none_that_is_in_use) {
    test_server server;
    const auto port = server.start();
    test_server other;
    const auto free = other.start();
    auto options = of_many();
    options.target_idle_timeout = 1ms;
    connection_pools all(options);
    auto held = all.acquire("127.0.0.1", port);
    ASSERT_TRUE(is_ok(held));
    ASSERT_TRUE(is_ok(all.acquire("127.0.0.1", free)));
    ASSERT_TRUE(eventually([&] { return all.target_count() == 1; })) << "the other one is";
    EXPECT_TRUE(is_ok(held.value()->send_packet("still here")));
    EXPECT_TRUE(server.received.wait_for(1));
    {
        const auto kept = all.get("127.0.0.1", port);
        held.value().release();
        EXPECT_TRUE(is_ok(kept.value()->acquire()));
    }
    EXPECT_TRUE(eventually([&] { return all.target_count() == 0; }));
}

TEST(pools, make_room_for_the_next_server) {
    auto options = of_many();
    options.max_targets = 2;
    connection_pools all(options);
    test_server server;
    const auto port = server.start();
    auto held = all.acquire("127.0.0.1", port);
    ASSERT_TRUE(is_ok(held));
    EXPECT_TRUE(is_ok(all.get("a.example", 1)));
    EXPECT_TRUE(is_ok(all.get("b.example", 1)));
    EXPECT_EQ(all.target_count(), 2U);
    const auto kept = all.get("b.example", 1);
    const auto refused = all.get("c.example", 1);
    ASSERT_TRUE(fails_with(refused, errc::rate_limited));
    EXPECT_NE(refused.error().message.find("max_targets"), std::string::npos);
}

TEST(pools, end_all_of_them) {
    test_server server;
    const auto port = server.start();
    connection_pools all(of_many());
    auto held = all.acquire("127.0.0.1", port);
    const auto pool = all.get("127.0.0.1", port).value();
    EXPECT_TRUE(is_ok(all.shutdown()));
    EXPECT_TRUE(is_ok(all.shutdown()));
    EXPECT_EQ(all.target_count(), 0U);
    EXPECT_TRUE(fails_with(pool->acquire(), errc::connection_closed));
    EXPECT_TRUE(fails_with(all.get("127.0.0.1", port), errc::connection_closed));
    EXPECT_TRUE(fails_with(all.acquire("127.0.0.1", port), errc::connection_closed));
    held.value().release();
    EXPECT_TRUE(server.closed.wait_for(1));
}

TEST(pools, check_their_options) {
    auto options = of_many();
    options.max_targets = 0;
    connection_pools none(options);
    EXPECT_TRUE(fails_with(none.get("a.example", 1), errc::invalid_argument));
    options = of_many();
    options.each.max_size = 0;
    connection_pools empty(options);
    const auto refused = empty.get("a.example", 1);
    ASSERT_TRUE(fails_with(refused, errc::invalid_argument));
    EXPECT_NE(refused.error().message.find("max_size"), std::string::npos);
}

}  // namespace
}  // namespace pools
