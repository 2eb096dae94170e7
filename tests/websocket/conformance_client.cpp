// An echo client for conformance suites: Autobahn's fuzzingserver, or tests/websocket/conformance.
//
//   ws_conformance_client [HOST [PORT]]     127.0.0.1 and 9001 when they are left out

#include "websocket/echo_peers.h"

#include <cstdlib>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
    const std::string host = argc > 1 ? argv[1] : "127.0.0.1";
    const int port = argc > 2 ? std::atoi(argv[2]) : 9001;
    const int cases = websocket_peers::answer_all_cases(host, static_cast<std::uint16_t>(port));
    std::cout << cases << " cases answered\n";
    return cases > 0 ? 0 : 1;
}
