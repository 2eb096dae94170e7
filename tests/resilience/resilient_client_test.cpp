// A client that stays connected, and keeps what is sent meanwhile, over real sockets.
#include "resilience/resilient.h"
#include "support/loopback.h"

#include <network_system/core/messaging_ws_server.h>
#include <network_system/resilience/resilient_client.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace resilient_client_test {
namespace {

using namespace loopback;
using network_system::core::messaging_ws_server;
using network_system::core::reconnect_attempt;
using network_system::core::ws_server_config;
using network_system::resilience::balancing;
using network_system::resilience::circuit_state;
using network_system::resilience::connection_kind;
using network_system::resilience::offline_policy;
using network_system::resilience::ready_signal;
using network_system::resilience::resilient_client;
using network_system::resilience::resilient_client_options;
using network_system::testing::adds_up;
using network_system::testing::text_of;
using std::chrono::milliseconds;

/// A server that notes what it gets, and can come back at its port.
class noting_server {
public:
    noting_server() {
        recorded_.on_receive = [this](const session_ptr& session,
                                      std::span<const std::uint8_t> data) {
            texts.add(text_of(data));
            (void)session->send_packet("answer to " + text_of(data));
        };
        port_ = recorded_.start();
    }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    void stop() { EXPECT_TRUE(is_ok(recorded_.server.stop_server())); }
    void start_again() { EXPECT_TRUE(is_ok(recorded_.server.start_server(port_))); }

