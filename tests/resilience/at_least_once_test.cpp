// Messages that are acknowledged, over real sockets: what is sent again, and what is told of it.
#include "resilience/resilient.h"
#include "support/loopback.h"

#include <network_system/resilience/resilient_client.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace at_least_once_test {
namespace {

using namespace loopback;
using network_system::resilience::balancing;
using network_system::resilience::connection_kind;
using network_system::resilience::delivery_mode;
using network_system::resilience::resilient_client;
using network_system::resilience::resilient_client_options;
using network_system::testing::adds_up;
using network_system::testing::text_of;
using std::chrono::milliseconds;

[[nodiscard]] resilient_client_options acknowledged(std::vector<std::uint16_t> ports) {
    resilient_client_options options;
    for (const auto port : ports) {
        options.endpoints.push_back({"127.0.0.1", port});
    }
    options.delivery = delivery_mode::at_least_once;
    options.connection.client.drain_timeout = 20ms;
    options.connection.client.reconnect.initial_delay = 1ms;
    options.connection.client.reconnect.max_delay = 10ms;
    return options;
}

/// A server that counts what it gets, and answers nothing.
class counting_server {
public:
    counting_server() {
        recorded.on_receive = [this](const session_ptr& session,
                                     std::span<const std::uint8_t> data) {
            EXPECT_NE(session->current_delivery().id, 0U);
            texts.add(text_of(data));
            if (session->current_delivery().may_be_resent) {
                ++repeated;
            }
        };
        // What comes is not read then, and not acknowledged.
        recorded.on_connect = [this](const session_ptr& session) {
            if (is_paused) {
                (void)session->pause_receiving();
            }
        };
        port = recorded.start();
    }

    collector<std::string> texts;
    std::atomic<std::size_t> repeated{0};
    std::atomic<bool> is_paused{false};
    test_server recorded{quickly_ended()};
    std::uint16_t port = 0;

private:
    /// Paused connections do not end by themselves.
    static server_options quickly_ended() {
        server_options options;
        options.drain_timeout = 20ms;
        return options;
    }
};

TEST(at_least_once, a_message_is_done_when_it_is_acknowledged) {
    counting_server server;
    resilient_client client("test", acknowledged({server.port}));
    ASSERT_TRUE(is_ok(client.connect()));
    event_counter done;
    for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(is_ok(client.send_with_retry("m" + std::to_string(i), [&](VoidResult result) {
            EXPECT_TRUE(is_ok(result));
            done.add();
        })));
    }
    EXPECT_TRUE(is_ok(client.flush(60s)));
    EXPECT_TRUE(done.wait_for(100));
    EXPECT_EQ(server.texts.size(), 100U) << "what is acknowledged was delivered";
    EXPECT_EQ(client.metrics().sent, 100U);
    EXPECT_TRUE(is_ok(client.disconnect()));
    EXPECT_TRUE(adds_up(client));
}

TEST(at_least_once, a_server_that_lives_on_gets_each_once_in_order) {
    counting_server server;
    resilient_client client("test", acknowledged({server.port}));
    ASSERT_TRUE(is_ok(client.connect()));
    const std::size_t messages = scaled(4000);
    std::atomic<bool> is_over{false};
    std::thread killer([&] {
        while (!is_over) {
            for (const auto& session : server.recorded.server.get_sessions()) {
                (void)session->post([] { throw std::runtime_error("the connection breaks"); });
            }
            std::this_thread::yield();
        }
    });
    std::vector<std::string> sent;
    for (std::size_t i = 0; i < messages; ++i) {
        sent.push_back(std::to_string(i));
        ASSERT_TRUE(is_ok(client.send_with_retry(sent.back())));
        if (i % 64 == 0) {
            std::this_thread::yield();
        }
    }
    is_over = true;
    killer.join();
    EXPECT_TRUE(is_ok(client.flush(60s)));
    EXPECT_EQ(server.texts.all(), sent);
    EXPECT_GT(client.metrics().connections.connects, 1U) << "it has broken";
    EXPECT_TRUE(is_ok(client.disconnect()));
    EXPECT_TRUE(adds_up(client));
}

