// The ends of WebSockets as the field brings them: resets, and readers that are slow.
#include "support/websocket.h"

#include <latch>

namespace ws {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;

/// Reads at a steady pace until the end; what came.
bytes read_steadily(raw_peer& peer) {
    bytes all;
    while (true) {
        const bytes part = peer.receive_some(std::size_t{16} * 1024);
        if (part.empty()) {
            return all;
        }
        all.insert(all.end(), part.begin(), part.end());
        std::this_thread::sleep_for(10ms);  // the pace, not a wait
    }
}

TEST(ws_ends, the_close_code_of_a_peer_that_resets_is_heard) {
    ws_server_config config;
    config.socket.send_buffer_size = 4096;
    std::latch is_busy(1);
    std::latch may_go_on(1);
    ws_test_server server(config);
    server.on_message = [&](const connection_ptr& from, const ws_message& message) {
        if (message.text() == "fill") {
            EXPECT_TRUE(is_ok(from->send_binary(pattern(mebibyte))));
        } else {
            is_busy.count_down();
            may_go_on.wait();
        }
    };
    const auto port = server.start();
    ws_peer dying = ws_peer::connect(port, 4096);
    ASSERT_EQ(dying.ask(upgrade_request()), 101U);
    ASSERT_TRUE(dying.send_frame(op_text, bytes_of("fill")));
    ASSERT_TRUE(server.received.wait_for(1));
    const auto blocked = server.connections.at(0);
    ASSERT_TRUE(eventually([&] { return blocked->queued_bytes() > mebibyte / 2; }));
    const ws_peer other = ws_peer::open(port);
    ASSERT_TRUE(other.send_frame(op_text, bytes_of("hold")));
    is_busy.wait();
    ASSERT_TRUE(dying.send_frame(op_close, close_payload(1009, "too big")));
    dying.close();  // with unread input: a reset
    may_go_on.count_down();
    ASSERT_TRUE(server.closed.wait_for(1));
    EXPECT_EQ(server.closed.at(0).code, ws_close_code{1009});
    EXPECT_EQ(server.closed.at(0).reason, "too big");
}

TEST(ws_ends, a_reset_after_both_close_frames_is_a_clean_end) {
    // RFC 6455 section 7.1.4
    ws_test_server server;
    const auto port = server.start();
    {
        ws_peer peer = ws_peer::open(port);
        ASSERT_TRUE(peer.send_frame(op_close, close_payload(1000)));
        EXPECT_EQ(peer.receive_close(), 1000U);
        peer.reset();
    }
    {
        ws_peer peer = ws_peer::open(port);
        ASSERT_TRUE(server.connections.wait_for(2));
        ASSERT_TRUE(is_ok(server.connections.at(1)->close(ws_close_code::normal, {})));
        EXPECT_EQ(peer.receive_close(), 1000U);
        ASSERT_TRUE(peer.send_frame(op_close, close_payload(1000)));
        // Not before the server has read it.
        EXPECT_EQ(peer.drain(), stream_end::orderly);
        peer.reset();
    }
    ASSERT_TRUE(server.closed.wait_for(2));
    EXPECT_EQ(server.errors.size(), 0U);
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.server.metrics().session_errors, 0U);
}

TEST(ws_ends, a_client_whose_server_resets_after_both_close_frames_hears_of_no_error) {
    const raw_listener listener;
    ws_test_client client;
    std::thread serves([&] {
        ws_peer peer(listener.accept());
        peer.accept_websocket();
        EXPECT_EQ(peer.receive_close(), 1000U);
        EXPECT_TRUE(peer.send(frame_bytes(op_close, close_payload(1000), true, false)));
        EXPECT_EQ(peer.drain(), stream_end::orderly);
        peer.reset();
    });
    ASSERT_TRUE(is_ok(client.connect(listener.port())));
    ASSERT_TRUE(is_ok(client.client.stop_client()));
    serves.join();
    EXPECT_EQ(client.errors.size(), 0U);
    EXPECT_EQ(client.client.metrics().session_errors, 0U);
}

