// What happens to senders whose peer does not read.
#include "support/websocket.h"

namespace ws {
namespace {

/// A server that sends until it is told not to, to a peer that does not read.
class slow_peer : public testing::Test {
protected:
    slow_peer() {
        config.high_watermark = 256 * 1024;
        config.low_watermark = 16 * 1024;
        config.drain_timeout = 100ms;
        config.socket.send_buffer_size = 4096;
    }
    [[nodiscard]] connection_ptr connect(ws_test_server& server) {
        peer.emplace(ws_peer::connect(server.start(), 4096));
        EXPECT_EQ(peer->ask(upgrade_request()), 101U);
        EXPECT_TRUE(server.connections.wait_for(1));
        return server.connections.at(0);
    }
    /// The first refusal.
    [[nodiscard]] static VoidResult fill(const connection_ptr& connection, std::size_t& accepted) {
        for (int i = 0; i < 1000; ++i) {
            if (auto sent = connection->send_binary(pattern(10'000)); !sent) {
                return sent;
            }
            ++accepted;
        }
        return network_system::ok();
    }

    ws_server_config config;
    std::optional<ws_peer> peer;
};

TEST_F(slow_peer, sends_are_refused_at_the_mark_and_taken_again_below_the_other) {
    ws_test_server server(config);
    const auto connection = connect(server);
    std::size_t accepted = 0;
    EXPECT_TRUE(fails_with(fill(connection, accepted), errc::send_buffer_full));
    EXPECT_LE(connection->queued_bytes(), config.high_watermark);
    EXPECT_GE(connection->metrics().sends_rejected, 1U);
    for (std::size_t i = 0; i < accepted; ++i) {
        const auto frame = peer->receive_ws_frame();
        ASSERT_TRUE(frame) << i;
        ASSERT_EQ(frame->payload, pattern(10'000));
    }
    EXPECT_TRUE(server.writable.wait_for(1));
    EXPECT_TRUE(is_ok(connection->send_text("again")));
    const auto last = peer->receive_ws_frame();
    ASSERT_TRUE(last);
    EXPECT_EQ(text_of(last->payload), "again");
}

TEST_F(slow_peer, is_closed_under_that_policy) {
    config.policy = send_policy::close;
    config.drain_timeout = 50ms;
    ws_test_server server(config);
    const auto connection = connect(server);
    std::size_t accepted = 0;
    EXPECT_TRUE(fails_with(fill(connection, accepted), errc::send_buffer_full));
    EXPECT_TRUE(server.closed.wait_for(1));
    EXPECT_TRUE(server.errors.wait_for(1));
}

TEST_F(slow_peer, cannot_make_the_server_keep_its_pings) {
    ws_test_server server(config);
    const auto connection = connect(server);
    // Each ping wants a pong of the same size, which nobody reads.
    const bytes ping = frame_bytes(op_ping, pattern(125));
    bytes many;
    for (int i = 0; i < 1000; ++i) {
        many.insert(many.end(), ping.begin(), ping.end());
    }
    (void)connection->send_binary(pattern(250'000));
    for (int i = 0; i < 20 && peer->send(many); ++i) {}
    EXPECT_LE(connection->queued_bytes(), config.high_watermark + 80 * 1024);
}

TEST_F(slow_peer, makes_room_for_the_latest_under_conflate) {
    config.policy = send_policy::conflate;
    ws_test_server server(config);
    const auto connection = connect(server);
    EXPECT_TRUE(is_ok(server.server.subscribe(connection, "ticks")));
    for (int i = 0; i < 500; ++i) {
        const auto published =
            server.server.publish_text("ticks", std::string(10'000, 'x') + std::to_string(i));
        ASSERT_TRUE(is_ok(published));
        EXPECT_EQ(published.value().queued, 1U);
    }
    std::string last;
    std::size_t count = 0;
    while (!last.ends_with("x499")) {
        const auto frame = peer->receive_ws_frame();
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->opcode, op_text);
        last = text_of(frame->payload);
        ++count;
    }
    EXPECT_LT(count, 500U);
}

TEST(receiving, may_be_paused_and_resumed) {
    ws_test_server server;
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(is_ok(client.client.pause_receiving()));
    // A second pause is answered on the loop, behind the first.
    EXPECT_TRUE(is_ok(client.client.send_text("wait")));
    EXPECT_TRUE(server.received.wait_for(1));
    EXPECT_EQ(client.received.size(), 0U);
    EXPECT_TRUE(is_ok(client.client.resume_receiving()));
    EXPECT_TRUE(client.received.wait_for(1));
}

TEST(receiving, is_slowed_down_to_the_rate) {
    ws_server_config config;
    config.max_messages_per_second = 100;
    ws_test_server server(config);
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    for (int i = 0; i < 130; ++i) {
        ASSERT_TRUE(is_ok(client.client.send_text("x")));
    }
    EXPECT_TRUE(client.received.wait_for(130)) << "nothing is lost";
    EXPECT_GE(server.server.metrics().totals.rate_pauses, 1U);
}

}  // namespace
}  // namespace ws
