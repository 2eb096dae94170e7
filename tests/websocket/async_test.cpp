// Clients and connections with Asio's completion tokens.
#include "websocket/support.h"

#include <network_system/async.h>

#include <asio/use_future.hpp>

namespace ws {
namespace {

using network_system::async_ping;
using network_system::async_receive;
using network_system::async_send;
using network_system::async_start;
using network_system::async_stop;

TEST(AsyncWebSocket, ClientsConverse) {
    ws_test_server server;
    messaging_ws_client client("client");
    ws_client_config config;
    config.host = "127.0.0.1";
    config.port = server.start();
    config.receiving = network_system::receive_mode::pull;
    EXPECT_TRUE(is_ok(async_start(client, config, asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_send(client, "as text", asio::use_future).get()));
    const auto text = async_receive(client, asio::use_future).get();
    ASSERT_TRUE(is_ok(text));
    EXPECT_EQ(text_of(text.value()), "as text");
    EXPECT_TRUE(is_ok(async_send(client, pattern(100'000), asio::use_future).get()));
    const auto data = async_receive(client, asio::use_future).get();
    ASSERT_TRUE(is_ok(data));
    EXPECT_EQ(data.value(), pattern(100'000));
    EXPECT_TRUE(is_ok(async_ping(client, asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_stop(client, asio::use_future).get()));
    EXPECT_EQ(server.received.count(), 2U);
}

TEST(AsyncWebSocket, ServersAndConnectionsHaveTheOperationsToo) {
    ws_test_server server;
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(server.connections.wait_for(1));
    const connection_ptr connection = server.connections.at(0);
    EXPECT_TRUE(is_ok(async_send(connection, "text", asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_send(connection, pattern(10), asio::use_future).get()));
    ASSERT_TRUE(client.received.wait_for(2));
    EXPECT_EQ(client.received.at(0).type, ws_message_type::text);
    EXPECT_EQ(client.received.at(1).type, ws_message_type::binary);
    EXPECT_TRUE(is_ok(async_ping(connection, asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_stop(connection, asio::use_future).get()));
    EXPECT_TRUE(client.closed.wait_for(1));
    EXPECT_TRUE(is_ok(async_stop(server.server, asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_stop(server.server, asio::use_future).get())) << "when stopped, too";
    EXPECT_FALSE(server.server.is_running());
}

TEST(AsyncWebSocket, AStartThatFailsSaysWhy) {
    messaging_ws_client client("client");
    ws_client_config config;
    config.host = "127.0.0.1";
    config.path = "no slash";
    config.port = 1;
    EXPECT_TRUE(
        fails_with(async_start(client, config, asio::use_future).get(), errc::invalid_argument));
    EXPECT_TRUE(
        fails_with(async_send(client, "x", asio::use_future).get(), errc::connection_closed));
}

}  // namespace
}  // namespace ws