    collector<std::string> texts;

private:
    test_server recorded_;
    std::uint16_t port_ = 0;
};

[[nodiscard]] resilient_client_options options_to(const std::vector<std::uint16_t>& ports) {
    resilient_client_options options;
    for (const std::uint16_t port : ports) {
        options.endpoints.push_back({"127.0.0.1", port});
    }
    for (auto* const reconnect : {&options.connection.client.reconnect,
                                  static_cast<network_system::core::reconnect_options*>(
                                      &options.connection.ws.reconnect)}) {
        reconnect->initial_delay = 1ms;
        reconnect->max_delay = 10ms;
    }
    return options;
}

/// Nobody listens there.
[[nodiscard]] std::uint16_t free_port() {
    const raw_listener gone;
    return gone.port();
}

TEST(resilient_client, keeps_messages_until_its_server_is_back) {
    noting_server server;
    resilient_client client("test", options_to({server.port()}));
    event_counter lost;
    (void)client.set_disconnect_callback([&] { lost.add(); });
    collector<std::string> answers;
    (void)client.set_receive_callback(
        [&](std::span<const std::uint8_t> data) { answers.add(text_of(data)); });
    ASSERT_TRUE(is_ok(client.connect()));
    EXPECT_TRUE(client.is_connected());
    EXPECT_TRUE(is_ok(client.send_with_retry("one")));
    ASSERT_TRUE(answers.wait_for(1));
    server.stop();
    ASSERT_TRUE(lost.wait_for(1));
    EXPECT_FALSE(client.is_connected());
    event_counter done;
    EXPECT_TRUE(is_ok(client.send_with_retry("two", [&](const VoidResult& result) {
        EXPECT_TRUE(is_ok(result));
        done.add();
    })));
    EXPECT_TRUE(is_ok(client.send_with_retry(std::vector<std::uint8_t>{'3'})));
    EXPECT_EQ(client.metrics().queued, 2U);
    EXPECT_TRUE(adds_up(client));
    server.start_again();
    ASSERT_TRUE(answers.wait_for(3));
    EXPECT_TRUE(done.wait_for(1));
    EXPECT_EQ(server.texts.all(), (std::vector<std::string>{"one", "two", "3"}));
    EXPECT_TRUE(is_ok(client.disconnect()));
    EXPECT_EQ(client.metrics().sent, 3U);
    EXPECT_TRUE(adds_up(client));
}

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

TEST(resilient_client, drops_what_waits_when_it_is_disconnected_and_says_so) {
    noting_server server;
    resilient_client client("test", options_to({server.port()}));
    event_counter lost;
    (void)client.set_disconnect_callback([&] { lost.add(); });
    ASSERT_TRUE(is_ok(client.connect()));
    server.stop();
    ASSERT_TRUE(lost.wait_for(1));
    collector<VoidResult> results;
    EXPECT_TRUE(is_ok(client.send_with_retry(
        "never", [&](VoidResult result) { results.add(std::move(result)); })));
    EXPECT_TRUE(is_ok(client.disconnect()));
    ASSERT_EQ(results.size(), 1U);
    EXPECT_TRUE(fails_with(results.at(0), errc::connection_closed));
    EXPECT_EQ(client.metrics().dropped, 1U);
    EXPECT_TRUE(adds_up(client));
}

TEST(resilient_client, rejects_what_its_queue_has_no_room_for) {
    auto options = options_to({});
    options.offline_messages = 2;
    noting_server server;
    options.endpoints = {{"127.0.0.1", server.port()}};
    resilient_client client("test", options);
    event_counter lost;
    (void)client.set_disconnect_callback([&] { lost.add(); });
    ASSERT_TRUE(is_ok(client.connect()));
    server.stop();
    ASSERT_TRUE(lost.wait_for(1));
    EXPECT_TRUE(is_ok(client.send_with_retry("1")));
    EXPECT_TRUE(is_ok(client.send_with_retry("2")));
    std::vector<std::uint8_t> kept{'3'};
    EXPECT_TRUE(fails_with(client.send_with_retry(std::move(kept)), errc::send_buffer_full));
    EXPECT_EQ(kept.size(), 1U) << "left intact";
    EXPECT_EQ(client.metrics().rejected, 1U);
    EXPECT_TRUE(adds_up(client));
    EXPECT_TRUE(is_ok(client.disconnect()));
}

TEST(resilient_client, drops_the_oldest_when_told_to) {
    noting_server server;
    auto options = options_to({server.port()});
    options.offline_messages = 2;
    options.when_full = offline_policy::drop_oldest;
    resilient_client client("test", options);
    event_counter lost;
    (void)client.set_disconnect_callback([&] { lost.add(); });
    ASSERT_TRUE(is_ok(client.connect()));
    server.stop();
    ASSERT_TRUE(lost.wait_for(1));
    collector<VoidResult> results;
    EXPECT_TRUE(is_ok(
        client.send_with_retry("1", [&](VoidResult result) { results.add(std::move(result)); })));
    EXPECT_TRUE(is_ok(client.send_with_retry("2")));
    EXPECT_TRUE(is_ok(client.send_with_retry("3")));
    ASSERT_EQ(results.size(), 1U);
    EXPECT_TRUE(fails_with(results.at(0), errc::message_superseded));
    server.start_again();
    ASSERT_TRUE(server.texts.wait_for(2));
    EXPECT_EQ(server.texts.all(), (std::vector<std::string>{"2", "3"}));
    EXPECT_TRUE(is_ok(client.disconnect()));
    EXPECT_TRUE(adds_up(client));
}

TEST(resilient_client, waits_for_room_when_told_to) {
    noting_server server;
    auto options = options_to({server.port()});
    options.offline_messages = 1;
    options.when_full = offline_policy::wait;
    options.offline_wait = milliseconds::max();
    resilient_client client("test", options);
    event_counter lost;
    (void)client.set_disconnect_callback([&] {
        if (lost.count() == 0) {
            EXPECT_TRUE(is_ok(client.send_with_retry("1")));
            EXPECT_TRUE(
                fails_with(client.send_with_retry("on the I/O thread"), errc::send_buffer_full));
        }
        lost.add();
    });
    ASSERT_TRUE(is_ok(client.connect()));
    server.stop();
    ASSERT_TRUE(lost.wait_for(1));
    std::thread waiting([&] { EXPECT_TRUE(is_ok(client.send_with_retry("2"))); });
    server.start_again();
    waiting.join();
    ASSERT_TRUE(server.texts.wait_for(2));
    EXPECT_EQ(server.texts.all(), (std::vector<std::string>{"1", "2"}));
    EXPECT_TRUE(is_ok(client.disconnect()));
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

/// Many threads send while the server comes and goes: everything that was accepted is counted.
TEST(resilient_client, keeps_its_books_while_many_threads_send) {
    noting_server server;
    auto options = options_to({server.port()});
    options.when_full = offline_policy::wait;
    options.offline_messages = 50;
    resilient_client client("test", options);
    ASSERT_TRUE(is_ok(client.connect()));
    const std::size_t each = scaled(2000);
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> succeeded{0};
    std::atomic<std::uint64_t> failed{0};
    std::vector<std::thread> senders;
    for (int thread = 0; thread < 4; ++thread) {
        senders.emplace_back([&] {
            for (std::size_t i = 0; i < each; ++i) {
                const auto sent = client.send_with_retry(
                    "message", [&](const VoidResult& result) { ++(result ? succeeded : failed); });
                accepted += sent ? 1 : 0;
            }
        });
    }
    for (int round = 0; round < 5; ++round) {
        server.stop();
        server.start_again();
    }
    for (auto& sender : senders) {
        sender.join();
    }
    EXPECT_TRUE(eventually([&] { return client.metrics().queued == 0; }));
    EXPECT_TRUE(is_ok(client.disconnect()));
    EXPECT_EQ(accepted, client.metrics().accepted);
    EXPECT_EQ(succeeded + failed, accepted) << "every callback ran once";
    EXPECT_LE(server.texts.size(), accepted) << "at most once";
    EXPECT_TRUE(adds_up(client));
}

}  // namespace
}  // namespace resilient_client_test
