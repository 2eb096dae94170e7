// A WebSocket server on several addresses.
#include "support/hosts.h"
#include "support/websocket.h"

#include <string>

namespace ws {
namespace {

TEST(listen_addresses, a_websocket_server_serves_all_of_them) {
    const std::string second = network_system::testing::has_ipv6() ? "::1" : "127.0.0.2";
    messaging_ws_server server("several");
    ws_server_config config;
    config.bind_address = "127.0.0.1";
    config.listen_addresses = {{second}};
    ASSERT_TRUE(is_ok(server.start_server(config)));
    const auto all = server.local_endpoints();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[1].port(), server.local_port());
    for (const std::string& host : {std::string("127.0.0.1"), second}) {
        messaging_ws_client client("client");
        EXPECT_TRUE(is_ok(client.start_client(host, server.local_port(), "/"))) << host;
    }
    EXPECT_TRUE(is_ok(server.stop_server()));
    EXPECT_TRUE(server.local_endpoints().empty());
}

}  // namespace
}  // namespace ws
