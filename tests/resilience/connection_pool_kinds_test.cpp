// Pools of connections of every kind: over TCP, TLS and WebSocket.
#include "resilience/pool_servers.h"

#include <network_system/core/connection_pool.h>

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace pools {
namespace {

class pool_of_kind : public testing::TestWithParam<connection_kind> {};

[[nodiscard]] std::string name_of(const testing::TestParamInfo<connection_kind>& kind) {
    constexpr std::array names{"tcp", "tls", "ws", "wss"};
    return names.at(static_cast<std::size_t>(kind.param));
}

INSTANTIATE_TEST_SUITE_P(all, pool_of_kind, testing::ValuesIn(kinds()), name_of);

TEST_P(pool_of_kind, lends_connections_that_work) {
    const auto server = make_server(GetParam());
    received_messages_of_pool received;
    auto options = pool_to(server->start(), GetParam());
    options.min_size = 2;
    connection_pool pool(options, received.callbacks());
    ASSERT_TRUE(is_ok(pool.initialize()));
    EXPECT_EQ(pool.pool_size(), 2U);
    EXPECT_EQ(pool.active_count(), 0U);
    {
        auto one = pool.acquire();
        auto two = pool.acquire();
        auto three = pool.acquire();
        ASSERT_TRUE(is_ok(one));
        ASSERT_TRUE(is_ok(two));
        ASSERT_TRUE(is_ok(three));
        EXPECT_EQ(pool.active_count(), 3U);
        EXPECT_EQ(pool.pool_size(), 3U);
        EXPECT_TRUE(is_ok(one.value()->send_packet("one")));
        EXPECT_TRUE(is_ok(three.value()->send_packet("three")));
        ASSERT_TRUE(received.all.wait_for(2));
        const bool is_framed =
            GetParam() == connection_kind::tcp || GetParam() == connection_kind::tls;
        EXPECT_EQ(one.value().client() != nullptr, is_framed);
        EXPECT_EQ(one.value().websocket() != nullptr, !is_framed);
        pool.release(std::move(two).value());
        EXPECT_EQ(pool.active_count(), 2U);
    }
    EXPECT_EQ(pool.active_count(), 0U);
    EXPECT_EQ(pool.idle_count(), 3U);
}

TEST_P(pool_of_kind, has_its_connections_again_when_a_server_restarts) {
    const auto server = make_server(GetParam());
    received_messages_of_pool received;
    auto options = pool_to(server->start(), GetParam());
    options.min_size = 2;
    options.max_size = 2;
    connection_pool pool(options, received.callbacks());
    ASSERT_TRUE(is_ok(pool.initialize()));
    for (std::size_t round = 1; round <= 3; ++round) {
        server->stop();
        // One that was made in the moment of the stop breaks, too.
        ASSERT_TRUE(eventually([&] { return pool.pool_size() == 0; }));
        EXPECT_GE(pool.metrics().broken, 2 * round);
        server->start();
        ASSERT_TRUE(eventually([&] { return pool.pool_size() == 2; })) << round;
        auto again = pool.acquire();
        ASSERT_TRUE(is_ok(again));
        ASSERT_TRUE(is_ok(again.value()->send_packet("again")));
        ASSERT_TRUE(received.all.wait_for(round));
    }
    EXPECT_GE(pool.metrics().created, 8U);
}

TEST_P(pool_of_kind, asks_connections_that_were_idle) {
    const auto server = make_server(GetParam());
    auto options = pool_to(server->start(), GetParam());
    options.check_after = 1ms;
    connection_pool pool(options);
    ASSERT_TRUE(is_ok(pool.initialize()));
    for (std::uint64_t wanted = 1; wanted <= 3; ++wanted) {
        ASSERT_TRUE(eventually([&] {
            EXPECT_TRUE(is_ok(pool.acquire()));
            return pool.metrics().checks >= wanted;
        }));
    }
    EXPECT_EQ(pool.metrics().checks_failed, 0U);
    EXPECT_EQ(pool.metrics().created, 1U);
}

}  // namespace
}  // namespace pools
