// A program as it was written for the network module of messaging_system, on this library. Only the
// include is another one.
#include <network_system/compatibility.h>

#include <atomic>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

int main() {
    // [readme:legacy_server]
    auto server = network_module::create_server("legacy_server");
    std::atomic<int> received{0};
    server->set_receive_callback([&](const std::string&, const std::vector<std::uint8_t>& data) {
        std::cout << "received " << data.size() << " bytes\n";
        ++received;
    });
    server->start_server(0);  // the results of legacy code are nobody's
    // [/readme:legacy_server]

    // [readme:legacy_client]
    auto client = network_module::create_client("legacy_client");
    client->start_client("127.0.0.1", server->local_port());

    std::vector<std::uint8_t> data{'H', 'e', 'l', 'l', 'o'};
    client->send_packet(data);
    client->send_packet(std::move(data));
    // [/readme:legacy_client]

    // Legacy programs sleep here. What is sent before a stop arrives without that.
    client->stop_client();
    server->stop_server();

    auto bridge = messaging::create_bridge();
    std::cout << "bridge: " << (bridge->is_initialized() ? "ready" : "not ready")
              << ", TLS: " << network_system::compat::has_tls()
              << ", WebSocket: " << network_system::compat::has_websocket() << '\n';
    return received == 2 ? 0 : 1;
}
