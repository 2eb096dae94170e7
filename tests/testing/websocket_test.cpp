// WebSocket in the simulated network: hours in moments, the same again from the same seed.
#include <network_system/config.h>

#if NETWORK_SYSTEM_WITH_WEBSOCKET

#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#include <network_system/testing/simulation.h>
#include <network_system/utils/log.h>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

using core::messaging_ws_client;
using core::messaging_ws_server;
using core::ws_client_config;
using core::ws_server_config;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::uint16_t ws_port = 4000;

/// A server that echoes, and one client, in a network of their own.
class ws_pair {
public:
    explicit ws_pair(std::uint64_t seed, const simulation_options& options = {})
        : sim(seed, options) {
        at_client = sim.on_host("client");
        at_client.host = "server";
        at_client.port = ws_port;
        at_server = sim.on_host("server");
        at_server.port = ws_port;
        (void)server.set_connection_callback([this](const auto& made) { connection = made; });
        (void)server.set_message_callback([](const auto& from, const ws_message& message) {
            (void)(message.is_text() ? from->send_text(message.text())
                                     : from->send_binary(message.data));
        });
        (void)client.set_connected_callback([this] { ++connected; });
        (void)client.set_disconnected_callback([this](ws_close_code code, std::string_view) {
            closed = code;
            closed_at = sim.now();
        });
        (void)client.set_message_callback([this](const ws_message& message) {
            received.emplace_back(message.data.begin(), message.data.end());
        });
    }

    [[nodiscard]] bool start() {
        std::optional<VoidResult> started;
        if (!server.start_server(at_server) ||
            !client.start_client(at_client, [&](VoidResult answer) { started = answer; })) {
            return false;
        }
        return sim.run_until([&] { return started.has_value(); }, minutes(1)) && *started;
    }
    [[nodiscard]] bool wait(const std::function<bool()>& condition) {
        return sim.run_until(condition, hours(1));
    }

    simulation sim;
    ws_server_config at_server;
    ws_client_config at_client;
    std::shared_ptr<session::ws_connection> connection;
    std::vector<std::string> received;
    int connected = 0;
    std::optional<ws_close_code> closed;
    nanoseconds closed_at{0};
    messaging_ws_server server{"server"};
    messaging_ws_client client{"client"};
};

/// A conversation; the fingerprint of all that happened.
std::uint64_t converse(std::uint64_t seed) {
    ws_pair pair(seed);
    EXPECT_TRUE(pair.start());
    for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(pair.client.send_text(std::string(static_cast<std::size_t>(i * 500), 'x')));
    }
    EXPECT_TRUE(pair.wait([&] { return pair.received.size() == 20; }));
    EXPECT_TRUE(pair.client.close(ws_close_code::normal, "done"));
    EXPECT_TRUE(pair.wait([&] { return pair.closed.has_value(); }));
    EXPECT_EQ(pair.closed, ws_close_code::normal);
    return pair.sim.fingerprint();
}

TEST(simulated_websocket, follows_from_the_seed) {
    EXPECT_EQ(converse(7), converse(7));
    EXPECT_NE(converse(7), converse(8));
}

TEST(simulated_websocket, is_kept_alive_for_hours) {
    ws_pair pair(1);
    ASSERT_TRUE(pair.start());
    EXPECT_TRUE(pair.sim.run_for(hours(3)));
    EXPECT_TRUE(pair.client.is_connected());
    EXPECT_FALSE(pair.closed);
}

TEST(simulated_websocket, ends_when_no_pong_comes) {
    ws_pair pair(1);
    ASSERT_TRUE(pair.start());
    const auto began = pair.sim.now();
    pair.sim.partition("client", "server", hours(1));
    EXPECT_TRUE(pair.wait([&] { return pair.closed.has_value(); }));
    EXPECT_EQ(pair.closed, ws_close_code::abnormal);
    // 30 s until the ping and 10 s for its pong, both by default.
    EXPECT_GE(pair.closed_at - began, seconds(39));
    EXPECT_LE(pair.closed_at - began, seconds(42));
}

TEST(simulated_websocket, comes_back_after_a_restart_in_its_time) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        ws_pair pair(seed);
        pair.at_client.auto_reconnect = true;
        ASSERT_TRUE(pair.start());
        ASSERT_TRUE(pair.connection->close(ws_close_code::service_restart));
        EXPECT_TRUE(pair.wait([&] { return pair.connected == 2; }));
        EXPECT_GE(pair.sim.now() - pair.closed_at, seconds(5));
        EXPECT_LE(pair.sim.now() - pair.closed_at, seconds(31));
        pair.connection->close(ws_close_code::try_again_later);
        EXPECT_TRUE(pair.wait([&] { return pair.connected == 3; }));
        EXPECT_GE(pair.sim.now() - pair.closed_at, seconds(60));
    }
}

