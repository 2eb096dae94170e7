// What the log says of datagrams.
#include "datagram/support.h"
#include "support/heard_log.h"

#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>

namespace udp {
namespace {

using network_system::log_level;
using network_system::testing::heard_log;

TEST(udp_log, shows_sockets_at_info_and_new_peers_at_debug) {
    const heard_log heard(log_level::debug);
    {
        network_system::core::udp_server_options options;
        options.peers.max_peers = 10;
        network_system::core::messaging_udp_server server("datagrams", options);
        (void)server.set_receive_callback([](auto, const endpoint&) {});
        ASSERT_TRUE(is_ok(server.start_server(0)));
        network_system::core::messaging_udp_client client("sender");
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server.local_port())));
        ASSERT_TRUE(is_ok(client.send_packet("one")));
        ASSERT_TRUE(eventually([&] { return !heard.find("new peer").text.empty(); }));
        EXPECT_EQ(heard.find("new peer").peer.rfind("127.0.0.1:", 0), 0U);
        EXPECT_EQ(heard.find("new peer").level, log_level::debug);
        EXPECT_EQ(heard.find("datagrams go to this peer").component, "messaging_udp_client");
        EXPECT_EQ(heard.find("datagrams go to this peer").peer,
                  "127.0.0.1:" + std::to_string(server.local_port()));
    }
    const auto told = heard.texts([](const auto& each) {
        return each.object_id == "datagrams" && each.level == log_level::info;
    });
    ASSERT_EQ(told.size(), 3U) << testing::PrintToString(told);
    EXPECT_EQ(told[0].rfind("UDP socket on ", 0), 0U);
    EXPECT_EQ(told[1], "stop begun");
    EXPECT_EQ(told[2], "stopped");
}

}  // namespace
}  // namespace udp
