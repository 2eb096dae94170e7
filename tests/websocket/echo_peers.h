// The library's ends of conversations with others: a server that echoes, and a client that answers
// every case of a conformance driver as the clients of the Autobahn test suite do.
#pragma once

#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <string_view>

namespace websocket_peers {

using network_system::ws_close_code;
using network_system::ws_message;
using network_system::core::messaging_ws_client;
using network_system::core::messaging_ws_server;
using network_system::core::ws_client_config;
using network_system::core::ws_server_config;

/// What the suites send at most.
inline constexpr std::size_t largest_message = std::size_t{16} * 1024 * 1024;

[[nodiscard]] inline ws_server_config echo_server_config(std::uint16_t port = 0) {
    ws_server_config config;
    config.bind_address = "127.0.0.1";
    config.port = port;
    config.path.clear();
    config.max_message_size = largest_message;
    return config;
}

/// To be set before the start.
inline void echo_all(messaging_ws_server& server) {
    (void)server.set_message_callback([](const auto& connection, const ws_message& message) {
        // A refused send shows as a missing echo.
        if (message.is_text()) {
            (void)connection->send_text(message.text());
        } else {
            (void)connection->send_binary(message.data);
        }
    });
}

/// One connection, until the other end closes it; the last text that came.
inline std::string converse(const std::string& host, std::uint16_t port, const std::string& path,
                            bool echoes) {
    messaging_ws_client client("conformance");
    std::string last_text;
    (void)client.set_message_callback([&](const ws_message& message) {
        if (!echoes) {
            last_text = message.text();
        } else if (message.is_text()) {
            (void)client.send_text(message.text());
        } else {
            (void)client.send_binary(message.data);
        }
    });
    ws_client_config config;
    config.host = host;
    config.port = port;
    config.path = path;
    config.max_message_size = largest_message;
    if (client.start_client(config)) {
        (void)client.wait_for_stop();
        (void)client.stop_client();
    }
    return last_text;
}

/// How many cases there were; 0 when the driver does not say.
inline int answer_all_cases(const std::string& host, std::uint16_t port) {
    const std::string text = converse(host, port, "/getCaseCount", false);
    int count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    for (int number = 1; number <= count; ++number) {
        (void)converse(host, port,
                       "/runCase?case=" + std::to_string(number) + "&agent=network_system", true);
    }
    (void)converse(host, port, "/updateReports?agent=network_system", false);
    return count;
}

}  // namespace websocket_peers
