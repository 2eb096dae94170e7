// A client that stays connected, over real sockets.
#include "resilience/noting_server.h"

#include <network_system/core/messaging_ws_server.h>
#include <network_system/resilience/resilient_client.h>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace resilient_client_test {
namespace {

using network_system::core::messaging_ws_server;
using network_system::core::ws_server_config;
using network_system::resilience::circuit_state;
using network_system::resilience::connection_kind;
using network_system::resilience::ready_signal;

TEST(resilient_client, of_the_simple_form_gives_up_after_its_retries) {
    resilient_client client("test", "127.0.0.1", free_port(), 2, 1ms);
    collector<unsigned> attempts;
    (void)client.set_reconnect_callback([&](unsigned attempt) { attempts.add(attempt); });
    const auto connected = client.connect();
    EXPECT_TRUE(fails_with(connected, errc::connection_refused));
    EXPECT_NE(connected.error().message.find("in 3 attempts"), std::string::npos)
        << connected.error().message;
    EXPECT_EQ(attempts.all(), (std::vector<unsigned>{1, 2}));
    EXPECT_TRUE(fails_with(client.send_with_retry("nobody"), errc::connection_closed));
    EXPECT_TRUE(is_ok(client.disconnect())) << "idempotent";
}

TEST(resilient_client, tells_within_its_time_why_it_cannot_connect) {
    auto options = options_to({free_port()});
    options.connect_for = 30ms;
    resilient_client client("test", options);
    const auto connected = client.connect();
    EXPECT_TRUE(fails_with(connected, errc::connection_timeout));
    EXPECT_NE(connected.error().message.find("onnection refused"), std::string::npos)
        << connected.error().message;
    EXPECT_FALSE(client.is_connected());
}

TEST(resilient_client, that_had_no_connection_in_time_can_be_waited_for) {
    const raw_listener listener;
    auto options = options_to({listener.port()});
    options.connect_for = 1s;
    options.connection.client.drain_timeout = 1s;
    resilient_client client("test", options);
    ready_signal unused;
    event_counter set_up;
    (void)client.set_ready_callback([&](const session_ptr&, ready_signal signal) {
        unused = std::move(signal);
        set_up.add();
    });
    event_counter failed;
    ASSERT_TRUE(is_ok(client.connect([&](const VoidResult& result) {
        EXPECT_TRUE(fails_with(result, errc::connection_timeout));
        failed.add();
    })));
    const auto peer = listener.accept();
    EXPECT_TRUE(peer.send(hello_frame()));
    ASSERT_TRUE(set_up.wait_for(1));
    ASSERT_TRUE(failed.wait_for(1));
    // The peer does not end its side.
    event_counter ended;
    EXPECT_TRUE(is_ok(client.disconnect([&](const VoidResult&) { ended.add(); })));
    EXPECT_TRUE(ended.wait_for(1));
    EXPECT_TRUE(fails_with(client.disconnect([](const VoidResult&) {}), errc::connection_closed));
}

TEST(resilient_client, can_connect_again_after_it_was_disconnected) {
    noting_server server;
    resilient_client client("test", options_to({server.port()}));
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(is_ok(client.connect()));
        EXPECT_TRUE(fails_with(client.connect(), errc::already_exists));
        EXPECT_TRUE(is_ok(client.send_with_retry("hello")));
        EXPECT_TRUE(is_ok(client.disconnect()));
        EXPECT_TRUE(fails_with(client.send_with_retry("late"), errc::connection_closed));
    }
    EXPECT_TRUE(server.texts.wait_for(3));
}

TEST(resilient_client, restores_what_its_hook_sets_up_before_messages_leave) {
    noting_server server;
    resilient_client client("test", options_to({server.port()}));
    event_counter lost;
    (void)client.set_disconnect_callback([&] { lost.add(); });
    (void)client.set_ready_callback(
        [](const session_ptr& session) { EXPECT_TRUE(is_ok(session->send_packet("subscribe"))); });
    ASSERT_TRUE(is_ok(client.connect()));
    ASSERT_TRUE(server.texts.wait_for(1));
    server.stop();
    ASSERT_TRUE(lost.wait_for(1));
    EXPECT_TRUE(is_ok(client.send_with_retry("kept")));
    server.start_again();
    ASSERT_TRUE(server.texts.wait_for(3));
    EXPECT_EQ(server.texts.all(), (std::vector<std::string>{"subscribe", "subscribe", "kept"}));
    EXPECT_TRUE(is_ok(client.disconnect()));
}

TEST(resilient_client, waits_for_a_signal_that_comes_later) {
    noting_server server;
    resilient_client client("test", options_to({server.port()}));
    ready_signal later;
    event_counter asked;
    (void)client.set_ready_callback([&](const session_ptr& session, ready_signal signal) {
        EXPECT_TRUE(is_ok(session->send_packet("who I am")));
        later = std::move(signal);
        asked.add();
    });
    collector<VoidResult> connected;
    ASSERT_TRUE(
        is_ok(client.connect([&](VoidResult result) { connected.add(std::move(result)); })));
    ASSERT_TRUE(asked.wait_for(1));
    EXPECT_TRUE(is_ok(client.send_with_retry("not before")));
    ASSERT_TRUE(server.texts.wait_for(1));
    EXPECT_EQ(connected.size(), 0U);
    EXPECT_FALSE(client.is_connected());
    later(network_system::ok());
    ASSERT_TRUE(server.texts.wait_for(2));
    EXPECT_TRUE(connected.wait_for(1));
    EXPECT_EQ(server.texts.all(), (std::vector<std::string>{"who I am", "not before"}));
    EXPECT_TRUE(is_ok(client.disconnect()));
}

