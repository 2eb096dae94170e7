// An echo server for conformance suites: Autobahn's fuzzingclient, or tests/websocket/conformance.
//
//   ws_conformance_server [PORT]     9001 when it is left out, 0 picks one; ends with its input

#include "websocket/echo_peers.h"

#include <cstdlib>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
    const int port = argc > 1 ? std::atoi(argv[1]) : 9001;
    websocket_peers::messaging_ws_server server("conformance");
    websocket_peers::echo_all(server);
    const auto config = websocket_peers::echo_server_config(static_cast<std::uint16_t>(port));
    if (const auto started = server.start_server(config); !started) {
        std::cerr << started.error().message << '\n';
        return 1;
    }
    std::cout << "port " << server.local_port() << std::endl;
    for (std::string line; std::getline(std::cin, line);) {}
    return server.stop_server() ? 0 : 1;
}
