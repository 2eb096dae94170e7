// Both ends of a WebSocket over sockets that Asio connected.
#pragma once

#include "loopback/support.h"

#include <network_system/internal/websocket_socket.h>

#include <asio/executor_work_guard.hpp>

#include <memory>
#include <string>
#include <thread>
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

    websocket_pair() : work_(context_.get_executor()), thread_([this] { context_.run(); }) {
        asks_.host = "localhost:8080";
        asks_.target = "/echo";
    }
    ~websocket_pair() override {
        server_.socket.reset();
        client_.socket.reset();
        work_.reset();
        thread_.join();  // returns: nothing may stay registered
    }

    void connect() {
        asio::ip::tcp::acceptor acceptor(context_, {asio::ip::address_v4::loopback(), 0});
        asio::ip::tcp::socket dialled(context_);
        dialled.connect(acceptor.local_endpoint());
        auto served = websocket_socket::adopt_server(context_, acceptor.accept(), server_.options);
        auto asking =
            websocket_socket::adopt_client(context_, std::move(dialled), asks_, client_.options);
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
    network_system::websocket::client_handshake asks_;
    side server_;
    side client_;

private:
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::thread thread_;
};

}  // namespace loopback
