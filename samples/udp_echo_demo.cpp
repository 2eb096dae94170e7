// Datagrams to a server and back, and what both sides can tell of them afterwards: how many were
// sent, received and lost on this machine, and how few system calls that took.

#include "sample.h"

#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>

#include <cstdint>
#include <future>
#include <iostream>
#include <mutex>
#include <set>
#include <span>
#include <stdexcept>
#include <string>

namespace {

using namespace network_system;
using core::messaging_udp_client;
using core::messaging_udp_server;

constexpr std::uint32_t count = 1000;

void print(const char* who, const datagram_metrics& counted) {
    std::cout << who << ": sent " << counted.datagrams_sent << " in " << counted.send_calls
              << " system calls, received " << counted.datagrams_received << " in "
              << counted.receive_calls << ", dropped by the kernel " << counted.kernel_drops
              << "; GSO " << (counted.has_segmentation_offload ? "yes" : "no") << ", GRO "
              << (counted.has_receive_offload ? "yes" : "no") << '\n';
}

void show() {
    // [readme:udp_server]
    core::udp_server_options options;
    options.peers.max_peers = 10'000;  // peers are known, and bounded in number
    messaging_udp_server server("EchoServer", options);
    server.set_receive_callback([&](std::span<const std::uint8_t> data, const endpoint& from) {
        if (auto sent = server.send_to(data, from); !sent) {
            std::cerr << "Failed to answer: " << sent.error().message << '\n';
        }
    });
    server.set_new_peer_callback(
        [](const endpoint& peer) { std::cout << "new peer: " << peer.to_string() << '\n'; });
    if (auto started = server.start_server(0); !started) {
        std::cerr << "Failed to start server: " << started.error().message << '\n';
        return;
    }
    // [/readme:udp_server]

    // [readme:udp_client]
    std::set<std::string> answers;
    std::promise<void> all_answered;
    messaging_udp_client client("EchoClient");
    client.set_receive_callback([&](std::span<const std::uint8_t> data) {
        answers.emplace(data.begin(), data.end());
        if (answers.size() == count) {
            all_answered.set_value();
        }
    });
    // Somebody is there, or "connection refused" says that nobody is.
    client.set_error_callback(
        [](std::error_code error) { std::cerr << "client: " << error.message() << '\n'; });
    if (auto started = client.start_client("127.0.0.1", server.local_port()); !started) {
        throw std::runtime_error(started.error().message);
    }
    // [/readme:udp_client]
    for (std::uint32_t i = 0; i < count; ++i) {
        sample::require(client.send_packet("datagram " + std::to_string(i)), "send_packet");
    }
    sample::await(all_answered.get_future(), "the answers");

    sample::require(client.stop_client(), "stop_client");
    sample::require(server.stop_server(), "stop_server");
    print("client", client.metrics());
    print("server", server.metrics());
    sample::expect(client.metrics().datagrams_sent == count, "everything was sent");
    sample::expect(server.metrics().datagrams_received == count, "everything was received");
    sample::expect(answers.count("datagram 0") == 1, "the first came back");
}

}  // namespace

int main() {
    return sample::run(show);
}
