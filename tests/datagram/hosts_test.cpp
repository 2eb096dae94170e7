// Hosts of UDP clients and servers, as people write them: taken and used, or refused by name.
#include "support/hosts.h"

#include "datagram/support.h"

namespace udp {
namespace {

using network_system::testing::find_link_local;
using network_system::testing::has_ipv6;
using network_system::testing::wrong_host;
using network_system::testing::wrong_hosts;

class wrong_udp_host : public testing::TestWithParam<wrong_host> {};

TEST_P(wrong_udp_host, is_refused_by_name) {
    test_client client;
    const auto started = client.client.start_client(GetParam().text, 80);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    EXPECT_NE(started.error().message.find(GetParam().reason), std::string::npos)
        << started.error().message;
}

TEST_P(wrong_udp_host, is_no_target_either_and_the_old_one_stays) {
    test_server server;
    test_client client;
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    const auto turned = client.client.set_target(GetParam().text, 80);
    ASSERT_TRUE(fails_with(turned, errc::invalid_argument));
    EXPECT_NE(turned.error().message.find(GetParam().reason), std::string::npos)
        << turned.error().message;
    EXPECT_TRUE(client.exchange("the old target"));
}

TEST_P(wrong_udp_host, is_no_bind_address_either) {
    udp_server_options options;
    options.bind_address = GetParam().text;
    test_server server(options);
    const auto started = server.server.start_server(0);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    EXPECT_NE(started.error().message.find(GetParam().reason), std::string::npos)
        << started.error().message;
}

INSTANTIATE_TEST_SUITE_P(all, wrong_udp_host, testing::ValuesIn(wrong_hosts()),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(udp_hosts, in_brackets_are_ipv6_addresses) {
    if (!has_ipv6()) {
        GTEST_SKIP() << "no IPv6 here";
    }
    udp_server_options options;
    options.bind_address = "[::1]";
    test_server first(options);
    test_server second(options);
    udp_client_options from;
    from.bind_address = "[::1]";
    test_client client(from);
    ASSERT_TRUE(is_ok(client.client.start_client("[::1]", first.start())));
    EXPECT_TRUE(client.exchange("first"));
    ASSERT_TRUE(is_ok(client.client.set_target("[::1]", second.start())));
    EXPECT_TRUE(client.exchange("second"));
    EXPECT_EQ(client.received.at(1).from, loopback_v6(second.server.local_port()));
}

TEST(udp_hosts, that_are_mapped_are_ipv4_addresses) {
    test_server server;
    const auto port = server.start();
    test_client client;
    ASSERT_TRUE(is_ok(client.client.start_client("[::ffff:127.0.0.1]", port)));
    EXPECT_TRUE(client.exchange("four"));
    EXPECT_EQ(client.received.at(0).from, loopback_v4(port));
}

TEST(udp_hosts, with_a_dot_at_the_end_are_taken) {
    test_server server;
    const auto port = server.start();
    test_client client;
    ASSERT_TRUE(is_ok(client.client.start_client("localhost.", port)));
    EXPECT_TRUE(client.exchange("dot"));
    ASSERT_TRUE(is_ok(client.client.set_target("localhost.", port)));
    EXPECT_TRUE(client.exchange("again"));
}

TEST(udp_hosts, with_a_zone_are_reached_through_that_interface) {
    const auto here = find_link_local();
    if (!here) {
        GTEST_SKIP() << "no link-local address here";
    }
    udp_server_options options;
    options.bind_address = here->zoned();
    test_server server(options);
    test_client client;
    ASSERT_TRUE(is_ok(client.client.start_client('[' + here->zoned() + ']', server.start())));
    EXPECT_TRUE(client.exchange("zoned"));
}

TEST(udp_hosts, of_multicast_may_name_the_interface_as_their_zone) {
    const auto start = [](std::string group, std::string interface_name) {
        udp_server_options options;
        options.multicast.groups = {{std::move(group), std::move(interface_name)}};
        test_server server(options);
        return server.server.start_server(0);
    };
    const auto here = find_link_local();
    if (!here) {
        GTEST_SKIP() << "no link-local address here";
    }
    EXPECT_TRUE(is_ok(start("ff02::1234%" + here->zone, {})));
    EXPECT_TRUE(is_ok(start("[ff02::1234%" + here->zone + "]", here->zone)));
    const auto torn = start("ff02::1234%" + here->zone, "lo");
    ASSERT_TRUE(fails_with(torn, errc::invalid_argument));
    EXPECT_NE(torn.error().message.find("interface_name"), std::string::npos)
        << torn.error().message;
}

}  // namespace
}  // namespace udp