TEST(ws_ends, a_reader_that_is_slow_is_not_taken_for_one_that_is_gone) {
    ws_server_config config;
    config.ping_interval = 300ms;
    config.pong_timeout = 300ms;
    config.socket.send_buffer_size = 16 * 1024;
    ws_test_server server(config);
    ws_peer peer = ws_peer::connect(server.start(), 16 * 1024);
    ASSERT_EQ(peer.ask(upgrade_request()), 101U);
    ASSERT_TRUE(server.connections.wait_for(1));
    ASSERT_TRUE(is_ok(server.connections.at(0)->send_binary(pattern(mebibyte))));
    std::size_t total = 0;
    while (total < mebibyte) {
        const bytes part = peer.receive_some(std::size_t{8} * 1024);
        ASSERT_FALSE(part.empty()) << "cut after " << total;
        total += part.size();
        std::this_thread::sleep_for(10ms);  // the pace, not a wait
    }
    EXPECT_EQ(server.errors.size(), 0U);
}

TEST(ws_ends, a_large_answer_reaches_a_reader_that_is_steady) {
    ws_server_config config;
    config.drain_timeout = 200ms;
    config.socket.send_buffer_size = 16 * 1024;
    ws_test_server server(config);
    (void)server.server.set_http_callback(
        [](const ws_request&, const auto&, http_response& answer) {
            answer = {200, {}, std::string(mebibyte, 'x')};
        });
    ws_peer peer = ws_peer::connect(server.start(), 16 * 1024);
    ASSERT_TRUE(peer.say("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    const bytes all = read_steadily(peer);
    EXPECT_GT(all.size(), mebibyte);
    EXPECT_EQ(peer.end(), stream_end::orderly);
    EXPECT_EQ(server.errors.size(), 0U);
}

TEST(ws_ends, an_answer_to_one_that_takes_a_byte_now_and_then_is_cut) {
    ws_server_config config;
    config.drain_timeout = 200ms;
    config.socket.send_buffer_size = 4096;
    ws_test_server server(config);
    (void)server.server.set_http_callback(
        [](const ws_request&, const auto&, http_response& answer) {
            answer = {200, {}, std::string(mebibyte, 'x')};
        });
    ws_peer peer = ws_peer::connect(server.start(), 4096);
    ASSERT_TRUE(peer.say("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    while (server.errors.size() == 0 && !peer.receive_some(1).empty()) {
        std::this_thread::sleep_for(20ms);  // the pace, not a wait
    }
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0).code, errc::connection_timeout);
}

TEST(ws_ends, a_closing_handshake_waits_for_a_reader_that_is_steady) {
    ws_server_config config;
    config.drain_timeout = 200ms;
    config.socket.send_buffer_size = 16 * 1024;
    ws_test_server server(config);
    ws_peer peer = ws_peer::connect(server.start(), 16 * 1024);
    ASSERT_EQ(peer.ask(upgrade_request()), 101U);
    ASSERT_TRUE(server.connections.wait_for(1));
    const auto connection = server.connections.at(0);
    ASSERT_TRUE(is_ok(connection->send_binary(pattern(mebibyte))));
    ASSERT_TRUE(is_ok(connection->close(ws_close_code::normal, {})));
    std::size_t total = 0;
    while (total < mebibyte) {
        const bytes part = peer.receive_some(std::size_t{16} * 1024);
        ASSERT_FALSE(part.empty()) << "cut after " << total;
        total += part.size();
        std::this_thread::sleep_for(10ms);  // the pace, not a wait
    }
    ASSERT_TRUE(peer.send_frame(op_close, close_payload(1000)));
    EXPECT_EQ(peer.drain(), stream_end::orderly);
    peer.close();
    ASSERT_TRUE(server.closed.wait_for(1));
    EXPECT_EQ(server.closed.at(0).code, ws_close_code::normal);
    EXPECT_EQ(server.errors.size(), 0U);
}

}  // namespace
}  // namespace ws
