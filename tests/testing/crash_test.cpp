// Hosts that crash: everything there is gone, and nobody is told.
#include "testing/echo_pair.h"

#include <network_system/utils/log.h>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace network_system::inline v0_1::testing {
namespace {

class crash_test : public ::testing::Test {
protected:
    void SetUp() override { set_log_level(log_level::off); }
    void TearDown() override { set_log_level(log_level::warning); }
};

/// What a server's callbacks have said; it echoes.
class counted_server {
public:
    counted_server(simulation& sim, const server_options& options = {})
        : server("server", sim.on_host("server", options)) {
        server.set_connection_callback(
            [this](const messaging_server::session_ptr&) { ++callbacks; });
        server.set_disconnection_callback([this](const std::string&) { ++callbacks; });
        server.set_error_callback(
            [this](const messaging_server::session_ptr&, std::error_code) { ++callbacks; });
        server.set_receive_callback([this](const messaging_server::session_ptr& session,
                                           std::span<const std::uint8_t> data) {
            ++callbacks;
            (void)session->send_packet(data);
        });
    }

    int callbacks = 0;
    messaging_server server;
};

TEST_F(crash_test, is_silent_until_somebody_sends) {
    echo_pair pair;
    ASSERT_TRUE(pair.start_and_wait());
    ASSERT_TRUE(pair.sim.run_until_idle(seconds(5)));
    pair.sim.crash("server");
    EXPECT_EQ(pair.sim.counts().crashes, 1U);
    ASSERT_TRUE(pair.sim.run_for(seconds(20)));
    EXPECT_TRUE(pair.client.is_connected()) << "nothing has told it";
    pair.send(1, 100);
    ASSERT_TRUE(pair.sim.run_until([&] { return pair.is_disconnected; }, seconds(1)));
    EXPECT_EQ(pair.failure, errc::connection_closed) << "a reset answers";
    EXPECT_TRUE(pair.received.empty());
}

TEST_F(crash_test, is_found_out_by_a_ping) {
    echo_pair pair;
    ASSERT_TRUE(pair.start_and_wait());
    pair.sim.crash("server");
    ASSERT_TRUE(pair.sim.run_until([&] { return pair.is_disconnected; }, seconds(35)));
    EXPECT_EQ(pair.failure, errc::connection_closed);
}

TEST_F(crash_test, of_a_host_that_stays_away_is_found_out_by_pings_without_an_answer) {
    echo_pair pair;
    ASSERT_TRUE(pair.start_and_wait());
    pair.sim.crash("server");
    pair.sim.partition("server", "client", minutes(60));
    ASSERT_TRUE(pair.sim.run_until([&] { return pair.is_disconnected; }, minutes(5)));
    EXPECT_EQ(pair.failure, errc::connection_timeout);
}

TEST_F(crash_test, answers_a_goodbye_with_a_reset) {
    echo_pair pair;
    ASSERT_TRUE(pair.start_and_wait());
    pair.sim.crash("server");
    bool is_stopped = false;
    ASSERT_TRUE(pair.client.stop_client([&](const VoidResult&) { is_stopped = true; }));
    EXPECT_TRUE(pair.sim.run_until([&] { return is_stopped; }, seconds(1))) << "not drain_timeout";
}

TEST_F(crash_test, answers_a_bare_end_with_a_reset) {
    server_options raw;
    raw.session.frames = framing::raw;
    client_options same;
    same.session.frames = framing::raw;
    echo_pair pair({}, 1, raw, same);
    ASSERT_TRUE(pair.start_and_wait());
    pair.sim.crash("server");
    bool is_stopped = false;
    ASSERT_TRUE(pair.client.stop_client([&](const VoidResult&) { is_stopped = true; }));
    EXPECT_TRUE(pair.sim.run_until([&] { return is_stopped; }, seconds(1)));
}

TEST_F(crash_test, runs_no_callback_any_more_and_lets_a_new_server_come) {
    simulation sim(1);
    auto old = std::make_unique<counted_server>(sim);
    ASSERT_TRUE(old->server.start_server(80));
    messaging_client client("client", sim.on_host("client"));
    int connected = 0;
    int answers = 0;
    bool is_lost = false;
    client.set_receive_callback([&](std::span<const std::uint8_t>) { ++answers; });
    client.set_disconnected_callback([&] { is_lost = true; });
    const auto connect = [&] {
        ASSERT_TRUE(client.start_client(
            "server", 80, [&](const VoidResult& result) { connected += result ? 1 : 0; }));
    };
    connect();
    ASSERT_TRUE(sim.run_until([&] { return connected == 1; }, seconds(5)));
    ASSERT_TRUE(sim.run_until_idle(seconds(5)));
    const int before = old->callbacks;
    EXPECT_TRUE(client.send_packet("lost"));
    sim.crash("server");
    ASSERT_TRUE(sim.run_until([&] { return is_lost; }, seconds(5)));

    connect();
    ASSERT_TRUE(sim.run_until_idle(minutes(1)));
    EXPECT_EQ(connected, 1) << "refused: nobody listens there";
    counted_server fresh(sim);
    ASSERT_TRUE(fresh.server.start_server(80)) << "the port is free";
    connect();
    ASSERT_TRUE(sim.run_until([&] { return connected == 2; }, seconds(5)));
    EXPECT_TRUE(client.send_packet("hello"));
    ASSERT_TRUE(sim.run_until([&] { return answers == 1; }, seconds(5)));
    EXPECT_EQ(old->callbacks, before);
    old.reset();
    ASSERT_TRUE(sim.run_for(minutes(1)));
    EXPECT_TRUE(client.is_connected());
}

TEST_F(crash_test, ends_clients_as_well) {
    simulation sim(1);
    counted_server server(sim);
    ASSERT_TRUE(server.server.start_server(80));
    int callbacks = 0;
    messaging_client connected("one", sim.on_host("client"));
    messaging_client connecting("other", sim.on_host("client"));
    for (messaging_client* each : {&connected, &connecting}) {
        each->set_connected_callback([&] { ++callbacks; });
        each->set_disconnected_callback([&] { ++callbacks; });
        ASSERT_TRUE(each->start_client("server", 80, [](const VoidResult&) {}));
        if (each == &connected) {
            ASSERT_TRUE(sim.run_until([&] { return callbacks == 1; }, seconds(5)));
        }
    }
    sim.crash("client");
    ASSERT_TRUE(sim.run_until([&] { return server.server.connection_count() == 0; }, minutes(5)))
        << "its pings are answered with a reset";
    EXPECT_EQ(callbacks, 1);
    EXPECT_FALSE(connected.send_packet("too late"));
    messaging_client fresh("fresh", sim.on_host("client"));
    bool is_here = false;
    ASSERT_TRUE(fresh.start_client("server", 80,
                                   [&](const VoidResult& result) { is_here = result.is_ok(); }));
    EXPECT_TRUE(sim.run_until([&] { return is_here; }, seconds(5)));
}

TEST_F(crash_test, wakes_a_peer_that_waits_for_room) {
    simulation_options narrow;
    narrow.buffer = 4'096;
    server_options options;
    options.session.max_messages_per_second = 1;
    client_options patient;
    patient.session.ping_interval = milliseconds(0);
    echo_pair pair(narrow, 1, options, patient);
    ASSERT_TRUE(pair.start_and_wait());
    pair.send(100, 1'000);
    ASSERT_TRUE(pair.sim.run_for(seconds(5)));
    ASSERT_GT(pair.client.metrics().totals.queued_bytes, 0U);
    pair.sim.crash("server");
    EXPECT_TRUE(pair.sim.run_until([&] { return pair.is_disconnected; }, seconds(5)));
}

TEST_F(crash_test, comes_after_the_callback_of_the_host_that_asks_for_it) {
    for (const bool is_on_pool : {false, true}) {
        simulation sim(1);
        server_options options;
        options.callback_pool = is_on_pool ? sim.thread_pool(1) : nullptr;
        counted_server server(sim, options);
        server.server.set_receive_callback([&](std::span<const std::uint8_t>) {
            ++server.callbacks;
            sim.crash("server");
        });
        ASSERT_TRUE(server.server.start_server(80));
        messaging_client client("client", sim.on_host("client"));
        bool is_lost = false;
        client.set_connected_callback([&] {
            EXPECT_TRUE(client.send_packet("now"));
            EXPECT_TRUE(client.send_packet("and again"));
        });
        client.set_disconnected_callback([&] { is_lost = true; });
        ASSERT_TRUE(client.start_client("server", 80, [](const VoidResult&) {}));
        ASSERT_TRUE(sim.run_until([&] { return is_lost; }, minutes(5)));
        EXPECT_GE(server.callbacks, 2);
        EXPECT_GE(sim.counts().crashes, 1U);
    }
}

TEST_F(crash_test, of_nobody_changes_nothing) {
    echo_pair pair;
    ASSERT_TRUE(pair.start_and_wait());
    pair.sim.crash("somebody else");
    pair.send(3, 100);
    EXPECT_TRUE(pair.wait_for_all());
}

TEST_F(crash_test, replays_exactly) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const auto run = [seed] {
            echo_pair pair(simulation_options::faulty(seed), seed);
            (void)pair.start();
            pair.sim.after(milliseconds(pair.sim.random_below(200)),
                           [&] { pair.sim.crash("server"); });
            (void)pair.sim.run_for(seconds(1));
            pair.send(10, 500);
            (void)pair.sim.run_for(minutes(2));
            return pair.sim.fingerprint();
        };
        EXPECT_EQ(run(), run()) << "seed " << seed;
    }
}

}  // namespace
}  // namespace network_system::testing
