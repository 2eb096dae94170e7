// Calls at the wrong time, and configurations that make no sense.
#include "support/websocket.h"

#include <network_system/async.h>
#include <network_system/config.h>

namespace ws {
namespace {

template <typename Config>
struct wrong_config {
    const char* name;
    std::function<void(Config&)> spoil;
};

class wrong_server_config : public testing::TestWithParam<wrong_config<ws_server_config>> {};

TEST_P(wrong_server_config, is_refused) {
    ws_server_config config;
    GetParam().spoil(config);
    messaging_ws_server server("server");
    EXPECT_TRUE(fails_with(server.start_server(config), errc::invalid_argument));
    EXPECT_FALSE(server.is_running());
    EXPECT_TRUE(is_ok(server.start_server(0))) << "and the next start may be right";
}

INSTANTIATE_TEST_SUITE_P(
    all, wrong_server_config,
    testing::Values(
        wrong_config<ws_server_config>{"size", [](auto& all) { all.max_message_size = 0; }},
        wrong_config<ws_server_config>{"header_size", [](auto& all) { all.max_header_size = 100; }},
        wrong_config<ws_server_config>{"headers", [](auto& all) { all.max_headers = 0; }},
        wrong_config<ws_server_config>{"ping", [](auto& all) { all.ping_interval = -1ms; }},
        wrong_config<ws_server_config>{"pong", [](auto& all) { all.pong_timeout = 0ms; }},
        wrong_config<ws_server_config>{"mark", [](auto& all) { all.high_watermark = 0; }},
        wrong_config<ws_server_config>{"path", [](auto& all) { all.path = "chat"; }},
        wrong_config<ws_server_config>{"query", [](auto& all) { all.more_paths = {"/a?b"}; }},
        wrong_config<ws_server_config>{"token", [](auto& all) { all.subprotocols = {"a b"}; }},
        wrong_config<ws_server_config>{"twice",
                                       [](auto& all) {
                                           all.subprotocols = {"a", "a"};
                                       }},
        wrong_config<ws_server_config>{"time", [](auto& all) { all.handshake_timeout = 0ms; }},
        wrong_config<ws_server_config>{"threads", [](auto& all) { all.io_threads = 0; }},
        wrong_config<ws_server_config>{"prefix_0", [](auto& all) { all.address_prefix_v6 = 0; }},
        wrong_config<ws_server_config>{"prefix_129",
                                       [](auto& all) { all.address_prefix_v6 = 129; }},
        wrong_config<ws_server_config>{"drain", [](auto& all) { all.drain_timeout = -1ms; }}),
    [](const auto& chosen) { return std::string(chosen.param.name); });

class wrong_client_config : public testing::TestWithParam<wrong_config<ws_client_config>> {};

TEST_P(wrong_client_config, is_refused) {
    ws_client_config config;
    config.host = "localhost";
    config.port = 1;
    GetParam().spoil(config);
    messaging_ws_client client("client");
    EXPECT_TRUE(fails_with(client.start_client(config), errc::invalid_argument));
}

INSTANTIATE_TEST_SUITE_P(
    all, wrong_client_config,
    testing::Values(
        wrong_config<ws_client_config>{"host", [](auto& all) { all.host.clear(); }},
        wrong_config<ws_client_config>{"port", [](auto& all) { all.port = 0; }},
        wrong_config<ws_client_config>{"path", [](auto& all) { all.path = "chat"; }},
        wrong_config<ws_client_config>{"injection",
                                       [](auto& all) { all.path = "/ HTTP/1.1\r\nX: "; }},
        wrong_config<ws_client_config>{"header",
                                       [](auto& all) {
                                           all.headers = {{"X", "a\r\nHost: evil"}};
                                       }},
        wrong_config<ws_client_config>{"own_header",
                                       [](auto& all) {
                                           all.headers = {{"Sec-WebSocket-Key", "x"}};
                                       }},
        wrong_config<ws_client_config>{"token", [](auto& all) { all.subprotocols = {"a,b"}; }},
        wrong_config<ws_client_config>{"connect", [](auto& all) { all.connect_timeout = 0ms; }},
        wrong_config<ws_client_config>{"delay",
                                       [](auto& all) { all.reconnect.initial_delay = 0ms; }},
        wrong_config<ws_client_config>{"cap", [](auto& all) { all.reconnect.max_delay = 1ms; }},
        wrong_config<ws_client_config>{"factor", [](auto& all) { all.reconnect.factor = 0.5; }},
        wrong_config<ws_client_config>{
            "restart", [](auto& all) { all.reconnect.restart_delay_least = 60'000ms; }}),
    [](const auto& chosen) { return std::string(chosen.param.name); });

TEST(misuse, of_a_server_is_answered) {
    ws_test_server server;
    EXPECT_TRUE(fails_with(server.server.broadcast_text("x"), errc::server_not_started));
    EXPECT_TRUE(fails_with(server.server.broadcast_binary({1}), errc::server_not_started));
    EXPECT_TRUE(fails_with(server.server.publish_text("a", "x"), errc::server_not_started));
    EXPECT_TRUE(fails_with(server.server.get_connection("x"), errc::server_not_started));
    EXPECT_TRUE(fails_with(server.server.reload_certificates(), errc::server_not_started));
    EXPECT_TRUE(server.server.get_all_connections().empty());
    EXPECT_EQ(server.server.local_port(), 0U);
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(is_ok(server.server.wait_for_stop()));
    (void)server.start();
    EXPECT_TRUE(fails_with(server.server.start_server(0), errc::server_already_running));
    EXPECT_TRUE(fails_with(server.server.reload_certificates(), errc::not_supported));
    EXPECT_TRUE(fails_with(server.server.set_connection_callback({}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(
        server.server.set_text_message_callback([](const connection_ptr&, std::string_view) {}),
        errc::invalid_argument));
    messaging_ws_server other("other");
    EXPECT_TRUE(fails_with(other.start_server(server.server.local_port()), errc::bind_failed));
}

TEST(misuse, of_a_client_is_answered) {
    ws_test_server server;
    ws_test_client client;
    EXPECT_TRUE(fails_with(client.client.send_text("x"), errc::connection_closed));
    EXPECT_TRUE(fails_with(client.client.send_binary({1}), errc::connection_closed));
    EXPECT_TRUE(fails_with(client.client.send_ping(), errc::connection_closed));
    EXPECT_TRUE(fails_with(client.client.close(), errc::connection_closed));
    EXPECT_TRUE(fails_with(client.client.ping(), errc::connection_closed));
    EXPECT_TRUE(fails_with(client.client.get_connection(), errc::connection_closed));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(fails_with(client.connect(server.server.local_port()), errc::already_exists));
    EXPECT_TRUE(fails_with(client.client.set_connected_callback({}), errc::invalid_argument));
    const auto connection = client.client.get_connection();
    ASSERT_TRUE(is_ok(connection));
    EXPECT_TRUE(
        fails_with(connection.value()->receive_packet([](const auto&) {}), errc::not_supported));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
}

TEST(misuse, of_texts_is_for_the_peer_to_find) {
    ws_test_server server;
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(client.client.send_text("\xC3(")));
    ASSERT_TRUE(client.closed.wait_for(1));
    EXPECT_EQ(client.closed.at(0).code, ws_close_code::invalid_payload);
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0).code, errc::protocol_error);
    EXPECT_EQ(server.received.count(), 0U);
}

TEST(misuse, blocking_calls_inside_callbacks_are_refused) {
    ws_test_server server;
    ws_test_client client;
    event_counter tried;
    client.on_message = [&](const ws_message&) {
        EXPECT_TRUE(fails_with(client.client.ping(), errc::would_block));
        EXPECT_TRUE(fails_with(client.client.wait_for_stop(), errc::would_block));
        messaging_ws_client other("other");
        EXPECT_TRUE(fails_with(other.start_client("127.0.0.1", 1), errc::would_block));
        tried.add();
    };
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(client.client.send_text("x")));
    EXPECT_TRUE(tried.wait_for(1));
}

TEST(misuse, a_start_that_is_given_up_is_cancelled) {
    const raw_listener silent;
    ws_test_client client;
    client.config.port = silent.port();
    collector<VoidResult> answers;
    const auto start = network_system::session::next_operation_id();
    ASSERT_TRUE(is_ok(client.client.start_client(
        client.config, [&](VoidResult result) { answers.add(std::move(result)); }, start)));
    client.client.cancel(start);
    ASSERT_TRUE(answers.wait_for(1));
    EXPECT_TRUE(fails_with(answers.at(0), errc::cancelled));
}

TEST(misuse, a_server_that_says_nothing_is_a_timeout) {
    const raw_listener silent;
    ws_client_config config;
    config.connect_timeout = 100ms;
    ws_test_client client(config);
    EXPECT_TRUE(fails_with(client.connect(silent.port()), errc::connection_timeout));
}

#if !NETWORK_SYSTEM_WITH_TLS
TEST(misuse, wss_without_tls_is_not_supported) {
    ws_server_config config;
    config.tls.emplace();
    messaging_ws_server server("server");
    EXPECT_TRUE(fails_with(server.start_server(config), errc::not_supported));
}
#endif

}  // namespace
}  // namespace ws
