// Ports and addresses: port 0, IPv6, dual stack, bind_address, restart on the same object.
#include "support/hosts.h"
#include "support/loopback.h"

namespace loopback {
namespace {

using network_system::testing::has_ipv6;

class address_test : public BothReadiness {};
INSTANTIATE_TEST_SUITE_P(method, address_test, both_methods(), method_of);

TEST_P(address_test, port_zero_picks_one_and_says_which) {
    messaging_server first("first", for_server());
    messaging_server second("second", for_server());
    EXPECT_EQ(first.local_port(), 0);
    ASSERT_TRUE(is_ok(first.start_server(0)));
    ASSERT_TRUE(is_ok(second.start_server(0)));
    EXPECT_NE(first.local_port(), 0);
    EXPECT_NE(first.local_port(), second.local_port());
    EXPECT_TRUE(is_ok(first.stop_server()));
    EXPECT_EQ(first.local_port(), 0);
}

TEST_P(address_test, the_same_objects_restart_on_the_same_port) {
    test_server server(for_server());
    test_client client(for_client());
    const auto port = server.start();
    for (int round = 0; round < 4; ++round) {
        if (round > 0) {
            ASSERT_TRUE(is_ok(server.server.start_server(port))) << "round " << round;
        }
        ASSERT_TRUE(is_ok(client.connect(port)));
        ASSERT_TRUE(client.exchange("round"));
        if (round % 2 == 0) {
            EXPECT_TRUE(is_ok(client.client.stop_client()));
        }
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        EXPECT_FALSE(server.server.is_running());
        EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
        EXPECT_FALSE(client.client.is_connected());
    }
    EXPECT_EQ(client.client.metrics().connects, 4U) << "counted since construction";
    EXPECT_EQ(client.connected.count(), 4U);
    EXPECT_EQ(client.disconnected.count(), 4U);
    EXPECT_EQ(server.closed.size(), 4U);
    EXPECT_EQ(server.server.metrics().connections_accepted, 1U) << "counted since the last start";
}

TEST_P(address_test, all_addresses_means_both_stacks) {
    if (!has_ipv6()) {
        GTEST_SKIP() << "no IPv6 here";
    }
    test_server server(for_server());
    const auto port = server.start();
    test_client over4(for_client());
    ASSERT_TRUE(is_ok(over4.client.start_client("127.0.0.1", port)));
    ASSERT_TRUE(over4.exchange("four"));
    ASSERT_TRUE(server.sessions.wait_for(1));
    EXPECT_EQ(server.sessions.at(0)->remote_endpoint().address(), "127.0.0.1")
        << "not ::ffff:127.0.0.1";
    EXPECT_EQ(server.sessions.at(0)->local_endpoint().address(), "127.0.0.1");
    test_client over6(for_client());
    ASSERT_TRUE(is_ok(over6.client.start_client("::1", port)));
    ASSERT_TRUE(over6.exchange("six"));
    ASSERT_TRUE(server.sessions.wait_for(2));
    EXPECT_EQ(server.sessions.at(1)->remote_endpoint().address(), "::1");
}

TEST_P(address_test, a_bound_address_is_the_only_one) {
    server_options options = for_server();
    options.bind_address = "127.0.0.2";
    test_server server(options);
    const auto port = server.start();
    test_client there(for_client());
    ASSERT_TRUE(is_ok(there.client.start_client("127.0.0.2", port)));
    EXPECT_TRUE(there.exchange("here"));
    test_client elsewhere(for_client());
    EXPECT_TRUE(
        fails_with(elsewhere.client.start_client("127.0.0.1", port), errc::connection_refused));
}

TEST_P(address_test, an_ipv6_address_can_be_bound) {
    if (!has_ipv6()) {
        GTEST_SKIP() << "no IPv6 here";
    }
    server_options options = for_server();
    options.bind_address = "::1";
    test_server server(options);
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("::1", server.start())));
    EXPECT_TRUE(client.exchange("six"));
    EXPECT_EQ(server.sessions.at(0)->local_endpoint().address(), "::1");
}

TEST_P(address_test, every_address_of_a_name_is_tried) {
    // localhost may resolve to ::1 first, where nobody listens.
    server_options options = for_server();
    options.bind_address = "127.0.0.1";
    test_server server(options);
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    EXPECT_TRUE(client.exchange("found"));
}

