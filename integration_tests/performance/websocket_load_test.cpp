// A server and its clients exchange echoed messages over loopback WebSocket: every byte of every
// answer is checked, both sides' counters have to agree, and rate, latency and memory are reported.
//
//   websocket_load_test [--full] [--seconds S] [--json FILE]

#include "framework/echo_load_table.h"

#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>

#include <iostream>
#include <limits>
#include <memory>

namespace {

struct websocket {
    using server = network_system::core::messaging_ws_server;
    using client = network_system::core::messaging_ws_client;
    static auto make_server() { return std::make_unique<server>("server"); }
    static auto make_client() { return std::make_unique<client>("client"); }
};

sample::load_report run_checked(const sample::load_shape& shape, sample::steady::duration length) {
    auto report = sample::run_load<websocket>(shape, length);
    sample::expect(report.messages >= static_cast<std::uint64_t>(shape.clients) *
                                          static_cast<std::uint64_t>(shape.in_flight),
                   "every client was served");
    return report;
}

void run(const integration::settings& chosen) {
    std::cout << "Echoed messages over loopback WebSocket; server and clients are in this "
                 "process.\n\n";
    integration::run_loads(chosen, "websocket_load", std::numeric_limits<std::size_t>::max(),
                           run_checked);
    std::cout << "\nEvery answer was right, and both sides counted the same.\n";
}

}  // namespace

int main(int argc, char** argv) {
    return sample::run([&] { run(integration::read_settings(argc, argv)); });
}
