// Both ends of a WebSocket over sockets that Asio connected.
#pragma once

#include "support/context_runner.h"

#include <network_system/internal/websocket_socket.h>

#include <memory>
#include <string>
#include <utility>

namespace loopback {

class websocket_pair : public testing::Test {
protected:
    using websocket_socket = network_system::internal::websocket_socket;
    using websocket_socket_options = network_system::internal::websocket_socket_options;

    /// One side, and what it has heard.
    struct side {
        websocket_socket_options options;
        std::unique_ptr<websocket_socket> socket;
        collector<std::string> messages;
        collector<std::error_code> closed;
        event_counter opened;

        void listen() {
            (void)socket->set_open_callback([this] { opened.add(); });
            (void)socket->set_message_callback([this](const network_system::ws_message& message) {
                messages.add((message.is_text() ? "t:" : "b:") + std::string(message.text()));
            });
            (void)socket->set_closed_callback([this](std::error_code why) { closed.add(why); });
        }
        [[nodiscard]] network_system::session::ws_connection& connection() const {
            return socket->connection();
        }
    };

    websocket_pair() {
        asks_.host = "localhost:8080";
        asks_.target = "/echo";
    }
    ~websocket_pair() override {
        server_.socket.reset();
        client_.socket.reset();
        EXPECT_TRUE(runner_.comes_to_rest()) << "nothing may stay registered";
    }

    void connect() {
        auto [dialled, called] = runner_.connected_pair();
        auto served =
            websocket_socket::adopt_server(runner_.context, std::move(called), server_.options);
        auto asking = websocket_socket::adopt_client(runner_.context, std::move(dialled), asks_,
                                                     client_.options);
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

    context_runner runner_{1};
    network_system::websocket::client_handshake asks_;
    side server_;
    side client_;
};

}  // namespace loopback
