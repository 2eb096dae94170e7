// UDP under the names that connections have.
#include "datagram/support.h"

#include <network_system/core/udp_callbacks.h>

namespace udp {
namespace {

using network_system::core::udp_client_callbacks;
using network_system::core::udp_server_callbacks;

TEST(dialect, a_client_knows_both_ends) {
    messaging_udp_server server("server");
    ASSERT_TRUE(is_ok(server.start_server(0)));
    messaging_udp_server other("other");
    ASSERT_TRUE(is_ok(other.start_server(0)));
    messaging_udp_client client("client");
    EXPECT_FALSE(client.is_connected());
    EXPECT_EQ(client.remote_endpoint(), endpoint());
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
    EXPECT_TRUE(client.is_connected());
    EXPECT_EQ(client.remote_endpoint(), loopback_v4(server.local_port()));
    ASSERT_TRUE(is_ok(client.set_target("127.0.0.1", other.local_port())));
    EXPECT_EQ(client.remote_endpoint(), loopback_v4(other.local_port()));
    EXPECT_TRUE(is_ok(client.stop_client()));
    EXPECT_EQ(client.remote_endpoint(), endpoint());
}

TEST(dialect, callbacks_can_be_given_at_construction) {
    collector<std::string> heard;
    messaging_udp_server server(
        "server", udp_server_callbacks{
                      .received = [&](const std::vector<std::uint8_t>& data, const endpoint& from) {
                          EXPECT_TRUE(is_ok(server.send_to(data, from)));
                      }});
    ASSERT_TRUE(is_ok(server.start_server(0)));
    messaging_udp_client client("client", udp_client_callbacks{.received = [&](byte_view data) {
                                    heard.add(std::string(data.begin(), data.end()));
                                }});
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
    ASSERT_TRUE(is_ok(client.send_packet("hello")));
    ASSERT_TRUE(heard.wait_for(1));
    EXPECT_EQ(heard.at(0), "hello");
}

}  // namespace
}  // namespace udp
