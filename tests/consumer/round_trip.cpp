// What every consumer project builds: one message to a server and back.

#include <network_system/config.h>
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>

#include <future>
#include <iostream>
#include <span>
#include <string>

int main() {
    using namespace network_system;

    core::messaging_server server("server");
    server.set_receive_callback(
        [](const core::messaging_server::session_ptr& session, std::span<const std::uint8_t> data) {
            if (!session->send_packet(data)) {
                std::cerr << "the server could not answer\n";
            }
        });
    if (auto started = server.start_server(0); !started) {
        std::cerr << started.error().message << '\n';
        return 1;
    }

    std::promise<std::string> answer;
    core::messaging_client client("client");
    client.set_receive_callback([&answer](std::span<const std::uint8_t> data) {
        answer.set_value(std::string(data.begin(), data.end()));
    });
    if (auto connected = client.start_client("127.0.0.1", server.local_port()); !connected) {
        std::cerr << connected.error().message << '\n';
        return 1;
    }
    if (auto sent = client.send_packet("round trip"); !sent) {
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
    std::cout << "network_system " << NETWORK_SYSTEM_VERSION << ": round trip done\n";
    return 0;
}
