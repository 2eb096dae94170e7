// The quick start as one program that ends by itself: a server that answers every message, and a
// client that sends three and waits for the answers.

// [readme:includes]
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
// [/readme:includes]

#include <chrono>
#include <cstdint>
#include <future>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <vector>

int main() {
    // [readme:server]
    auto server = std::make_shared<network_system::core::messaging_server>("MyServer");
    server->set_receive_callback([](const auto& session, std::span<const std::uint8_t> message) {
        // Runs on the server's I/O thread; the bytes are valid during the call.
        if (auto sent = session->send_packet(message); !sent) {
            std::cerr << "Failed to answer: " << sent.error().message << '\n';
        }
    });

    // Port 0 lets the system pick one. When this returns ok, clients can connect.
    if (auto started = server->start_server(0); !started) {
        std::cerr << "Failed to start server: " << started.error().message << '\n';
        return 1;
    }
    // [/readme:server]
    std::cout << "Server listening on port " << server->local_port() << '\n';

    const std::vector<std::string> messages{"Hello, Network System!", "a second message", "bye"};
    std::vector<std::string> answers;
    std::promise<void> all_answered;

    // [readme:client]
    auto client = std::make_shared<network_system::core::messaging_client>("MyClient");
    client->set_receive_callback([&](std::span<const std::uint8_t> message) {
        answers.emplace_back(message.begin(), message.end());
        if (answers.size() == messages.size()) {
            all_answered.set_value();
        }
    });

    // Blocks until the connection works, or says why it does not.
    if (auto connected = client->start_client("localhost", server->local_port()); !connected) {
        std::cerr << "Failed to connect: " << connected.error().message << '\n';
        return 1;
    }
    for (const std::string& message : messages) {
        if (auto sent = client->send_packet(message); !sent) {
            std::cerr << "Failed to send: " << sent.error().message << '\n';
            return 1;
        }
    }
    // [/readme:client]

    if (all_answered.get_future().wait_for(std::chrono::seconds(10)) != std::future_status::ready) {
        std::cerr << "The answers did not arrive\n";
        return 1;
    }

    // [readme:stop]
    // Both send what is queued, say goodbye and close. When they have returned, no callback runs.
    client->stop_client();
    server->stop_server();
    // [/readme:stop]

    for (const std::string& answer : answers) {
        std::cout << "Received back: " << answer << '\n';
    }
    if (answers != messages) {
        std::cerr << "The answers are not what was sent\n";
        return 1;
    }
    std::cout << "Stopped\n";
    return 0;
}
