// How monitors of health are begun and ended, and what they watch.
#include "resilience/watched_pair.h"

#include <network_system/config.h>
#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#endif

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::resilience {
namespace {

TEST(health_monitor_test, follows_a_client_over_its_connections) {
    watched_pair pair(9, {.interval = seconds{1}});
    ASSERT_TRUE(pair.connect());
    ASSERT_TRUE(pair.wait_for(health::healthy));
    ASSERT_TRUE(pair.sim.run_for(seconds{10}));
    const auto first = pair.monitor.report();
    EXPECT_GT(first.probes_answered, 8U);

    pair.sim.reset_connections("client", "server");
    ASSERT_TRUE(pair.wait([&] { return pair.ended.has_value(); }));
    EXPECT_EQ(pair.monitor.state(), health::unknown) << "nobody is watched";
    EXPECT_EQ(pair.told, std::vector{health::healthy}) << "an end is no change of health";

    ASSERT_TRUE(pair.connect());
    ASSERT_TRUE(pair.wait([&] { return pair.told.size() == 2; }));
    EXPECT_EQ(pair.told.back(), health::healthy);
    const auto second = pair.monitor.report();
    EXPECT_NE(second.session_id, first.session_id);
    EXPECT_EQ(second.session_id, pair.session->id());
    EXPECT_GT(second.probes_answered, first.probes_answered);
    EXPECT_EQ(second.probes_missed, 0U);
}

TEST(health_monitor_test, watches_sessions_of_a_server_too) {
    watched_pair pair(9);
    std::vector<std::unique_ptr<health_monitor>> all;
    std::vector<health> states;
    (void)pair.server.set_connection_callback([&](const session_ptr& made) {
        auto one = std::make_unique<health_monitor>(health_options{.interval = seconds{1}});
        (void)one->set_health_callback(
            [&](const health_report& now) { states.push_back(now.state); });
        EXPECT_TRUE(one->start(made));
        all.push_back(std::move(one));
    });
    ASSERT_TRUE(pair.connect());
    ASSERT_TRUE(pair.sim.run_for(minutes{1}));
    pair.sim.partition("client", "server", hours{1});
    ASSERT_TRUE(pair.sim.run_for(seconds{3}));
    EXPECT_EQ(states, (std::vector{health::healthy, health::quiet, health::dead}));
    EXPECT_TRUE(pair.server.get_sessions().empty());
}

TEST(health_monitor_test, formats_without_pings_are_refused) {
    for (const framing each : {framing::raw, framing::length_prefixed}) {
        client_options options;
        options.session.frames = each;
        watched_pair pair(1, {}, {}, options);
        server_options other = pair.sim.on_host("server", server_options{});
        other.session.frames = each;
        messaging_server server("other", other);
        ASSERT_TRUE(server.start_server(health_port));
        ASSERT_TRUE(pair.connect());
        EXPECT_EQ(health_code(*pair.begun), health_code(errc::not_supported));
        EXPECT_NE(pair.begun->error().message.find("ping"), std::string::npos);
        EXPECT_EQ(pair.monitor.state(), health::unknown);
        EXPECT_TRUE(pair.sim.run_for(minutes{1}));
        EXPECT_FALSE(pair.ended);
    }
}

TEST(health_monitor_test, what_it_cannot_watch_is_refused) {
    watched_pair pair(1);
    EXPECT_EQ(health_code(pair.monitor.start(session_ptr())), health_code(errc::invalid_argument));
    EXPECT_EQ(health_code(pair.monitor.start(pair.client)), health_code(errc::connection_closed));
    ASSERT_TRUE(pair.connect());
    health_monitor wrong({.interval = milliseconds{0}});
    const auto refused = wrong.start(pair.session);
    EXPECT_EQ(health_code(refused), health_code(errc::invalid_argument));
    EXPECT_NE(refused.error().message.find("health_options::interval"), std::string::npos);
    EXPECT_EQ(health_code(pair.monitor.set_health_callback([](const health_report&) {})),
              health_code(errc::invalid_argument));
    pair.monitor.stop();
    pair.monitor.stop();
    EXPECT_TRUE(pair.monitor.set_health_callback({}));
    pair.client.stop_client();
    ASSERT_TRUE(pair.wait([&] { return pair.ended.has_value(); }));
    EXPECT_EQ(health_code(pair.monitor.start(pair.session)), health_code(errc::connection_closed));
}

TEST(health_monitor_test, nothing_happens_after_a_stop) {
    watched_pair pair(1, {.interval = seconds{1}});
    ASSERT_TRUE(pair.connect());
    ASSERT_TRUE(pair.wait_for(health::healthy));
    pair.monitor.stop();
    EXPECT_EQ(pair.monitor.state(), health::unknown);
    const auto sent = pair.monitor.report().probes_sent;
    pair.sim.partition("client", "server", seconds{20});
    EXPECT_TRUE(pair.sim.run_for(minutes{1}));
    EXPECT_FALSE(pair.ended);
    EXPECT_EQ(pair.told, std::vector{health::healthy});
    EXPECT_EQ(pair.monitor.report().probes_sent, sent);
}

TEST(health_monitor_test, may_be_stopped_or_destroyed_in_its_callback) {
    for (const bool destroys : {false, true}) {
        watched_pair pair(1);
        ASSERT_TRUE(pair.connect());
        auto monitor = std::make_unique<health_monitor>(health_options{.interval = seconds{1}});
        int calls = 0;
        (void)monitor->set_health_callback([&](const health_report& now) {
            ++calls;
            if (destroys) {
                monitor.reset();
            } else {
                monitor->stop();
            }
            EXPECT_EQ(now.state, health::healthy);
        });
        ASSERT_TRUE(monitor->start(pair.client));
        EXPECT_TRUE(pair.sim.run_for(minutes{1}));
        EXPECT_EQ(calls, 1);
        EXPECT_FALSE(pair.ended);
    }
}

TEST(health_monitor_test, may_begin_anew_in_its_callback) {
    watched_pair pair(1, {.interval = seconds{1}, .close_when_dead = false});
    int calls = 0;
    (void)pair.monitor.set_health_callback([&](const health_report& now) {
        if (++calls < 10) {
            EXPECT_EQ(now.state, health::healthy);
            EXPECT_TRUE(pair.monitor.start(pair.client));
        }
    });
    ASSERT_TRUE(pair.connect());
    EXPECT_TRUE(pair.sim.run_for(minutes{1}));
    EXPECT_EQ(calls, 10);
}

TEST(health_monitor_test, a_callback_that_throws_closes_the_session) {
    watched_pair pair(1);
    ASSERT_TRUE(pair.monitor.set_health_callback(
        [](const health_report&) { throw std::runtime_error("user code failed"); }));
    ASSERT_TRUE(pair.connect());
    ASSERT_TRUE(pair.wait([&] { return pair.ended.has_value(); }));
    EXPECT_EQ(*pair.ended, errc::internal_error);
}

TEST(health_monitor_test, outlives_what_it_watches) {
    health_monitor monitor;
    {
        watched_pair pair(1);
        ASSERT_TRUE(pair.connect());
        ASSERT_TRUE(monitor.start(pair.client));
        ASSERT_TRUE(pair.sim.run_for(seconds{1}));
        EXPECT_EQ(monitor.state(), health::healthy);
    }
    EXPECT_EQ(monitor.state(), health::unknown);
    EXPECT_EQ(monitor.report().probes_answered, 1U);
    monitor.stop();
}

#if NETWORK_SYSTEM_WITH_WEBSOCKET
TEST(health_monitor_test, watches_websockets) {
    simulation sim(11);
    core::messaging_ws_server server("server");
    core::ws_server_config at_server = sim.on_host("server");
    at_server.port = health_port;
    ASSERT_TRUE(server.start_server(at_server));
    core::messaging_ws_client client("client");
    core::ws_client_config at_client = sim.on_host("client");
    at_client.host = "server";
    at_client.port = health_port;
    health_monitor monitor({.interval = seconds{1}, .max_missed = 3});
    std::vector<health> states;
    (void)monitor.set_health_callback(
        [&](const health_report& now) { states.push_back(now.state); });
    (void)client.set_connected_callback([&] { EXPECT_TRUE(monitor.start(client)); });
    bool has_ended = false;
    (void)client.set_disconnected_callback([&] { has_ended = true; });
    ASSERT_TRUE(client.start_client(at_client, [](VoidResult) {}));
    ASSERT_TRUE(sim.run_for(minutes{1}));
    EXPECT_EQ(states, std::vector{health::healthy});
    EXPECT_GT(monitor.report().probes_answered, 55U);
    const auto lost_at = sim.now();
    sim.partition("client", "server", hours{1});
    ASSERT_TRUE(sim.run_until([&] { return has_ended; }, minutes{1}));
    EXPECT_LE(sim.now() - lost_at, seconds{3});
    EXPECT_EQ(states, (std::vector{health::healthy, health::quiet, health::dead}));
}
#endif

}  // namespace
}  // namespace network_system::resilience
