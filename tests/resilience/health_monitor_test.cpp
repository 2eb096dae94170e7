// What is found out about sessions that are watched, in simulated networks that fall silent.
#include "resilience/watched_pair.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace network_system::inline v0_1::resilience {
namespace {

TEST(health_monitor_test, measures_round_trips) {
    simulation_options network;
    network.latency = {milliseconds{10}, milliseconds{10}};
    network.batch_time = {};
    watched_pair pair(1, {.interval = seconds{1}}, network);
    EXPECT_EQ(pair.monitor.state(), health::unknown);
    ASSERT_TRUE(pair.connect());
    ASSERT_TRUE(*pair.begun);
    ASSERT_TRUE(pair.wait_for(health::healthy, seconds{1}));
    EXPECT_EQ(pair.last.session_id, pair.session->id());
    EXPECT_EQ(pair.last.last_rtt, milliseconds{20});
    ASSERT_TRUE(pair.sim.run_for(minutes{10}));
    const auto report = pair.monitor.report();
    EXPECT_EQ(report.state, health::healthy);
    EXPECT_EQ(report.smoothed_rtt, milliseconds{20});
    EXPECT_EQ(report.p99_rtt, milliseconds{20});
    EXPECT_EQ(report.min_rtt, milliseconds{20});
    EXPECT_EQ(report.max_rtt, milliseconds{20});
    EXPECT_NEAR(static_cast<double>(report.probes_sent), 600, 5);
    EXPECT_EQ(report.probes_answered, report.probes_sent);
    EXPECT_EQ(report.probes_missed, 0U);
    EXPECT_EQ(report.loss_rate, 0);
    EXPECT_EQ(pair.told, std::vector{health::healthy}) << "told of changes only";
}

/// The peer vanishes at some moment; empty when that was found, and in time.
std::string lose_peer(std::uint64_t seed) {
    simulation_options network;
    network.latency = {microseconds{10}, milliseconds{static_cast<int>(seed % 150)}};
    health_options options;
    options.interval = milliseconds{500 + seed % 1000};
    options.max_missed = 1 + static_cast<unsigned>(seed % 5);
    watched_pair pair(seed, options, network);
    if (!pair.connect() || !pair.wait_for(health::healthy, minutes{1})) {
        return "not healthy at first";
    }
    (void)pair.sim.run_for(milliseconds{pair.sim.random_below(10'000)});
    if (pair.told.size() != 1 || pair.ended) {
        return "it did not stay healthy";
    }
    const auto lost_at = pair.sim.now();
    pair.sim.partition("client", "server", hours{1});
    if (!pair.wait_for(health::dead, hours{1})) {
        return "not found";
    }
    const nanoseconds took = pair.told_at - lost_at;
    if (took > options.interval * options.max_missed) {
        return "found after " + std::to_string(took.count()) + " ns";
    }
    if (options.max_missed > 1 &&
        pair.told != std::vector{health::healthy, health::quiet, health::dead}) {
        return "told something else";
    }
    if (!pair.wait([&] { return pair.ended.has_value(); }, seconds{1}) ||
        *pair.ended != errc::connection_timeout || pair.ended_at - pair.told_at > seconds{1}) {
        return "not closed with connection_timeout";
    }
    const auto report = pair.monitor.report();
    return report.state == health::dead && report.missed == options.max_missed &&
                   report.probes_missed == options.max_missed
               ? ""
               : "the report says something else";
}

TEST(health_monitor_test, finds_a_half_open_connection_in_time) {
    EXPECT_EQ(testing::try_seeds(testing::seeds_to_try({1, 1000}), lose_peer), "");
}

TEST(health_monitor_test, a_connection_that_was_silent_for_a_while_is_healthy_again) {
    watched_pair pair(3, {.interval = seconds{1}, .max_missed = 5});
    ASSERT_TRUE(pair.connect());
    ASSERT_TRUE(pair.wait_for(health::healthy));
    for (int i = 0; i < 10; ++i) {
        const auto lost_at = pair.sim.now();
        pair.sim.partition("client", "server", seconds{3});
        ASSERT_TRUE(pair.wait_for(health::quiet, seconds{2})) << "before a second interval is over";
        EXPECT_LE(pair.told_at - lost_at, seconds{2});
        EXPECT_EQ(pair.monitor.state(), health::quiet);
        EXPECT_EQ(pair.monitor.report().missed, 1U);
        ASSERT_TRUE(pair.wait_for(health::healthy, seconds{5}));
        EXPECT_LE(pair.told_at - lost_at, seconds{3} + milliseconds{10});
        ASSERT_TRUE(pair.sim.run_for(seconds{5}));
    }
    EXPECT_FALSE(pair.ended);
    EXPECT_GT(pair.monitor.report().loss_rate, 0.1);
    EXPECT_LT(pair.monitor.report().loss_rate, 0.9);
}

TEST(health_monitor_test, may_leave_the_dead_to_the_application) {
    watched_pair pair(3, {.interval = seconds{1}, .max_missed = 2, .close_when_dead = false});
    ASSERT_TRUE(pair.connect());
    ASSERT_TRUE(pair.wait_for(health::healthy));
    pair.sim.partition("client", "server", seconds{20});
    ASSERT_TRUE(pair.wait_for(health::dead, seconds{2}));
    EXPECT_TRUE(pair.sim.run_for(seconds{30}));
    EXPECT_FALSE(pair.ended);
    EXPECT_EQ(pair.monitor.state(), health::dead);
    ASSERT_TRUE(pair.monitor.start(pair.client)) << "the application finds out that it was not";
    ASSERT_TRUE(pair.wait_for(health::healthy));
}

TEST(health_monitor_test, does_not_end_a_session_whose_peer_takes_what_it_is_sent) {
    // 4 KiB in 200 ms and more, and a megabyte before each ping.
    simulation_options network;
    network.latency = {milliseconds{100}, milliseconds{100}};
    network.buffer = 4096;
    client_options patient;
    patient.session.idle_timeout = milliseconds{0};
    patient.session.ping_interval = milliseconds{0};
    watched_pair pair(5, {.interval = seconds{1}, .max_missed = 2}, network, patient);
    std::size_t received = 0;
    (void)pair.server.set_receive_callback(
        [&](std::span<const std::uint8_t> data) { received += data.size(); });
    ASSERT_TRUE(pair.connect());
    ASSERT_TRUE(pair.wait_for(health::healthy));
    constexpr std::size_t size = std::size_t{1} << 20U;
    ASSERT_TRUE(pair.client.send_packet(std::vector<std::uint8_t>(size)));
    const auto sent_at = pair.sim.now();
    EXPECT_TRUE(pair.wait([&] { return received == size || pair.ended; }));
    EXPECT_EQ(received, size);
    EXPECT_GT(pair.sim.now() - sent_at, seconds{20});
    EXPECT_TRUE(pair.sim.run_for(seconds{10}));
    EXPECT_FALSE(pair.ended);
    EXPECT_EQ(pair.monitor.state(), health::healthy);

    ASSERT_TRUE(pair.client.send_packet(std::vector<std::uint8_t>(size)));
    EXPECT_TRUE(pair.sim.run_for(seconds{10}));
    ASSERT_FALSE(pair.ended);
    const auto lost_at = pair.sim.now();
    pair.sim.partition("client", "server", hours{1});
    ASSERT_TRUE(pair.wait_for(health::dead, seconds{10}));
    EXPECT_LE(pair.told_at - lost_at, seconds{2});
}

TEST(health_monitor_test, does_not_judge_while_nothing_is_read) {
    watched_pair pair(7, {.interval = seconds{1}, .max_missed = 1});
    ASSERT_TRUE(pair.connect());
    ASSERT_TRUE(pair.wait_for(health::healthy));
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(pair.client.pause_receiving());
        ASSERT_TRUE(pair.sim.run_for(minutes{1} + milliseconds{i * 53}));
        ASSERT_TRUE(pair.client.resume_receiving());
        ASSERT_TRUE(pair.sim.run_for(seconds{20}));
    }
    EXPECT_FALSE(pair.ended);
    EXPECT_EQ(pair.told, std::vector{health::healthy});
}

}  // namespace
}  // namespace network_system::resilience
