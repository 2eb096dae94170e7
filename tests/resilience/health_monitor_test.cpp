// Sessions that are watched: in simulated networks that fall silent, and over real sockets.
#include <network_system/config.h>
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/testing/simulation.h>
#include <network_system/utils/health_monitor.h>
#include <network_system/utils/session_timeout.h>
#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#endif

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::resilience {
namespace {

using core::client_options;
using core::messaging_client;
using core::messaging_server;
using core::server_options;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::simulation;
using testing::simulation_options;
using session_ptr = std::shared_ptr<session::messaging_session>;

constexpr std::uint16_t port = 4000;

int code_of(const VoidResult& result) {
    return result ? 0 : result.error().code;
}
int code_of(errc code) {
    return static_cast<int>(code);
}

/// A server, and a client whose connections are watched.
class watched_pair {
public:
    explicit watched_pair(std::uint64_t seed, const health_options& options = {},
                          const simulation_options& network = {}, client_options at_client = {})
        : sim(seed, network), server("server", sim.on_host("server", server_options{})),
          client("client", sim.on_host("client", std::move(at_client))), monitor(options) {
        (void)monitor.set_health_callback([this](const health_report& now) {
            told.push_back(now.state);
            told_at = sim.now();
            last = now;
        });
        (void)client.set_connected_callback([this](const session_ptr& made) {
            session = made;
            begun = monitor.start(made);
        });
        (void)client.set_disconnected_callback([this](std::error_code why) {
            ended = why;
            ended_at = sim.now();
        });
    }
    [[nodiscard]] bool connect() {
        session.reset();
        ended.reset();
        (void)server.start_server(port);
        const auto started = client.start_client("server", port, [](VoidResult) {});
        return started && sim.run_until([this] { return session != nullptr; }, minutes{1});
    }
    [[nodiscard]] bool wait(const std::function<bool()>& condition, nanoseconds limit = hours{1}) {
        return sim.run_until(condition, limit);
    }
    [[nodiscard]] bool wait_for(health state, nanoseconds limit = hours{1}) {
        return wait([&] { return !told.empty() && told.back() == state; }, limit);
    }

    simulation sim;
    messaging_server server;
    messaging_client client;
    std::vector<health> told;
    nanoseconds told_at{0};
    health_report last;
    session_ptr session;
    std::optional<VoidResult> begun;
    std::optional<std::error_code> ended;
    nanoseconds ended_at{0};
    health_monitor monitor;
};

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
    // 4 KiB in 200 ms and more, and some megabytes before each ping.
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
    EXPECT_GT(pair.sim.now() - sent_at, seconds{20}) << "much longer than it takes to give up";
    EXPECT_TRUE(pair.sim.run_for(seconds{10}));
    EXPECT_FALSE(pair.ended);
    EXPECT_EQ(pair.monitor.state(), health::healthy);

    // The same until half of it, and then nothing.
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
        ASSERT_TRUE(server.start_server(port));
        ASSERT_TRUE(pair.connect());
        EXPECT_EQ(code_of(*pair.begun), code_of(errc::not_supported));
        EXPECT_NE(pair.begun->error().message.find("ping"), std::string::npos);
        EXPECT_EQ(pair.monitor.state(), health::unknown);
        EXPECT_TRUE(pair.sim.run_for(minutes{1}));
        EXPECT_FALSE(pair.ended);
    }
}

