// Servers that note what they get, and clients that stay connected to them.
#pragma once

#include "resilience/resilient.h"
#include "support/loopback.h"

#include <network_system/resilience/resilient_client.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace resilient_client_test {

using namespace loopback;
using network_system::resilience::resilient_client;
using network_system::resilience::resilient_client_options;
using network_system::testing::adds_up;
using network_system::testing::text_of;
using std::chrono::milliseconds;

/// A server that notes what it gets, and can come back at its port.
class noting_server {
public:
    noting_server() {
        recorded_.on_receive = [this](const session_ptr& session,
                                      std::span<const std::uint8_t> data) {
            texts.add(text_of(data));
            (void)session->send_packet("answer to " + text_of(data));
        };
        port_ = recorded_.start();
    }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    void stop() { EXPECT_TRUE(is_ok(recorded_.server.stop_server())); }
    void start_again() { EXPECT_TRUE(is_ok(recorded_.server.start_server(port_))); }

    collector<std::string> texts;

private:
    test_server recorded_;
    std::uint16_t port_ = 0;
};

[[nodiscard]] inline resilient_client_options options_to(const std::vector<std::uint16_t>& ports) {
    resilient_client_options options;
    for (const std::uint16_t port : ports) {
        options.endpoints.push_back({"127.0.0.1", port});
    }
    for (auto* const reconnect : {&options.connection.client.reconnect,
                                  static_cast<network_system::core::reconnect_options*>(
                                      &options.connection.ws.reconnect)}) {
        reconnect->initial_delay = 1ms;
        reconnect->max_delay = 10ms;
    }
    return options;
}

/// Nobody listens there.
[[nodiscard]] inline std::uint16_t free_port() {
    const raw_listener gone;
    return gone.port();
}

}  // namespace resilient_client_test