TEST(field_faults, a_server_that_accepts_and_then_drops_is_not_stormed) {
    ws_pair pair(1);
    pair.at_client.auto_reconnect = true;
    (void)pair.server.set_connection_callback(
        [](const auto& made) { (void)made->close(ws_close_code::going_away); });
    ASSERT_TRUE(pair.start());
    EXPECT_TRUE(pair.sim.run_for(hours(1)));
    // Pauses are 15 s on average once the ceiling is at its default cap of 30 s.
    const auto in_an_hour = pair.server.metrics().handshakes;
    EXPECT_GE(in_an_hour, 180U);
    EXPECT_LE(in_an_hour, 320U);
}

TEST(field_faults, max_attempts_counts_until_a_connection_has_lasted) {
    ws_pair pair(1);
    pair.at_client.auto_reconnect = true;
    pair.at_client.reconnect.max_attempts = 3;
    (void)pair.server.set_connection_callback([&](const auto& made) {
        pair.connection = made;
        (void)made->close(ws_close_code::going_away);
    });
    ASSERT_TRUE(pair.start());
    EXPECT_TRUE(pair.sim.run_for(hours(1)));
    EXPECT_EQ(pair.connected, 4) << "the start, and three attempts";
    EXPECT_FALSE(pair.client.is_connected());
}

TEST(field_faults, a_connection_that_has_lasted_makes_attempts_count_anew) {
    ws_pair pair(1);
    pair.at_client.auto_reconnect = true;
    pair.at_client.reconnect.max_attempts = 1;
    ASSERT_TRUE(pair.start());
    for (int lost = 1; lost <= 5; ++lost) {
        EXPECT_TRUE(pair.sim.run_for(seconds(11)));
        ASSERT_TRUE(pair.connection->close(ws_close_code::going_away));
        ASSERT_TRUE(pair.wait([&] { return pair.connected == lost + 1; }));
        EXPECT_LE(pair.sim.now() - pair.closed_at, seconds(1)) << "each time the first pause";
    }
}

TEST(field_faults, retry_after_is_heeded_in_time) {
    ws_pair pair(1);
    pair.at_client.auto_reconnect = true;
    int asked = 0;
    (void)pair.server.set_handshake_callback(
        [&](const ws_request&, const endpoint&, ws_handshake_answer& answer) {
            if (++asked == 2) {
                answer.reject({429, {{"Retry-After", "600"}}, {}});
            }
        });
    ASSERT_TRUE(pair.start());
    ASSERT_TRUE(pair.connection->close(ws_close_code::going_away));
    EXPECT_TRUE(pair.wait([&] { return pair.connected == 2; }));
    EXPECT_EQ(asked, 3);
    EXPECT_GE(pair.sim.now() - pair.closed_at, seconds(600));
    EXPECT_LE(pair.sim.now() - pair.closed_at, seconds(603));
}

/// A duration of WebSocket's, and where it is set.
struct ws_duration {
    const char* name;
    std::function<void(ws_server_config&, ws_client_config&, milliseconds)> set;
};

class websocket_duration : public ::testing::TestWithParam<ws_duration> {};

INSTANTIATE_TEST_SUITE_P(
    field_faults, websocket_duration,
    ::testing::Values(
        ws_duration{"connect_timeout",
                    [](auto&, auto& client, auto time) { client.connect_timeout = time; }},
        ws_duration{"handshake_timeout",
                    [](auto& server, auto&, auto time) { server.handshake_timeout = time; }},
        ws_duration{"ping_interval",
                    [](auto& server, auto& client, auto time) {
                        server.ping_interval = client.ping_interval = time;
                    }},
        ws_duration{"pong_timeout",
                    [](auto& server, auto& client, auto time) {
                        server.ping_interval = client.ping_interval = milliseconds(100);
                        server.pong_timeout = client.pong_timeout = time;
                    }},
        ws_duration{"idle_timeout",
                    [](auto& server, auto& client, auto time) {
                        server.ping_interval = client.ping_interval = milliseconds(0);
                        server.idle_timeout = client.idle_timeout = time;
                    }},
        ws_duration{"drain_timeout",
                    [](auto& server, auto& client, auto time) {
                        server.drain_timeout = client.drain_timeout = time;
                    }}),
    [](const auto& each) { return std::string(each.param.name); });

