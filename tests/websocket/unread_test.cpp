// Messages for which there is no callback.
#include "support/websocket.h"

namespace ws {
namespace {

TEST(field_faults, a_websocket_message_without_a_callback_is_unread) {
    messaging_ws_server server("deaf-server");
    ws_server_config at_server;
    ASSERT_TRUE(is_ok(server.start_server(at_server)));
    messaging_ws_client client("half-deaf-client");
    event_counter texts;
    ASSERT_TRUE(is_ok(client.set_text_message_callback([&](std::string_view) { texts.add(); })));
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
    ASSERT_TRUE(is_ok(client.send_text("anybody?")));
    ASSERT_TRUE(is_ok(client.send_binary({1, 2, 3})));
    ASSERT_TRUE(eventually([&] { return server.metrics().totals.messages_unread == 2; }));
    EXPECT_EQ(server.metrics().totals.messages_received, 0U);
    ASSERT_TRUE(is_ok(server.broadcast_text("a text")));
    ASSERT_TRUE(texts.wait_for(1));
    ASSERT_TRUE(is_ok(server.broadcast_binary(bytes_of("bytes"))));
    ASSERT_TRUE(eventually([&] { return client.metrics().totals.messages_unread == 1; }));
    EXPECT_EQ(client.metrics().totals.messages_received, 1U);
}

}  // namespace
}  // namespace ws
