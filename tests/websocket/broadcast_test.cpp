// One message for many, the registry, and topics.
#include "support/no_descriptors.h"
#include "support/websocket.h"

namespace ws {
namespace {

TEST(broadcast, reaches_a_thousand_connections_and_accounts_for_each) {
    const std::size_t count = scaled(1000);
    ws_test_server server;
    const auto port = server.start();
    std::vector<std::unique_ptr<messaging_ws_client>> clients;
    event_counter texts;
    event_counter binaries;
    for (std::size_t i = 0; i < count; ++i) {
        auto& client = *clients.emplace_back(std::make_unique<messaging_ws_client>("client"));
        (void)client.set_message_callback([&](const ws_message& message) {
            if (message.is_text() && message.text() == "to everybody") {
                texts.add();
            } else if (!message.is_text() && message.data.size() == 5000) {
                binaries.add();
            }
        });
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", port)));
    }
    EXPECT_EQ(server.server.connection_count(), count);
    EXPECT_EQ(server.server.get_all_connections().size(), count);
    const auto all_of = [&](const auto& result) {
        ASSERT_TRUE(is_ok(result));
        EXPECT_EQ(result.value().receivers, count);
        EXPECT_EQ(result.value().queued, count);
        EXPECT_EQ(result.value().dropped, 0U);
        EXPECT_EQ(result.value().closed, 0U);
    };
    all_of(server.server.broadcast_text("to everybody"));
    all_of(server.server.broadcast_binary(pattern(5000)));
    EXPECT_TRUE(texts.wait_for(count));
    EXPECT_TRUE(binaries.wait_for(count));
    EXPECT_TRUE(
        eventually([&] { return server.server.metrics().totals.messages_sent == 2 * count; }));
}

TEST(broadcast, leaves_out_who_is_in_its_handshake_and_counts_who_is_full) {
    ws_server_config config;
    config.high_watermark = 64 * 1024;
    config.low_watermark = 1024;
    config.socket.send_buffer_size = 4096;
    ws_test_server server(config);
    const auto port = server.start();
    const auto arriving = ws_peer::connect(port);
    auto slow = ws_peer::connect(port, 4096);
    EXPECT_EQ(slow.ask(upgrade_request()), 101U);
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_EQ(server.server.connection_count(), 2U);
    std::size_t dropped = 0;
    for (int i = 0; i < 200 && dropped == 0; ++i) {
        const auto result = server.server.broadcast_binary(pattern(30'000));
        ASSERT_TRUE(is_ok(result));
        EXPECT_EQ(result.value().receivers, 2U);
        EXPECT_EQ(result.value().queued + result.value().dropped, 2U);
        dropped += result.value().dropped;
    }
    EXPECT_GT(dropped, 0U);
}

TEST(broadcast, of_nothing_is_a_message) {
    ws_test_server server;
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(is_ok(server.server.broadcast_text("")));
    ASSERT_TRUE(is_ok(server.server.broadcast_binary(std::span<const std::uint8_t>())));
    ASSERT_TRUE(client.received.wait_for(2));
    EXPECT_EQ(client.received.at(0), kept_message(ws_message_type::text, {}));
    EXPECT_EQ(client.received.at(1), kept_message(ws_message_type::binary, {}));
}

TEST(registry, finds_connections_by_their_id) {
    ws_test_server server;
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(server.connections.wait_for(1));
    const auto id = server.connections.at(0)->id();
    const auto found = server.server.get_connection(id);
    ASSERT_TRUE(is_ok(found));
    EXPECT_EQ(found.value(), server.connections.at(0));
    EXPECT_TRUE(is_ok(found.value()->send_text("to you")));
    EXPECT_TRUE(client.received.wait_for(1));
    EXPECT_TRUE(fails_with(server.server.get_connection("nobody"), errc::session_not_found));
    EXPECT_EQ(server.server.session_stats().active, 1U);
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(eventually([&] { return server.server.connection_count() == 0; }));
    EXPECT_TRUE(fails_with(server.server.get_connection(id), errc::session_not_found));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_TRUE(fails_with(server.server.get_connection(id), errc::server_not_started));
}

TEST(topics, go_to_their_subscribers_only) {
    ws_server_config config;
    config.max_subscriptions_per_session = 2;
    ws_test_server server(config);
    server.on_message = [&](const connection_ptr& from, const ws_message& message) {
        EXPECT_TRUE(is_ok(server.server.subscribe(from, message.text())));
        EXPECT_TRUE(is_ok(from->send_text("subscribed")));
    };
    const auto port = server.start();
    ws_test_client news;
    ws_test_client sport;
    ASSERT_TRUE(is_ok(news.connect(port)));
    ASSERT_TRUE(is_ok(sport.connect(port)));
    EXPECT_TRUE(is_ok(news.client.send_text("news")));
    EXPECT_TRUE(is_ok(sport.client.send_text("sport")));
    ASSERT_TRUE(news.received.wait_for(1));
    ASSERT_TRUE(sport.received.wait_for(1));
    EXPECT_EQ(server.server.subscriber_count("news"), 1U);
    const auto published = server.server.publish_text("news", "it rains");
    ASSERT_TRUE(is_ok(published));
    EXPECT_EQ(published.value().receivers, 1U);
    ASSERT_TRUE(is_ok(server.server.publish_binary("sport", pattern(10))));
    ASSERT_TRUE(news.received.wait_for(2));
    ASSERT_TRUE(sport.received.wait_for(2));
    EXPECT_EQ(news.received.at(1), kept_message(ws_message_type::text, bytes_of("it rains")));
    EXPECT_EQ(sport.received.at(1), kept_message(ws_message_type::binary, pattern(10)));
    ASSERT_TRUE(server.connections.wait_for(2));
    const auto first = server.connections.at(0);
    EXPECT_TRUE(is_ok(server.server.subscribe(first, "second")));
    EXPECT_TRUE(fails_with(server.server.subscribe(first, "third"), errc::rate_limited));
    EXPECT_TRUE(is_ok(server.server.unsubscribe(first, "second")));
    EXPECT_TRUE(fails_with(server.server.unsubscribe(first, "second"), errc::session_not_found));
    EXPECT_TRUE(fails_with(server.server.subscribe(nullptr, "news"), errc::invalid_argument));
    EXPECT_TRUE(is_ok(news.client.stop_client()));
    EXPECT_TRUE(eventually([&] { return server.server.subscriber_count("news") == 0; }));
}

}  // namespace
}  // namespace ws
