// A WebSocket server written as coroutines, and a client that hears its echo.

#include <network_system/config.h>

#include <iostream>

#if NETWORK_SYSTEM_WITH_WEBSOCKET

#include "sample.h"

#include <network_system/async.h>
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/use_awaitable.hpp>

#include <future>
#include <string>
#include <string_view>

namespace {

using namespace network_system;
using core::messaging_ws_client;
using core::messaging_ws_server;

// [readme:websocket_echo]
asio::awaitable<void> echo(messaging_ws_server::connection_ptr connection) {
    for (;;) {
        const auto message = co_await async_receive(connection, asio::use_awaitable);
        if (message.is_err()) {
            co_return;  // the connection has ended
        }
        const auto& got = message.value();
        const auto sent =
            got.is_text() ? connection->send_text(got.text()) : connection->send_binary(got.data);
        if (sent.is_err()) {
            co_return;
        }
    }
}

VoidResult start(messaging_ws_server& server) {
    server.set_connection_callback([](const messaging_ws_server::connection_ptr& connection) {
        asio::co_spawn(session_executor(connection), echo(connection), asio::detached);
    });
    core::ws_server_config config;
    config.port = 0;  // the system picks one
    // Messages wait for async_receive instead of running the message callbacks.
    config.receiving = receive_mode::pull;
    return server.start_server(config);
}
// [/readme:websocket_echo]

void show() {
    messaging_ws_server server("coroutine-echo");
    sample::require(start(server), "start_server");

    std::promise<std::string> heard;
    messaging_ws_client client("client");
    client.set_text_message_callback(
        [&](std::string_view text) { heard.set_value(std::string(text)); });
    core::ws_client_config config;
    config.host = "localhost";
    config.port = server.local_port();
    sample::require(client.start_client(config), "start_client");
    sample::require(client.send_text("hello"), "send_text");
    std::cout << "heard: " << sample::await(heard.get_future(), "the echo") << '\n';
    sample::require(client.stop_client(), "stop_client");
    sample::require(server.stop_server(), "stop_server");
}

}  // namespace

int main() {
    return sample::run(show);
}

#else

int main() {
    std::cout << "This build has no WebSocket (BUILD_WEBSOCKET_SUPPORT=OFF).\n";
    return 0;
}

#endif
