// Durations that mean "never": what they stand for does not happen, however long it takes.
#include "support/proxy_headers.h"
#include "testing/echo_pair.h"

#include <network_system/session/request.h>

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>

namespace network_system::inline v0_1::testing {
namespace {

using std::chrono::hours;

// The value that everybody writes, its neighbour, and one that is beyond the range of the clock.
constexpr std::array forever{milliseconds::max(), milliseconds::max() - milliseconds(1),
                             milliseconds(hours(24 * 365 * 300))};

/// Slower than the millisecond after which a deadline in the past expires.
simulation_options slow_network() {
    simulation_options options;
    options.latency = {milliseconds(20), milliseconds(20)};
    return options;
}

/// A duration, and where it is set.
struct tcp_duration {
    const char* name;
    std::function<void(server_options&, client_options&, milliseconds)> set;
};

class stream_duration : public ::testing::TestWithParam<tcp_duration> {};

INSTANTIATE_TEST_SUITE_P(
    field_faults, stream_duration,
    ::testing::Values(
        tcp_duration{"connect_timeout",
                     [](auto&, auto& client, auto time) { client.connect_timeout = time; }},
        tcp_duration{"drain_timeout_of_a_server",
                     [](auto& server, auto&, auto time) { server.drain_timeout = time; }},
        tcp_duration{"drain_timeout_of_a_client",
                     [](auto&, auto& client, auto time) { client.drain_timeout = time; }},
        tcp_duration{"idle_timeout",
                     [](auto& server, auto& client, auto time) {
                         server.session.ping_interval = milliseconds(0);
                         client.session.ping_interval = milliseconds(0);
                         server.session.idle_timeout = time;
                         client.session.idle_timeout = time;
                     }},
        tcp_duration{"ping_interval",
                     [](auto& server, auto& client, auto time) {
                         server.session.idle_timeout = milliseconds(0);
                         client.session.idle_timeout = milliseconds(0);
                         server.session.ping_interval = time;
                         client.session.ping_interval = time;
                     }},
        tcp_duration{"pong_timeout",
                     [](auto& server, auto& client, auto time) {
                         server.session.ping_interval = milliseconds(100);
                         client.session.ping_interval = milliseconds(100);
                         server.session.pong_timeout = time;
                         client.session.pong_timeout = time;
                     }}),
    [](const auto& each) { return std::string(each.param.name); });

TEST_P(stream_duration, a_duration_of_max_means_never) {
    for (const milliseconds time : forever) {
        SCOPED_TRACE(time.count());
        server_options at_server;
        client_options at_client;
        GetParam().set(at_server, at_client, time);
        echo_pair pair(slow_network(), 1, at_server, at_client);
        ASSERT_TRUE(pair.start_and_wait());
        pair.send(3, 1'000);
        ASSERT_TRUE(pair.wait_for_all());
        EXPECT_TRUE(pair.sim.run_for(minutes(10)));
        pair.send(3, 1'000);
        ASSERT_TRUE(pair.wait_for_all());
        EXPECT_FALSE(pair.is_disconnected);

        bool has_stopped = false;
        ASSERT_TRUE(pair.server.stop_server([&](VoidResult) { has_stopped = true; }));
        ASSERT_TRUE(pair.sim.run_until([&] { return has_stopped; }, minutes(1)));
        EXPECT_TRUE(pair.is_disconnected);
        EXPECT_EQ(pair.failure, std::error_code());
        EXPECT_EQ(pair.server.metrics().session_errors, 0U);
    }
}

TEST(field_faults, a_ping_interval_of_max_sends_no_pings) {
    for (const milliseconds time : forever) {
        server_options at_server;
        client_options at_client;
        at_server.session.idle_timeout = at_client.session.idle_timeout = time;
        at_server.session.ping_interval = at_client.session.ping_interval = time;
        echo_pair pair(slow_network(), 1, at_server, at_client);
        ASSERT_TRUE(pair.start_and_wait());
        EXPECT_TRUE(pair.sim.run_for(minutes(1)));
        const auto before = pair.client.metrics().totals;
        EXPECT_TRUE(pair.sim.run_for(hours(24 * 365)));
        EXPECT_EQ(pair.client.metrics().totals.bytes_sent, before.bytes_sent);
        EXPECT_EQ(pair.client.metrics().totals.bytes_received, before.bytes_received);
        EXPECT_TRUE(pair.client.is_connected());
    }
}

TEST(field_faults, a_pong_timeout_of_max_waits_for_the_pong_however_long_it_takes) {
    server_options at_server;
    client_options at_client;
    at_client.session.ping_interval = seconds(1);
    at_client.session.pong_timeout = milliseconds::max();
    at_server.session.ping_interval = milliseconds(0);
    at_server.session.idle_timeout = at_client.session.idle_timeout = milliseconds(0);
    echo_pair pair(slow_network(), 1, at_server, at_client);
    ASSERT_TRUE(pair.start_and_wait());
    pair.sim.partition("client", "server", hours(10));
    EXPECT_TRUE(pair.sim.run_for(hours(10)));
    pair.send(1, 10);
    EXPECT_TRUE(pair.wait_for_all());
    EXPECT_FALSE(pair.is_disconnected);
}

TEST(field_faults, a_request_timeout_of_max_waits_for_the_answer_however_late_it_comes) {
    for (const milliseconds time : forever) {
        SCOPED_TRACE(time.count());
        server_options at_server;
        at_server.session.ping_interval = seconds(30);
        echo_pair pair(slow_network(), 1, at_server);
        std::optional<session::responder> later;
        (void)pair.server.set_request_callback(
            [&](const auto&, std::span<const std::uint8_t>, session::responder answer) {
                later.emplace(std::move(answer));
            });
        ASSERT_TRUE(pair.start_and_wait());
        using answer = Result<std::vector<std::uint8_t>>;
        std::optional<answer> answered;
        ASSERT_TRUE(pair.client.request(
            "?", time, [&](answer result) { answered.emplace(std::move(result)); }));
        EXPECT_TRUE(pair.sim.run_for(hours(24)));
        EXPECT_FALSE(answered);
        ASSERT_TRUE(later);
        ASSERT_TRUE(later->respond("!"));
        EXPECT_TRUE(pair.sim.run_until([&] { return answered.has_value(); }, minutes(1)));
        EXPECT_TRUE(answered && answered->is_ok());
    }
}

TEST(field_faults, a_header_timeout_of_max_waits_for_a_proxy_that_is_slow) {
    for (const milliseconds time : forever) {
        SCOPED_TRACE(time.count());
        server_options at_server;
        client_options at_client;
        at_server.session.frames = at_client.session.frames = framing::raw;
        at_server.session.idle_timeout = at_client.session.idle_timeout = milliseconds(0);
        at_server.proxy_protocol.trusted = {"0.0.0.0/0", "::/0"};
        at_server.proxy_protocol.header_timeout = time;
        echo_pair pair(slow_network(), 1, at_server, at_client);
        ASSERT_TRUE(pair.start_and_wait());
        EXPECT_TRUE(pair.sim.run_for(hours(24)));
        ASSERT_TRUE(
            pair.client.send_packet(proxy_wire(proxy_proxy, proxy_tcp4, proxy_tcp4_block(1))));
        pair.send(1, 100);
        EXPECT_TRUE(pair.wait_for_all());
        EXPECT_EQ(pair.server.metrics().proxy_errors, 0U);
    }
}

TEST(field_faults, a_drain_timeout_of_max_waits_for_whoever_reads_late) {
    for (const milliseconds time : forever) {
        SCOPED_TRACE(time.count());
        client_options at_client;
        at_client.drain_timeout = time;
        echo_pair pair(slow_network(), 1, {}, at_client);
        ASSERT_TRUE(pair.start_and_wait());
        pair.sim.partition("client", "server", seconds(60));
        pair.send(50, 10'000);
        std::optional<VoidResult> stopped;
        ASSERT_TRUE(pair.client.stop_client([&](VoidResult result) { stopped = result; }));
        EXPECT_TRUE(pair.sim.run_for(seconds(59)));
        EXPECT_FALSE(stopped) << "nobody could have read it";
        EXPECT_TRUE(pair.sim.run_until([&] { return stopped.has_value(); }, minutes(10)));
        EXPECT_EQ(pair.failure, std::error_code());
        EXPECT_EQ(pair.client.metrics().totals.messages_dropped, 0U);
    }
}

TEST(field_faults, a_time_of_max_in_a_simulation_means_never) {
    using std::chrono::microseconds;
    for (const microseconds time : {microseconds::max(), microseconds(hours(24 * 365 * 293))}) {
        simulation_options options;
        options.latency = {time, time};
        echo_pair pair(options);
        EXPECT_EQ(code_of(pair.start_and_wait()), number(errc::connection_timeout));
        EXPECT_EQ(pair.sim.counts().connections, 0U);
    }
    for (const auto set : {&simulation_options::resolve_time, &simulation_options::batch_time}) {
        simulation_options options;
        options.*set = {microseconds::max(), microseconds::max()};
        echo_pair pair(options);
        ASSERT_TRUE(pair.start());
        EXPECT_TRUE(pair.sim.run_for(hours(24)));
        EXPECT_FALSE(pair.client.is_connected());
    }
    simulation sim(1);
    bool has_run = false;
    sim.after(nanoseconds::max(), [&] { has_run = true; });
    sim.at(nanoseconds::max(), [&] { has_run = true; });
    EXPECT_TRUE(sim.run_for(hours(24 * 365 * 200)));
    EXPECT_FALSE(sim.step());
    EXPECT_FALSE(has_run);
    EXPECT_EQ(sim.now(), hours(24 * 365 * 200));
}

}  // namespace
}  // namespace network_system::testing