TEST(resilient_client, makes_a_connection_anew_that_cannot_be_set_up) {
    noting_server server;
    resilient_client client("test", options_to({server.port()}));
    std::atomic<int> times{0};
    (void)client.set_ready_callback([&](const session_ptr&, ready_signal signal) {
        switch (++times) {
            case 1: return;  // not called: failed
            case 2:
                signal(
                    network_system::error_info{static_cast<int>(errc::rate_limited), "no", {}, {}});
                return;
            case 3: throw std::runtime_error("cannot be set up");
            default: signal(network_system::ok());
        }
    });
    ASSERT_TRUE(is_ok(client.connect()));
    EXPECT_EQ(times, 4);
    EXPECT_TRUE(is_ok(client.disconnect()));
}

TEST(resilient_client, opens_its_circuit_and_closes_it_when_it_is_connected) {
    noting_server server;
    auto options = options_to({server.port()});
    options.breaker = {.failure_threshold = 2, .open_for = milliseconds::max()};
    resilient_client client("test", options);
    collector<circuit_state> states;
    (void)client.set_circuit_callback([&](circuit_state state) { states.add(state); });
    ASSERT_TRUE(is_ok(client.connect()));
    server.stop();
    ASSERT_TRUE(states.wait_for(1));
    EXPECT_EQ(states.at(0), circuit_state::open);
    EXPECT_EQ(client.circuit(), circuit_state::open);
    EXPECT_TRUE(fails_with(client.send_with_retry("at once"), errc::circuit_open));
    EXPECT_EQ(client.metrics().queued, 0U);
    server.start_again();
    ASSERT_TRUE(states.wait_for(2));
    EXPECT_EQ(states.at(1), circuit_state::closed);
    EXPECT_TRUE(is_ok(client.send_with_retry("again")));
    EXPECT_TRUE(server.texts.wait_for(1));
    EXPECT_EQ(client.metrics().circuit_opens, 1U);
    EXPECT_TRUE(is_ok(client.disconnect()));
}

TEST(resilient_client, may_be_destroyed_in_its_own_callbacks) {
    noting_server server;
    auto client = std::make_unique<resilient_client>("test", options_to({server.port()}));
    event_counter gone;
    (void)client->set_receive_callback([&](std::span<const std::uint8_t>) {
        client.reset();
        gone.add();
    });
    ASSERT_TRUE(is_ok(client->connect()));
    EXPECT_TRUE(is_ok(client->send_with_retry("answer me")));
    EXPECT_TRUE(gone.wait_for(1));

    auto other = std::make_unique<resilient_client>("test", options_to({server.port()}));
    event_counter lost;
    (void)other->set_disconnect_callback([&] {
        other.reset();
        lost.add();
    });
    ASSERT_TRUE(is_ok(other->connect()));
    server.stop();
    EXPECT_TRUE(lost.wait_for(1));
}

TEST(resilient_client, names_the_option_that_is_wrong) {
    struct {
        const char* name;
        void (*change)(resilient_client_options&);
    } const cases[] = {
        {"endpoints", [](auto& all) { all.endpoints.clear(); }},
        {"connect_for", [](auto& all) { all.connect_for = 0ms; }},
        {"offline_bytes", [](auto& all) { all.offline_bytes = 0; }},
        {"offline_messages", [](auto& all) { all.offline_messages = 0; }},
        {"offline_wait", [](auto& all) { all.offline_wait = -1ms; }},
        {"breaker.open_for", [](auto& all) { all.breaker.open_for = 0ms; }},
        {"breaker.trials", [](auto& all) { all.breaker.trials = 0; }},
        {"health.interval", [](auto& all) { all.health = {.interval = 9ms}; }},
        {"health.max_missed", [](auto& all) { all.health = {.max_missed = 1001}; }},
        {"health needs",
         [](auto& all) {
             all.health.emplace();
             all.connection.client.session.frames = network_system::framing::raw;
         }},
        {"reconnect.initial_delay",
         [](auto& all) { all.connection.client.reconnect.initial_delay = 0ms; }},
        {"port", [](auto& all) { all.endpoints.front().port = 0; }},
    };
    for (const auto& each : cases) {
        SCOPED_TRACE(each.name);
        auto options = options_to({1});
        each.change(options);
        resilient_client client("test", options);
        const auto connected = client.connect();
        EXPECT_TRUE(fails_with(connected, errc::invalid_argument));
        EXPECT_NE(connected.error().message.find(each.name), std::string::npos)
            << connected.error().message;
        EXPECT_TRUE(is_ok(client.disconnect()));
    }
}

TEST(resilient_client, works_over_websocket) {
    ws_server_config config;
    messaging_ws_server server("ws", config);
    collector<std::string> texts;
    (void)server.set_receive_callback(
        [&](std::span<const std::uint8_t> data) { texts.add(text_of(data)); });
    ASSERT_TRUE(is_ok(server.start_server(0)));
    const auto port = server.local_port();
    auto options = options_to({port});
    options.connection.kind = connection_kind::ws;
    resilient_client client("test", options);
    event_counter lost;
    (void)client.set_disconnect_callback([&] { lost.add(); });
    ASSERT_TRUE(is_ok(client.connect()));
    EXPECT_EQ(client.get_client(), nullptr);
    EXPECT_NE(client.get_ws_client(), nullptr);
    EXPECT_TRUE(is_ok(server.stop_server()));
    ASSERT_TRUE(lost.wait_for(1));
    EXPECT_TRUE(is_ok(client.send_with_retry("kept")));
    ASSERT_TRUE(is_ok(server.start_server(port)));
    EXPECT_TRUE(texts.wait_for(1));
    EXPECT_TRUE(is_ok(client.disconnect()));
}

}  // namespace
}  // namespace resilient_client_test
