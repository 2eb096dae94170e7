// What a consumer's tests build: one message to a server and back, in the simulation kit.

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/testing/simulation.h>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <span>
#include <string>

namespace {

using namespace network_system;

std::string attempt(std::uint64_t seed) {
    testing::simulation sim(seed);
    core::messaging_server server("server", sim.on_host("server"));
    server.set_receive_callback(
        [](const core::messaging_server::session_ptr& session, std::span<const std::uint8_t> data) {
            if (!session->send_packet(data)) {
                std::cerr << "the server could not answer\n";
            }
        });
    if (auto started = server.start_server(4000); !started) {
        return started.error().message;
    }
    std::string answer;
    core::messaging_client client("client", sim.on_host("client"));
    client.set_receive_callback(
        [&answer](std::span<const std::uint8_t> data) { answer.assign(data.begin(), data.end()); });
    auto started = client.start_client("server", 4000, [&client](VoidResult connected) {
        if (!connected || !client.send_packet("round trip")) {
            std::cerr << "the client could not send\n";
        }
    });
    if (!started) {
        return started.error().message;
    }
    const bool came_back = sim.run_until([&] { return !answer.empty(); }, std::chrono::minutes(1));
    return came_back && answer == "round trip" ? "" : "no answer, or a wrong one\n" + sim.trace();
}

}  // namespace

int main() {
    const auto wrong = testing::try_seeds(testing::seeds_to_try({1, 20}), attempt);
    if (!wrong.empty()) {
        std::cerr << wrong;
        return 1;
    }
    std::cout << "simulated round trips done\n";
    return 0;
}