TEST(at_least_once, a_server_that_restarts_gets_all_and_is_told_which_may_come_again) {
    counting_server server;
    resilient_client client("test", acknowledged({server.port}));
    event_counter lost;
    (void)client.set_disconnect_callback([&] { lost.add(); });
    server.is_paused = true;
    ASSERT_TRUE(is_ok(client.connect()));
    EXPECT_TRUE(is_ok(client.send_with_retry("on its way")));
    EXPECT_TRUE(fails_with(client.flush(0ms), errc::connection_timeout));
    EXPECT_TRUE(is_ok(server.recorded.server.stop_server()));
    ASSERT_TRUE(lost.wait_for(1));
    EXPECT_TRUE(is_ok(client.send_with_retry("new")));
    server.is_paused = false;
    EXPECT_TRUE(is_ok(server.recorded.server.start_server(server.port)));
    EXPECT_TRUE(is_ok(client.flush(60s)));
    EXPECT_EQ(server.texts.all(), (std::vector<std::string>{"on its way", "new"}));
    EXPECT_EQ(server.repeated, 1U);
    EXPECT_TRUE(is_ok(client.disconnect()));
}

TEST(at_least_once, what_is_not_acknowledged_goes_to_the_next_endpoint) {
    counting_server first;
    counting_server second;
    resilient_client client("test", acknowledged({first.port, second.port}));
    first.is_paused = true;
    ASSERT_TRUE(is_ok(client.connect()));
    EXPECT_TRUE(is_ok(client.send_with_retry("moved")));
    EXPECT_TRUE(is_ok(first.recorded.server.stop_server()));
    EXPECT_TRUE(is_ok(client.flush(60s)));
    EXPECT_EQ(second.texts.all(), (std::vector<std::string>{"moved"}));
    EXPECT_EQ(second.repeated, 1U);
    EXPECT_TRUE(is_ok(client.disconnect()));
}

TEST(at_least_once, the_end_drops_what_is_not_acknowledged_and_says_so) {
    counting_server server;
    resilient_client client("test", acknowledged({server.port}));
    server.is_paused = true;
    ASSERT_TRUE(is_ok(client.connect()));
    collector<VoidResult> results;
    EXPECT_TRUE(is_ok(client.send_with_retry(
        "lost", [&](VoidResult result) { results.add(std::move(result)); })));
    EXPECT_TRUE(is_ok(client.disconnect()));
    ASSERT_EQ(results.size(), 1U);
    EXPECT_TRUE(fails_with(results.at(0), errc::connection_closed));
    EXPECT_EQ(client.metrics().dropped, 1U);
    EXPECT_TRUE(adds_up(client));
}

TEST(at_least_once, a_server_that_acknowledges_nothing_is_no_loop) {
    server_options deaf;
    deaf.delivery.max_senders = 0;
    test_server server(deaf);
    resilient_client client("test", acknowledged({server.start()}));
    ASSERT_TRUE(is_ok(client.connect()));
    collector<VoidResult> results;
    EXPECT_TRUE(is_ok(client.send_with_retry(
        "nobody takes it", [&](VoidResult result) { results.add(std::move(result)); })));
    ASSERT_TRUE(results.wait_for(1));
    EXPECT_TRUE(fails_with(results.at(0), errc::not_supported));
    EXPECT_TRUE(is_ok(client.disconnect()));
    EXPECT_TRUE(adds_up(client));
}

TEST(at_least_once, needs_what_can_acknowledge) {
    for (void (*const change)(resilient_client_options&) :
         {+[](resilient_client_options& all) { all.connection.kind = connection_kind::ws; },
          +[](resilient_client_options& all) { all.balance = balancing::round_robin; },
          +[](resilient_client_options& all) {
              all.connection.client.session.frames = framing::raw;
          }}) {
        auto options = acknowledged({1});
        change(options);
        resilient_client client("test", options);
        const auto connected = client.connect();
        EXPECT_TRUE(fails_with(connected, errc::invalid_argument));
        EXPECT_NE(connected.error().message.find("delivery"), std::string::npos);
    }
}

}  // namespace
}  // namespace at_least_once_test
