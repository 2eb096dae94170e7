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

}  // namespace
}  // namespace pools
