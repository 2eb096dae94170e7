// internal::websocket_socket: both sides of a WebSocket over sockets that Asio connected.
#include "support/websocket_pair.h"

#include <network_system/config.h>

#include <string>

namespace loopback {
namespace {

using network_system::http_response;
using network_system::ws_close_code;
using network_system::ws_handshake_answer;
using network_system::ws_message;
using network_system::ws_request;

/// Over what the test program runs over.
class websocket_socket_test : public websocket_pair {
protected:
    websocket_socket_test() {
#ifdef NETWORK_TEST_STREAM_CHOICE
        server_.options.tls = network_system::testing::tls_of_server();
        client_.options.tls = network_system::testing::tls_of_client();
#endif
    }
};

TEST_F(websocket_socket_test, carries_messages_both_ways) {
    open();
    EXPECT_EQ(server_.connection().request().path(), "/echo");
    const std::string large(300'000, 'x');
    ASSERT_TRUE(is_ok(client_.connection().send_text("question")));
    ASSERT_TRUE(is_ok(client_.connection().send_text(large)));
    ASSERT_TRUE(is_ok(server_.connection().send_binary({'a', 'b'})));
    ASSERT_TRUE(is_ok(server_.connection().send_text("")));
    ASSERT_TRUE(server_.messages.wait_for(2));
    ASSERT_TRUE(client_.messages.wait_for(2));
    EXPECT_EQ(server_.messages.all(), (std::vector<std::string>{"t:question", "t:" + large}));
    EXPECT_EQ(client_.messages.all(), (std::vector<std::string>{"b:ab", "t:"}));
}

TEST_F(websocket_socket_test, closes_on_both_sides_without_an_error) {
    open();
    ASSERT_TRUE(
        is_ok(client_.connection().close(static_cast<ws_close_code>(4000), "that was all")));
    for (side* each : {&server_, &client_}) {
        ASSERT_TRUE(each->closed.wait_for(1));
        EXPECT_EQ(each->closed.all().front(), std::error_code{});
        EXPECT_EQ(static_cast<unsigned>(each->connection().close_code()), 4000U);
    }
    EXPECT_EQ(server_.connection().close_reason(), "that was all");
}

TEST_F(websocket_socket_test, the_server_may_reject) {
    connect();
    (void)server_.socket->set_handshake_callback(
        [](const ws_request&, ws_handshake_answer& answer) { answer.reject(403); });
    start();
    for (side* each : {&server_, &client_}) {
        ASSERT_TRUE(each->closed.wait_for(1));
        EXPECT_EQ(each->closed.all().front(), errc::handshake_rejected);
        EXPECT_EQ(each->opened.count(), 0U);
    }
}

TEST_F(websocket_socket_test, a_rejection_with_a_status_of_success_is_an_error) {
    connect();
    (void)server_.socket->set_handshake_callback(
        [](const ws_request&, ws_handshake_answer& answer) { answer.reject(200); });
    start();
    for (side* each : {&server_, &client_}) {
        ASSERT_TRUE(each->closed.wait_for(1));
        EXPECT_EQ(each->opened.count(), 0U);
    }
    EXPECT_EQ(server_.closed.at(0), errc::invalid_argument);
    EXPECT_EQ(client_.closed.at(0), errc::handshake_rejected);
}

TEST_F(websocket_socket_test, may_be_destroyed_in_its_own_callback) {
    connect();
    (void)server_.socket->set_message_callback(
        [this](const ws_message&) { server_.socket.reset(); });
    start();
    ASSERT_TRUE(client_.opened.wait_for(1));
    ASSERT_TRUE(is_ok(client_.connection().send_text("go away")));
    ASSERT_TRUE(client_.closed.wait_for(1));
    EXPECT_EQ(client_.connection().close_code(), ws_close_code::normal);
}

TEST_F(websocket_socket_test, refuses_what_cannot_work) {
    asio::ip::tcp::socket unconnected(runner_.context);
    const auto refused = websocket_socket::adopt_server(runner_.context, std::move(unconnected));
    EXPECT_TRUE(fails_with(refused, errc::connection_closed));
#if !NETWORK_SYSTEM_WITH_TLS
    websocket_socket_options encrypted;
    encrypted.tls.emplace();
    EXPECT_TRUE(fails_with(websocket_socket::adopt_server(
                               runner_.context, asio::ip::tcp::socket(runner_.context), encrypted),
                           errc::not_supported));
#endif

    connect();
    EXPECT_TRUE(fails_with(client_.connection().send_text("too early"), errc::connection_closed));
    start();
    EXPECT_TRUE(fails_with(client_.socket->start(), errc::already_exists));
    EXPECT_TRUE(fails_with(client_.socket->set_open_callback({}), errc::invalid_argument));
}

}  // namespace
}  // namespace loopback
