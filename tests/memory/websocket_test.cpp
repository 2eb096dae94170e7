// Each allocation of a WebSocket conversation fails in turn.
#include "support/websocket.h"

#include "memory/hearing.h"

#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace ws {
namespace {

using failing_heap::exempt;
using failing_heap::hearing;
using failing_heap::in_library;
using network_system::core::messaging_ws_client;
using network_system::core::messaging_ws_server;

constexpr std::size_t large = 300'000;

std::unique_ptr<messaging_ws_server> start_server() {
    auto server = std::make_unique<messaging_ws_server>("server");
    (void)server->set_message_callback([](const connection_ptr& who, const ws_message& message) {
        (void)(message.is_text() ? who->send_text(message.text()) : who->send_binary(message.data));
    });
    ws_server_config config;
    config.bind_address = "127.0.0.1";
    config.port = 0;
    config.drain_timeout = 20s;
    EXPECT_TRUE(server->start_server(config));
    return server;
}

/// A client of the test's, whose own notes need no memory of the library's.
class client_under_test {
public:
    explicit client_under_test(std::uint16_t port) {
        config_.host = "127.0.0.1";
        config_.port = port;
        config_.connect_timeout = 20s;
        config_.drain_timeout = 20s;
        client = std::make_unique<messaging_ws_client>("client");
        (void)client->set_message_callback(
            [this](const ws_message& message) { heard.record_bytes(message.data.size()); });
        (void)client->set_disconnected_callback([this](auto&&...) { heard.record_end(); });
    }
    client_under_test(const client_under_test&) = delete;
    client_under_test& operator=(const client_under_test&) = delete;
    ~client_under_test() { client.reset(); }

    [[nodiscard]] VoidResult start() { return client->start_client(config_); }

    hearing heard;
    std::unique_ptr<messaging_ws_client> client;

private:
    network_system::core::ws_client_config config_;
};

void converse(messaging_ws_server& server) {
    client_under_test peer(server.local_port());
    messaging_ws_client& client = *peer.client;
    if (in_library([&] { return peer.start(); })) {
        std::size_t expected = 0;
        const std::vector<std::uint8_t> bytes(large, 1);
        expected += in_library([&] { return client.send_text("hello"); }) ? 5 : 0;
        expected += in_library([&] { return client.send_binary(bytes); }) ? large : 0;
        EXPECT_TRUE(peer.heard.wait_for(expected)) << "neither an answer nor an end";
        (void)in_library([&] { return client.ping(); });
        (void)in_library([&] { return server.broadcast_text("to all"); });
    }
    in_library([&] { return client.stop_client(); });
}

void expect_service(messaging_ws_server& server) {
    client_under_test peer(server.local_port());
    const auto started = peer.start();
    ASSERT_TRUE(started) << started.error().message;
    ASSERT_TRUE(peer.client->send_text("hello"));
    ASSERT_TRUE(peer.heard.wait_for(5));
    EXPECT_TRUE(peer.heard.has_heard(5));
    EXPECT_TRUE(peer.client->stop_client());
}

TEST(failing_memory_of_websockets, ends_what_it_happens_to_and_nothing_else) {
    const exempt own;
    const auto server = start_server();
    failing_heap::fail_each_allocation([&] { converse(*server); },
                                       [&] { expect_service(*server); });
    EXPECT_TRUE(server->stop_server());
    EXPECT_EQ(server->metrics().connections_active, 0U);
}

}  // namespace
}  // namespace ws
