// Pings, pongs, and what happens when none come.
#include "support/websocket.h"

#include <thread>

namespace ws {
namespace {

TEST(keep_alive, a_server_ends_a_connection_that_answers_no_ping) {
    ws_server_config config;
    config.ping_interval = 40ms;
    config.pong_timeout = 60ms;
    ws_test_server server(config);
    auto peer = ws_peer::open(server.start());
    const auto ping = peer.receive_ws_frame();
    ASSERT_TRUE(ping);
    EXPECT_EQ(ping->opcode, op_ping);
    ASSERT_TRUE(server.closed.wait_for(1));
    EXPECT_EQ(server.closed.at(0).code, ws_close_code::abnormal);
    EXPECT_NE(server.closed.at(0).reason, "");
    ASSERT_EQ(server.errors.size(), 1U);
    EXPECT_EQ(server.errors.at(0).code, errc::connection_timeout);
}

TEST(keep_alive, a_client_ends_a_connection_that_answers_no_ping) {
    ws_client_config config;
    config.ping_interval = 40ms;
    config.pong_timeout = 60ms;
    const raw_listener listener;
    ws_test_client client(config);
    std::thread connecting([&] { EXPECT_TRUE(is_ok(client.connect(listener.port()))); });
    ws_peer peer(listener.accept());
    peer.accept_websocket();
    connecting.join();
    const auto ping = peer.receive_ws_frame();
    ASSERT_TRUE(ping);
    EXPECT_EQ(ping->opcode, op_ping);
    ASSERT_TRUE(client.closed.wait_for(1));
    EXPECT_EQ(client.closed.at(0).code, ws_close_code::abnormal);
    ASSERT_EQ(client.errors.size(), 1U);
    EXPECT_EQ(client.errors.at(0), errc::connection_timeout);
}

TEST(keep_alive, answered_pings_keep_a_connection) {
    ws_server_config config;
    config.ping_interval = 100ms;
    config.pong_timeout = 1'000ms;
    ws_test_server server(config);
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    // Each ping and each pong are bytes; nothing else is sent.
    const auto before = client.client.metrics().totals.bytes_received;
    EXPECT_TRUE(
        eventually([&] { return client.client.metrics().totals.bytes_received >= before + 20; }));
    EXPECT_TRUE(client.exchange("still here"));
    EXPECT_EQ(server.errors.size(), 0U);
}

TEST(keep_alive, any_bytes_count_as_life) {
    ws_server_config config;
    config.ping_interval = 200ms;
    config.pong_timeout = 400ms;
    ws_test_server server(config);
    server.on_message = [](const connection_ptr&, const ws_message&) {};
    auto peer = ws_peer::open(server.start());
    // A message that takes its time, byte by byte; no pong is ever sent.
    const bytes frame = frame_bytes(op_binary, pattern(24));
    for (const std::uint8_t each : frame) {
        ASSERT_TRUE(peer.send({&each, 1}));
        std::this_thread::sleep_for(50ms);
    }
    EXPECT_TRUE(server.received.wait_for(1));
    EXPECT_EQ(server.errors.size(), 0U);
}

TEST(keep_alive, idle_connections_are_closed_where_that_is_wanted) {
    ws_server_config config;
    config.idle_timeout = 50ms;
    config.ping_interval = 0ms;
    ws_test_server server(config);
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(client.closed.wait_for(1));
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0).code, errc::session_expired);
}

TEST(ping, measures_the_round_trip_on_both_sides) {
    ws_test_server server;
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(client.client.ping()));
    event_counter measured;
    const auto note = [&](const Result<std::chrono::microseconds>& round_trip) {
        EXPECT_TRUE(is_ok(round_trip));
        measured.add();
    };
    EXPECT_TRUE(is_ok(client.client.ping(note)));
    ASSERT_TRUE(server.connections.wait_for(1));
    EXPECT_TRUE(is_ok(server.connections.at(0)->ping(note)));
    EXPECT_TRUE(measured.wait_for(2));
}

TEST(ping, is_answered_by_the_library) {
    ws_test_server server;
    auto peer = ws_peer::open(server.start());
    EXPECT_TRUE(peer.send_frame(op_ping, bytes_of("payload")));
    const auto pong = peer.receive_ws_frame();
    ASSERT_TRUE(pong);
    EXPECT_EQ(pong->opcode, op_pong);
    EXPECT_EQ(text_of(pong->payload), "payload");
}

TEST(ping, is_answered_by_the_application_where_that_is_wanted) {
    ws_server_config at_server;
    at_server.auto_pong = false;
    ws_test_server server(at_server);
    (void)server.server.set_ping_callback(
        [](const connection_ptr& from, std::span<const std::uint8_t> payload) {
            EXPECT_TRUE(is_ok(from->send_text("pinged with " + text_of(payload))));
            EXPECT_TRUE(is_ok(from->send_pong(payload)));
        });
    auto peer = ws_peer::open(server.start());
    EXPECT_TRUE(peer.send_frame(op_ping, bytes_of("42")));
    const auto text = peer.receive_ws_frame();
    ASSERT_TRUE(text);
    EXPECT_EQ(text_of(text->payload), "pinged with 42");
    const auto pong = peer.receive_ws_frame();
    ASSERT_TRUE(pong);
    EXPECT_EQ(pong->opcode, op_pong);
    EXPECT_EQ(text_of(pong->payload), "42");

    ws_client_config at_client;
    at_client.auto_pong = false;
    ws_test_client client(at_client);
    collector<std::string> pinged;
    (void)client.client.set_ping_callback(
        [&](const std::vector<std::uint8_t>& payload) { pinged.add(text_of(payload)); });
    ASSERT_TRUE(is_ok(client.connect(server.server.local_port())));
    ASSERT_TRUE(server.connections.wait_for(2));
    EXPECT_TRUE(is_ok(server.connections.at(1)->send_ping(bytes_of("you"))));
    ASSERT_TRUE(pinged.wait_for(1));
    EXPECT_EQ(pinged.at(0), "you");
    EXPECT_TRUE(is_ok(client.client.send_pong(bytes_of("you"))));
}

TEST(ping, payloads_are_at_most125_bytes) {
    ws_test_server server;
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(client.client.send_ping(pattern(125))));
    EXPECT_TRUE(fails_with(client.client.send_ping(pattern(126)), errc::invalid_argument));
    EXPECT_TRUE(fails_with(client.client.send_pong(pattern(126)), errc::invalid_argument));
    EXPECT_TRUE(client.exchange("unharmed"));
}

}  // namespace
}  // namespace ws
