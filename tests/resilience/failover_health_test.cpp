// A client whose preferred endpoint falls silent, in a simulated network.
#include <network_system/core/messaging_server.h>
#include <network_system/resilience/resilient_client.h>
#include <network_system/testing/simulation.h>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace network_system::inline v0_1::resilience {
namespace {

using core::messaging_server;
using core::server_options;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint16_t both_listen_at = 4000;

TEST(failover, sends_nothing_to_an_endpoint_that_is_found_dead) {
    testing::simulation sim(1);
    messaging_server first("first", sim.on_host("first", server_options{}));
    messaging_server second("second", sim.on_host("second", server_options{}));
    std::size_t received = 0;
    ASSERT_TRUE(second.set_receive_callback([&] { ++received; }));
    ASSERT_TRUE(first.start_server(both_listen_at));
    ASSERT_TRUE(second.start_server(both_listen_at));
    resilient_client_options options;
    options.endpoints = {{"first", both_listen_at}, {"second", both_listen_at}};
    options.connection.client = sim.on_host("client", core::client_options{});
    options.health = {.interval = seconds{1}, .max_missed = 3};
    resilient_client client("client", options);
    bool is_connected = false;
    ASSERT_TRUE(client.connect([&](const VoidResult& result) { is_connected = result.is_ok(); }));
    ASSERT_TRUE(sim.run_until([&] { return is_connected; }, minutes{1}));

    sim.partition("client", "first", hours{1});
    ASSERT_TRUE(sim.run_until([&] { return client.metrics().failovers == 1; }, seconds{3}))
        << "as soon as it is quiet";
    constexpr std::size_t count = 100;
    for (std::size_t i = 1; i <= count; ++i) {
        sim.after(std::chrono::milliseconds{100} * i,
                  [&] { EXPECT_TRUE(client.send_with_retry("to the second")); });
    }
    ASSERT_TRUE(sim.run_for(minutes{1}));
    EXPECT_EQ(received, count);
    EXPECT_EQ(client.metrics().failovers, 1U);
}

}  // namespace
}  // namespace network_system::resilience
