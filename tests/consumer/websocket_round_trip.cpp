// The same over WebSocket, for consumers whose flags differ from the library's.

#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#include <network_system/core/ws_session_manager.h>

#include <chrono>
#include <future>
#include <iostream>
#include <string>
#include <string_view>

int main() {
    using namespace network_system;

    core::messaging_ws_server server("server");
    server.set_text_message_callback(
        [](const core::messaging_ws_server::connection_ptr& connection, std::string_view text) {
            // As of a session of the registry, which without RTTI no header could tell.
            const auto same = core::as_connection(connection);
            if (!same || !same->send_text(text)) {
                std::cerr << "the server could not answer\n";
            }
        });
    if (auto started = server.start_server(core::ws_server_config{}); !started) {
        std::cerr << started.error().message << '\n';
        return 1;
    }

    std::promise<std::string> answer;
    core::messaging_ws_client client("client");
    client.set_text_message_callback(
        [&answer](std::string_view text) { answer.set_value(std::string(text)); });
    core::ws_client_config config;
    config.host = "127.0.0.1";
    config.port = server.local_port();
    if (auto connected = client.start_client(config); !connected) {
        std::cerr << connected.error().message << '\n';
        return 1;
    }
    if (auto sent = client.send_text("round trip"); !sent) {
        std::cerr << sent.error().message << '\n';
        return 1;
    }
    auto received = answer.get_future();
    if (received.wait_for(std::chrono::seconds(10)) != std::future_status::ready ||
        received.get() != "round trip") {
        std::cerr << "no answer, or a wrong one\n";
        return 1;
    }
    client.stop_client();
    server.stop_server();
    std::cout << "WebSocket: round trip done\n";
    return 0;
}
