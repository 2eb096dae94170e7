// Hosts over TCP, as people write them: taken and used, or refused by name.
#include "support/hosts.h"

#include "support/loopback.h"

#include <algorithm>

namespace loopback {
namespace {

using network_system::testing::find_link_local;
using network_system::testing::has_ipv6;
using network_system::testing::wrong_host;
using network_system::testing::wrong_hosts;

class wrong_host_test : public testing::TestWithParam<wrong_host> {};

TEST_P(wrong_host_test, is_refused_by_name) {
    test_client client;
    const auto started = client.client.start_client(GetParam().text, 80);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    const std::string& message = started.error().message;
    EXPECT_NE(message.find(GetParam().reason), std::string::npos) << message;
    EXPECT_NE(message.find("host"), std::string::npos) << message;
    EXPECT_LT(message.size(), 400U);
    EXPECT_TRUE(std::all_of(message.begin(), message.end(), [](char each) {
        return each >= ' ' && each <= '~';
    })) << message;
}

TEST_P(wrong_host_test, is_no_bind_address_either) {
    server_options options;
    options.bind_address = GetParam().text;
    messaging_server server("server", options);
    const auto started = server.start_server(0);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    const std::string& message = started.error().message;
    EXPECT_NE(message.find("bind_address"), std::string::npos) << message;
    EXPECT_NE(message.find(GetParam().reason), std::string::npos) << message;
}

INSTANTIATE_TEST_SUITE_P(all, wrong_host_test, testing::ValuesIn(wrong_hosts()),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(hosts, in_brackets_are_ipv6_addresses) {
    if (!has_ipv6()) {
        GTEST_SKIP() << "no IPv6 here";
    }
    server_options options;
    options.bind_address = "[::1]";
    test_server server(options);
    const auto port = server.start();
    for (const char* host : {"[::1]", "::1", "[0:0:0:0:0:0:0:1]"}) {
        client_options from;
        from.bind_address = "[::1]";
        test_client client(from);
        ASSERT_TRUE(is_ok(client.client.start_client(host, port))) << host;
        EXPECT_TRUE(client.exchange("six"));
    }
}

TEST(hosts, that_are_mapped_are_ipv4_addresses) {
    server_options options;
    options.bind_address = "127.0.0.1";
    test_server server(options);
    const auto port = server.start();
    for (const char* host : {"::ffff:127.0.0.1", "[::ffff:127.0.0.1]", "::FFFF:7f00:1"}) {
        test_client client;
        ASSERT_TRUE(is_ok(client.client.start_client(host, port))) << host;
        EXPECT_TRUE(client.exchange("four"));
    }
}

TEST(hosts, with_a_dot_at_the_end_are_taken) {
    test_server server;
    const auto port = server.start();
    for (const char* host : {"localhost.", "LOCALHOST."}) {
        test_client client;
        ASSERT_TRUE(is_ok(client.client.start_client(host, port))) << host;
        EXPECT_TRUE(client.exchange("dot"));
    }
}

TEST(hosts, with_a_zone_are_connected_through_that_interface) {
    const auto here = find_link_local();
    if (!here) {
        GTEST_SKIP() << "no link-local address here";
    }
    server_options options;
    options.bind_address = '[' + here->zoned() + ']';
    test_server server(options);
    const auto port = server.start();
    const std::string number = std::to_string(::if_nametoindex(here->zone.c_str()));
    for (const std::string& host :
         {here->zoned(), '[' + here->zoned() + ']', here->address + '%' + number}) {
        test_client client;
        ASSERT_TRUE(is_ok(client.client.start_client(host, port))) << host;
        EXPECT_TRUE(client.exchange("zoned"));
    }
}

TEST(hosts, of_a_zone_that_is_not_there_say_so) {
    test_client client;
    const auto started = client.client.start_client("[fe80::1%nowhere7]", 80);
    ASSERT_TRUE(fails_with(started, errc::resolve_failed));
    EXPECT_NE(started.error().message.find("no network interface 'nowhere7'"), std::string::npos)
        << started.error().message;
    server_options options;
    options.bind_address = "fe80::1%nowhere7";
    messaging_server server("server", options);
    const auto listening = server.start_server(0);
    ASSERT_TRUE(fails_with(listening, errc::invalid_argument));
    EXPECT_NE(listening.error().message.find("no network interface 'nowhere7'"), std::string::npos)
        << listening.error().message;
}

TEST(hosts, stand_in_errors_as_in_an_endpoint) {
    client_options options;
    options.bind_address = "127.0.0.1";  // from where none of them is reached
    for (const char* host : {"::1", "[::1]", "0:0::1"}) {
        test_client client(options);
        const auto started = client.client.start_client(host, 80);
        ASSERT_TRUE(fails_with(started, errc::connection_failed));
        EXPECT_NE(started.error().message.find("to [::1]:80"), std::string::npos)
            << started.error().message;
    }
}

}  // namespace
}  // namespace loopback
