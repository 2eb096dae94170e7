// internal::websocket_socket: both sides of a WebSocket over sockets that Asio connected.
#include "loopback/support.h"

#include <network_system/internal/websocket_socket.h>

#include <asio/executor_work_guard.hpp>

#include <stdexcept>
#include <string>

namespace loopback {
namespace {

using network_system::http_response;
using network_system::ws_close_code;
using network_system::ws_handshake_answer;
using network_system::ws_message;
using network_system::ws_request;
using network_system::internal::websocket_socket;
using network_system::internal::websocket_socket_options;

class WebsocketSocketTest : public testing::Test {
protected:
    /// One side, and what it has heard.
    struct side {
        std::unique_ptr<websocket_socket> socket;
        collector<std::string> messages;
        collector<std::error_code> closed;
        event_counter opened;

        void listen() {
            (void)socket->set_open_callback([this] { opened.add(); });
            (void)socket->set_message_callback([this](const ws_message& message) {
                messages.add((message.is_text() ? "t:" : "b:") + std::string(message.text()));
            });
            (void)socket->set_closed_callback([this](std::error_code why) { closed.add(why); });
        }
        [[nodiscard]] network_system::session::ws_connection& connection() const {
            return socket->connection();
        }
    };

    WebsocketSocketTest() : work_(context_.get_executor()), thread_([this] { context_.run(); }) {}
    ~WebsocketSocketTest() override {
        server_.socket.reset();
        client_.socket.reset();
        work_.reset();
        thread_.join();  // returns: nothing may stay registered
    }

    void connect() {
        asio::ip::tcp::acceptor acceptor(context_, {asio::ip::address_v4::loopback(), 0});
        asio::ip::tcp::socket dialled(context_);
        dialled.connect(acceptor.local_endpoint());
        auto served = websocket_socket::adopt_server(context_, acceptor.accept());
        network_system::websocket::client_handshake asks;
        asks.host = "localhost";
        asks.target = "/echo";
        auto asking = websocket_socket::adopt_client(context_, std::move(dialled), asks);
        ASSERT_TRUE(is_ok(served) && is_ok(asking));
        server_.socket = std::move(served).value();
        client_.socket = std::move(asking).value();
        server_.listen();
        client_.listen();
    }
    void start() {
        ASSERT_TRUE(is_ok(server_.socket->start()));
        ASSERT_TRUE(is_ok(client_.socket->start()));
    }
    void open() {
        connect();
        start();
        ASSERT_TRUE(server_.opened.wait_for(1));
        ASSERT_TRUE(client_.opened.wait_for(1));
    }

    asio::io_context context_;
    side server_;
    side client_;

private:
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::thread thread_;
};

TEST_F(WebsocketSocketTest, CarriesMessagesBothWays) {
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

TEST_F(WebsocketSocketTest, ClosesOnBothSidesWithoutAnError) {
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

TEST_F(WebsocketSocketTest, TheServerMayReject) {
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

TEST_F(WebsocketSocketTest, MayBeDestroyedInItsOwnCallback) {
    connect();
    (void)server_.socket->set_message_callback(
        [this](const ws_message&) { server_.socket.reset(); });
    start();
    ASSERT_TRUE(client_.opened.wait_for(1));
    ASSERT_TRUE(is_ok(client_.connection().send_text("go away")));
    ASSERT_TRUE(client_.closed.wait_for(1));
    EXPECT_EQ(client_.connection().close_code(), ws_close_code::normal);
}

TEST_F(WebsocketSocketTest, RefusesWhatCannotWork) {
    asio::ip::tcp::socket unconnected(context_);
    const auto refused = websocket_socket::adopt_server(context_, std::move(unconnected));
    EXPECT_TRUE(fails_with(refused, errc::connection_closed));

    connect();
    EXPECT_TRUE(fails_with(client_.connection().send_text("too early"), errc::connection_closed));
    start();
    EXPECT_TRUE(fails_with(client_.socket->start(), errc::already_exists));
    EXPECT_TRUE(fails_with(client_.socket->set_open_callback({}), errc::invalid_argument));
}

}  // namespace
}  // namespace loopback
