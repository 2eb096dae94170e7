// The same program in the forms of this library: results are looked at, nothing sleeps, callbacks
// run on a pool, values travel instead of bytes, and the bridge counts all of it.
#include "../sample.h"

#include <network_system/network_system.h>

#include <future>
#include <iostream>
#include <memory>
#include <string>

using namespace network_system;
using namespace network_system::integration;

namespace {

// [readme:bridge]
/// A server of the bridge that answers texts with texts. The results are looked at.
Result<std::shared_ptr<core::messaging_server>> start_server(messaging_bridge& bridge) {
    auto server = bridge.create_server("modern_server");
    on_value<std::string>(*server, [](const auto& session, const std::string& text) {
        if (auto sent = send_value(session, "received " + text); !sent) {
            NETWORK_LOG_WARN("no answer for {}: {}", session->id(), sent.error().message);
        }
    });
    return server->start_server(0).map([&](auto) { return server; });
}
// [/readme:bridge]

void exchange(messaging_bridge& bridge) {
    const auto server = sample::require(start_server(bridge), "start_server");
    std::promise<std::string> answered;
    auto client = bridge.create_client("modern_client");
    on_value<std::string>(*client, [&](std::string text) { answered.set_value(std::move(text)); });
    sample::require(client->start_client("127.0.0.1", server->local_port()), "start_client");
    sample::require(send_value(client, "Hello"), "send_value");
    std::cout << sample::await(answered.get_future(), "the answer") << '\n';
}

void show() {
    sample::require(initialize({.logger = std::make_shared<basic_logger>(),
                                .thread_pool = std::make_shared<basic_thread_pool>(2)}),
                    "initialize");
    messaging_bridge bridge;
    bridge.set_thread_pool(thread_integration_manager::instance().get_thread_pool());
    exchange(bridge);  // servers and clients stop when they go
    const bridge_metrics counted = bridge.get_metrics();
    std::cout << counted.messages_sent() << " messages sent, " << counted.messages_received()
              << " received\n";
    sample::expect(counted.messages_received() == 2, "both messages have arrived");
    bridge.reset_metrics();
    sample::expect(bridge.get_metrics().messages_received() == 0, "counted from 0 again");
    shutdown();
}

}  // namespace

int main() {
    return sample::run(show);
}
