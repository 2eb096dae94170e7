// Clients with several endpoints, over real sockets.
#include "resilience/noting_server.h"

#include <network_system/resilience/resilient_client.h>

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

namespace resilient_client_test {
namespace {

using network_system::resilience::balancing;

TEST(failover, goes_to_the_next_endpoint_and_back) {
    noting_server first;
    noting_server second;
    auto options = options_to({first.port(), second.port()});
    options.connection.client.reconnect.stable_after = 1ms;
    resilient_client client("test", options);
    ASSERT_TRUE(is_ok(client.connect()));
    EXPECT_TRUE(is_ok(client.send_with_retry("to the first")));
    ASSERT_TRUE(first.texts.wait_for(1));
    first.stop();
    std::size_t sent = 0;
    const auto arrives_at = [&](noting_server& wanted) {
        const std::size_t before = wanted.texts.size();
        return eventually([&] {
            EXPECT_TRUE(is_ok(client.send_with_retry("now " + std::to_string(++sent))));
            return wanted.texts.size() > before;
        });
    };
    EXPECT_TRUE(arrives_at(second));
    first.start_again();
    EXPECT_TRUE(arrives_at(first));
    EXPECT_GE(client.metrics().failovers, 1U);
    EXPECT_TRUE(is_ok(client.disconnect()));
    EXPECT_TRUE(adds_up(client));
}

TEST(failover, tries_the_next_endpoint_at_the_start) {
    noting_server second;
    resilient_client client("test", options_to({free_port(), second.port()}));
    ASSERT_TRUE(is_ok(client.connect()));
    EXPECT_TRUE(is_ok(client.send_with_retry("hello")));
    EXPECT_TRUE(second.texts.wait_for(1));
    EXPECT_TRUE(is_ok(client.disconnect()));
}

TEST(balancing_test, takes_endpoints_in_turn) {
    noting_server servers[3];
    for (const auto how : {balancing::round_robin, balancing::least_pending}) {
        auto options = options_to({servers[0].port(), servers[1].port(), servers[2].port()});
        options.balance = how;
        resilient_client client("test", options);
        ASSERT_TRUE(is_ok(client.connect()));
        ASSERT_TRUE(eventually([&] { return client.metrics().connections.connects == 3; }));
        for (auto& each : servers) {
            each.texts.clear();
        }
        const auto gets_some = [&](noting_server& wanted) {
            return eventually([&] {
                EXPECT_TRUE(is_ok(client.send_with_retry("m")));
                return wanted.texts.size() > 0;
            });
        };
        for (auto& each : servers) {
            EXPECT_TRUE(gets_some(each));
        }
        EXPECT_TRUE(is_ok(client.disconnect()));
        EXPECT_TRUE(adds_up(client));
    }
}

}  // namespace
}  // namespace resilient_client_test
