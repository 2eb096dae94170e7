// The comparison with uWebSockets: its echo server. ws.py compiles this file against a checkout
// that it is given; it is no part of the build. As with the other servers there is no compression,
// no idle timeout and no ping.

#include "common.h"

#include <App.h>

#include <string_view>
#include <thread>

namespace {

constexpr unsigned backpressure_limit = 4 * 1024 * 1024;

struct no_data {};
using socket_type = uWS::WebSocket<false, true, no_data>;

uWS::TemplatedApp<false>::WebSocketBehavior<no_data> echo_behavior() {
    uWS::TemplatedApp<false>::WebSocketBehavior<no_data> behavior;
    behavior.compression = uWS::DISABLED;
    behavior.maxPayloadLength = compare::max_payload;
    behavior.maxBackpressure = backpressure_limit;
    behavior.idleTimeout = 0;
    behavior.sendPingsAutomatically = false;
    behavior.message = [](socket_type* socket, std::string_view message, uWS::OpCode code) {
        // A dropped answer shows in the generator.
        (void)socket->send(message, code, false);
    };
    return behavior;
}

void serve_echo(compare::arguments& options) {
    const auto port = options.number<int>("--port", 0);
    options.expect_no_more();
    const sigset_t stop_signals = compare::block_stop_signals();
    compare::raise_descriptor_limit();

    uWS::App app;
    app.ws<no_data>("/*", echo_behavior());
    app.listen("127.0.0.1", port, [](us_listen_socket_t* listening) {
        if (listening == nullptr) {
            throw std::runtime_error("could not listen");
        }
        const auto bound = us_socket_local_port(0, reinterpret_cast<us_socket_t*>(listening));
        compare::announce_port(static_cast<unsigned>(bound));
    });
    std::jthread stopper([&app, &stop_signals, loop = uWS::Loop::get()] {
        int signal = 0;
        ::sigwait(&stop_signals, &signal);
        loop->defer([&app] { app.close(); });
    });
    app.run();
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, serve_echo);
}
