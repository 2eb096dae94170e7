// What WebSocket clients begin is cancelled by its id: starts, pings, receives of both kinds.
#include "support/websocket.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace ws {
namespace {

using network_system::receive_mode;
using network_system::session::cancel_operation;
using network_system::session::next_operation_id;
using network_system::session::operation_id;

constexpr int cancelled = static_cast<int>(errc::cancelled);

class ws_cancellation : public testing::Test {
protected:
    ws_cancellation() {
        config.host = "127.0.0.1";
        config.connect_timeout = 1h;
        config.receiving = receive_mode::pull;
    }

    [[nodiscard]] auto record() {
        return [this](const auto& result) { codes.add(result.is_ok() ? 0 : result.error().code); };
    }

    ws_client_config config;
    collector<int> codes;
    const operation_id id = next_operation_id();
};

TEST_F(ws_cancellation, of_a_start_during_the_handshake) {
    const raw_listener silent;
    config.port = silent.port();
    config.auto_reconnect = true;
    messaging_ws_client client("client");
    EXPECT_FALSE(client.cancel(id)) << "it has not begun";
    ASSERT_TRUE(is_ok(client.start_client(config, record(), id)));
    const raw_peer peer = silent.accept();
    EXPECT_TRUE(client.cancel(id));
    EXPECT_FALSE(client.cancel(id));
    ASSERT_TRUE(codes.wait_for(1));
    EXPECT_TRUE(is_ok(client.wait_for_stop())) << "it does not connect again";
    EXPECT_EQ(codes.all(), std::vector<int>{cancelled});
    EXPECT_FALSE(cancel_operation(id));
}

TEST_F(ws_cancellation, of_what_is_begun_with_the_connection) {
    ws_test_server server;
    config.port = server.start();
    messaging_ws_client client("client");
    ASSERT_TRUE(is_ok(client.start_client(config)));
    ASSERT_TRUE(is_ok(client.receive_message(record(), id)));
    EXPECT_TRUE(fails_with(client.receive_packet([](auto&&) {}, id), errc::already_exists));
    EXPECT_TRUE(fails_with(client.ping([](auto&&) {}, id), errc::already_exists));
    EXPECT_TRUE(client.cancel(id));
    ASSERT_TRUE(codes.wait_for(1));
    ASSERT_TRUE(is_ok(client.receive_packet(record(), id)));
    EXPECT_TRUE(client.cancel(id));
    ASSERT_TRUE(codes.wait_for(2));
    EXPECT_EQ(codes.all(), (std::vector<int>{cancelled, cancelled}));

    ASSERT_TRUE(is_ok(client.ping(record(), id)));
    const bool was_pending = client.cancel(id);
    ASSERT_TRUE(codes.wait_for(3));
    EXPECT_EQ(codes.at(2), was_pending ? cancelled : 0);

    // The message that comes is for who asks next.
    EXPECT_TRUE(is_ok(client.send_text("echo")));
    ASSERT_TRUE(is_ok(client.receive_message(record(), id)));
    ASSERT_TRUE(codes.wait_for(4));
    EXPECT_EQ(codes.at(3), 0);
    EXPECT_FALSE(client.cancel(id));
    EXPECT_TRUE(is_ok(client.stop_client()));
    EXPECT_FALSE(client.cancel(id));
}

TEST_F(ws_cancellation, races_with_a_start_that_succeeds) {
    ws_test_server server;
    config.port = server.start();
    const std::size_t rounds = scaled(200);
    for (std::size_t i = 0; i < rounds; ++i) {
        codes.clear();
        messaging_ws_client client("client");
        std::atomic<int> connected{0};
        (void)client.set_connected_callback([&] { ++connected; });
        const auto next = next_operation_id();
        std::atomic<bool> has_begun{false};
        bool was_pending = false;
        std::thread canceller([&] {
            while (!has_begun) {}
            for (std::size_t waits = 0; waits < i * 8 && codes.size() == 0; ++waits) {
                std::this_thread::yield();
            }
            was_pending = client.cancel(next);
        });
        EXPECT_TRUE(is_ok(client.start_client(config, record(), next)));
        has_begun = true;
        canceller.join();
        ASSERT_TRUE(codes.wait_for(1));
        EXPECT_EQ(codes.at(0), was_pending ? cancelled : 0);
        EXPECT_EQ(connected, was_pending ? 0 : 1);
        EXPECT_TRUE(is_ok(client.stop_client()));
        EXPECT_EQ(codes.size(), 1U);
    }
}

}  // namespace
}  // namespace ws
