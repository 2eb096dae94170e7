// A WebSocket that reads nothing for now still learns that its peer is gone.
#include "support/websocket.h"

namespace ws {
namespace {

TEST(field_faults_held_ws, a_connection_that_is_held_from_reading_does_not_notice_a_reset) {
    for (const bool by_pull_queue : {true, false}) {
        ws_server_config config;
        if (by_pull_queue) {
            config.receiving = network_system::receive_mode::pull;
            config.receive_queue_limit = 1;
        } else {
            config.max_messages_per_second = 1;
        }
        ws_test_server server(config);
        server.on_message = [](const connection_ptr&, const ws_message&) {};
        ws_peer peer = ws_peer::open(server.start());
        ASSERT_TRUE(server.connections.wait_for(1));
        const auto connection = server.connections.at(0);
        for (int i = 0; i < 16; ++i) {
            ASSERT_TRUE(peer.send_frame(op_binary, pattern(std::size_t{64} * 1024)));
        }
        ASSERT_TRUE(eventually([&] {
            const auto now = connection->metrics();
            return by_pull_queue ? now.messages_unread > 0 : now.rate_pauses > 0;
        }));
        peer.reset();
        ASSERT_TRUE(server.errors.wait_for(1));
        EXPECT_EQ(server.errors.at(0).code, errc::connection_closed);
        ASSERT_TRUE(server.closed.wait_for(1));
        EXPECT_EQ(server.closed.at(0).code, ws_close_code::abnormal);
    }
}

}  // namespace
}  // namespace ws