TEST_P(address_test, a_port_in_use_is_refused_and_says_why) {
    test_server holder(for_server());
    const auto port = holder.start();
    messaging_server second("second", for_server());
    const auto started = second.start_server(port);
    ASSERT_TRUE(fails_with(started, errc::bind_failed));
    EXPECT_NE(started.error().message.find(std::to_string(port)), std::string::npos)
        << started.error().message;
    EXPECT_NE(started.error().message.find("in use"), std::string::npos) << started.error().message;
    EXPECT_EQ(started.error().source, "second");
    EXPECT_FALSE(second.is_running());
    EXPECT_TRUE(is_ok(second.stop_server()));
    EXPECT_TRUE(is_ok(holder.server.stop_server()));
    EXPECT_TRUE(is_ok(second.start_server(port))) << "the failed start left nothing behind";
}

TEST_P(address_test, reuse_port_lets_two_servers_listen) {
    server_options options = for_server();
    options.socket.reuse_port = true;
    messaging_server first("first", options);
    messaging_server second("second", options);
    ASSERT_TRUE(is_ok(first.start_server(0)));
    EXPECT_TRUE(is_ok(second.start_server(first.local_port())));
}

TEST_P(address_test, a_bad_bind_address_fails) {
    for (const char* address : {"not an address", "localhost", "300.1.1.1"}) {
        server_options options = for_server();
        options.bind_address = address;
        messaging_server server("nowhere", options);
        EXPECT_TRUE(fails_with(server.start_server(0), errc::invalid_argument)) << address;
    }
    server_options options = for_server();
    options.bind_address = "192.0.2.77";  // TEST-NET-1 (RFC 5737): on no machine
    messaging_server server("elsewhere", options);
    const auto started = server.start_server(0);
    EXPECT_TRUE(fails_with(started, errc::bind_failed));
    EXPECT_NE(started.error().message.find("192.0.2.77"), std::string::npos);
}

TEST_P(address_test, a_client_comes_from_the_address_it_is_bound_to) {
    test_server server(for_server());
    const auto port = server.start();
    client_options options = for_client();
    options.bind_address = "127.0.0.5";
    test_client client(options);
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_TRUE(client.exchange("from five"));
    EXPECT_EQ(server.sessions.at(0)->remote_endpoint().address(), "127.0.0.5");
    EXPECT_EQ(client.client.get_session().value()->local_endpoint().address(), "127.0.0.5");
    // localhost may have an IPv6 address, too: it is skipped.
    test_client by_name(options);
    ASSERT_TRUE(is_ok(by_name.client.start_client("localhost", port)));
    const auto wrong_family = test_client(options).client.start_client("::1", port);
    EXPECT_TRUE(fails_with(wrong_family, errc::connection_failed));
    EXPECT_NE(wrong_family.error().message.find("127.0.0.5"), std::string::npos)
        << wrong_family.error().message;
}

TEST_P(address_test, a_client_comes_from_the_port_it_is_bound_to) {
    test_server server(for_server());
    const auto port = server.start();
    client_options options = for_client();
    const refusing_port ours(true);
    options.bind_port = ours.number();
    test_client client(options);
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_TRUE(client.exchange("from a port"));
    EXPECT_EQ(server.sessions.at(0)->remote_endpoint().port(), options.bind_port);
    ASSERT_TRUE(is_ok(client.client.stop_client()));
    // At once to another server: the old connection may be in TIME_WAIT.
    test_server next(for_server());
    ASSERT_TRUE(is_ok(client.connect(next.start())));
    EXPECT_TRUE(client.exchange("again"));
}

TEST_P(address_test, a_bad_address_of_a_client_fails) {
    for (const char* address : {"not an address", "localhost", "unix:/tmp/x"}) {
        client_options options = for_client();
        options.bind_address = address;
        EXPECT_TRUE(fails_with(test_client(options).client.start_client("127.0.0.1", 1),
                               errc::invalid_argument))
            << address;
    }
    client_options options = for_client();
    options.bind_address = "192.0.2.77";  // TEST-NET-1 (RFC 5737): on no machine
    EXPECT_TRUE(fails_with(test_client(options).client.start_client("127.0.0.1", 1),
                           errc::connection_failed));
}

TEST_P(address_test, an_error_names_every_address_of_the_name) {
    const refusing_port nobody;
    test_client client(for_client());
    const auto result = client.client.start_client("localhost", nobody.number());
    ASSERT_TRUE(fails_with(result, errc::connection_refused));
    const std::string& message = result.error().message;
    const std::string port = std::to_string(nobody.number());
    EXPECT_NE(message.find("127.0.0.1:" + port + ": Connection refused"), std::string::npos)
        << message;
    EXPECT_NE(message.find("localhost:" + port), std::string::npos) << message;
}

}  // namespace
}  // namespace loopback