TEST_P(websocket_duration, a_duration_of_max_means_never) {
    for (const milliseconds time : {milliseconds::max(), milliseconds::max() - milliseconds(1),
                                    milliseconds(hours(24 * 365 * 300))}) {
        SCOPED_TRACE(time.count());
        simulation_options slow;
        slow.latency = {milliseconds(20), milliseconds(20)};
        ws_pair pair(1, slow);
        GetParam().set(pair.at_server, pair.at_client, time);
        std::error_code failure;
        (void)pair.client.set_error_callback([&](std::error_code why) { failure = why; });
        ASSERT_TRUE(pair.start());
        ASSERT_TRUE(pair.client.send_text("before"));
        ASSERT_TRUE(pair.wait([&] { return pair.received.size() == 1; }));
        EXPECT_TRUE(pair.sim.run_for(minutes(10)));
        ASSERT_TRUE(pair.client.send_text("after"));
        ASSERT_TRUE(pair.wait([&] { return pair.received.size() == 2; }));
        EXPECT_FALSE(pair.closed);
        ASSERT_TRUE(pair.client.close(ws_close_code::normal));
        EXPECT_TRUE(pair.wait([&] { return pair.closed.has_value(); }));
        EXPECT_EQ(pair.closed, ws_close_code::normal);
        EXPECT_EQ(failure, std::error_code());
    }
}

/// What a lost client waits for before it comes back.
struct ws_delay {
    const char* name;
    ws_close_code after;
    std::function<void(core::ws_reconnect_config&, milliseconds)> set;
};

class websocket_delay : public ::testing::TestWithParam<ws_delay> {};

INSTANTIATE_TEST_SUITE_P(
    field_faults, websocket_delay,
    ::testing::Values(ws_delay{"initial_delay", ws_close_code::going_away,
                               [](auto& all, auto time) {
                                   all.initial_delay = time;
                                   all.max_delay = milliseconds::max();
                               }},
                      ws_delay{"restart_delay", ws_close_code::service_restart,
                               [](auto& all, auto time) {
                                   all.restart_delay_least = all.restart_delay_most = time;
                               }},
                      ws_delay{"try_again_delay", ws_close_code::try_again_later,
                               [](auto& all, auto time) { all.try_again_delay = time; }}),
    [](const auto& each) { return std::string(each.param.name); });

TEST_P(websocket_delay, a_pause_of_max_means_never) {
    for (const milliseconds time : {milliseconds::max(), milliseconds::max() - milliseconds(1),
                                    milliseconds(hours(24 * 365 * 300))}) {
        SCOPED_TRACE(time.count());
        ws_pair pair(1);
        pair.at_client.auto_reconnect = true;
        GetParam().set(pair.at_client.reconnect, time);
        ASSERT_TRUE(pair.start());
        ASSERT_TRUE(pair.connection->close(GetParam().after));
        ASSERT_TRUE(pair.wait([&] { return pair.closed.has_value(); }));
        EXPECT_TRUE(pair.sim.run_for(hours(24 * 365)));
        EXPECT_EQ(pair.connected, 1);
        // It still ends at once when it is told to.
        bool has_stopped = false;
        ASSERT_TRUE(pair.client.stop_client([&](VoidResult) { has_stopped = true; }));
        EXPECT_TRUE(pair.sim.run_until([&] { return has_stopped; }, seconds(1)));
    }
}

/// What went wrong in a network of faults; nothing when all is well.
std::string survive(std::uint64_t seed) {
    ws_pair pair(seed, simulation_options::faulty(seed));
    pair.at_client.auto_reconnect = true;
    pair.at_client.reconnect.initial_delay = milliseconds(100);
    pair.at_client.reconnect.max_delay = seconds(5);
    for (int tries = 0; !pair.start(); ++tries) {
        if (tries == 100) {
            return "no connection in 100 tries";
        }
        (void)pair.server.stop_server();
        (void)pair.client.stop_client();
        (void)pair.sim.run_for(minutes(1));
    }
    std::set<std::string> sent;
    for (int i = 0; i < 50; ++i) {
        const std::size_t before = pair.received.size();
        const std::string text(pair.sim.random_below(5000), static_cast<char>('a' + i % 26));
        // A message may be lost with its connection, but none arrives that was not sent.
        if (pair.client.send_text(text)) {
            (void)pair.sim.run_until(
                [&] { return pair.received.size() > before || !pair.client.is_connected(); },
                minutes(1));
            sent.insert(text);
            if (pair.received.size() > before && !sent.contains(pair.received.back())) {
                return "a message that was not sent";
            }
        }
        if (!pair.wait([&] { return pair.client.is_connected(); })) {
            return "it did not come back";
        }
    }
    return {};
}

TEST(simulated_websocket, comes_back_through_faults) {
    const log_level before = log_level::warning;
    set_log_level(log_level::off);
    EXPECT_EQ(try_seeds(seeds_to_try({1, 20}), survive), "");
    set_log_level(before);
}

}  // namespace
}  // namespace network_system::testing

#endif