TEST(health_monitor_test, what_it_cannot_watch_is_refused) {
    watched_pair pair(1);
    EXPECT_EQ(code_of(pair.monitor.start(session_ptr())), code_of(errc::invalid_argument));
    EXPECT_EQ(code_of(pair.monitor.start(pair.client)), code_of(errc::connection_closed));
    ASSERT_TRUE(pair.connect());
    health_monitor wrong({.interval = milliseconds{0}});
    const auto refused = wrong.start(pair.session);
    EXPECT_EQ(code_of(refused), code_of(errc::invalid_argument));
    EXPECT_NE(refused.error().message.find("health_options::interval"), std::string::npos);
    EXPECT_EQ(code_of(pair.monitor.set_health_callback([](const health_report&) {})),
              code_of(errc::invalid_argument));
    pair.monitor.stop();
    pair.monitor.stop();
    EXPECT_TRUE(pair.monitor.set_health_callback({}));
    pair.client.stop_client();
    ASSERT_TRUE(pair.wait([&] { return pair.ended.has_value(); }));
    EXPECT_EQ(code_of(pair.monitor.start(pair.session)), code_of(errc::connection_closed));
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
    at_server.port = port;
    ASSERT_TRUE(server.start_server(at_server));
    core::messaging_ws_client client("client");
    core::ws_client_config at_client = sim.on_host("client");
    at_client.host = "server";
    at_client.port = port;
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

/// Waits on the test's thread for what happens on another one.
class signal {
public:
    void set() {
        const std::lock_guard lock(mutex_);
        is_set_ = true;
        changed_.notify_all();
    }
    [[nodiscard]] bool wait() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, seconds{30}, [this] { return is_set_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_set_ = false;
};

TEST(health_monitor_threads, reports_over_real_sockets) {
    messaging_server server("server");
    ASSERT_TRUE(server.start_server(0));
    messaging_client client("client");
    ASSERT_TRUE(client.start_client("127.0.0.1", server.local_port()));
    health_monitor monitor({.interval = milliseconds{10}});
    signal healthy;
    (void)monitor.set_health_callback([&](const health_report& now) {
        if (now.state == health::healthy) {
            healthy.set();
        }
    });
    ASSERT_TRUE(monitor.start(client));
    EXPECT_TRUE(healthy.wait());
    EXPECT_EQ(monitor.state(), health::healthy);
    EXPECT_GT(monitor.report().last_rtt, microseconds{0});
    monitor.stop();
}

TEST(health_monitor_threads, threads_do_as_they_like) {
    messaging_server server("server", [] {
        server_options options;
        options.io_threads = 2;
        return options;
    }());
    ASSERT_TRUE(server.start_server(0));
    std::vector<std::unique_ptr<messaging_client>> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(std::make_unique<messaging_client>("client"));
        ASSERT_TRUE(clients.back()->start_client("127.0.0.1", server.local_port()));
    }
    const auto sessions = server.get_sessions();
    ASSERT_EQ(sessions.size(), 4U);
    std::atomic<bool> is_inside{false};
    std::atomic<bool> is_over{false};
    auto monitor = std::make_unique<health_monitor>(health_options{.interval = milliseconds{10}});
    (void)monitor->set_health_callback([&](const health_report&) {
        EXPECT_FALSE(is_inside.exchange(true)) << "one at a time";
        EXPECT_FALSE(is_over) << "none after the end";
        is_inside = false;
    });
    std::vector<std::thread> threads;
    for (std::size_t n = 0; n < 3; ++n) {
        threads.emplace_back([&, n] {
            for (std::size_t i = 0; i < 100; ++i) {
                const auto started = monitor->start(sessions[(i + n) % sessions.size()]);
                EXPECT_TRUE(started || code_of(started) == code_of(errc::cancelled));
                (void)monitor->report();
                if (i % 7 == 0) {
                    monitor->stop();
                }
                std::this_thread::yield();
            }
        });
    }
    for (auto& each : threads) {
        each.join();
    }
    (void)monitor->start(sessions.front());
    monitor.reset();
    is_over = true;
}

TEST(session_timeout_threads, loops_take_turns) {
    messaging_server server("server", [] {
        server_options options;
        options.io_threads = 2;
        return options;
    }());
    ASSERT_TRUE(server.start_server(0));
    std::vector<std::unique_ptr<messaging_client>> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(std::make_unique<messaging_client>("client"));
        ASSERT_TRUE(clients.back()->start_client("127.0.0.1", server.local_port()));
    }
    const auto sessions = server.get_sessions();
    ASSERT_EQ(sessions.size(), 4U);
    std::atomic<bool> is_inside{false};
    std::atomic<bool> is_over{false};
    std::atomic<int> calls{0};
    auto timeout = std::make_unique<session_timeout>(milliseconds{1}, [&] {
        EXPECT_FALSE(is_inside.exchange(true)) << "one at a time";
        EXPECT_FALSE(is_over) << "none after the end";
        ++calls;
        is_inside = false;
    });
    std::vector<std::thread> threads;
    for (std::size_t n = 0; n < 3; ++n) {
        threads.emplace_back([&, n] {
            for (std::size_t i = n; calls < 20; ++i) {
                if (timeout->is_active()) {
                    std::this_thread::yield();
                } else {
                    // On another loop than the one on which it may be calling now.
                    EXPECT_TRUE(timeout->start(sessions[i % sessions.size()]));
                }
            }
        });
    }
    for (auto& each : threads) {
        each.join();
    }
    (void)timeout->start(sessions.front());
    timeout.reset();
    is_over = true;
}

}  // namespace
}  // namespace network_system::resilience
