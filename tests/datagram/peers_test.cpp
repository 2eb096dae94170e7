// Peers as sessions, pull mode and multicast.
#include "datagram/support.h"

namespace udp {
namespace {

class udp_peers : public BothPaths {};
INSTANTIATE_TEST_SUITE_P(path, udp_peers, both_methods(), method_of);

TEST_P(udp_peers, each_is_new_once_until_it_is_forgotten) {
    auto options = for_server();
    options.peers.max_peers = 100;
    options.peers.idle_timeout = 50ms;
    test_server server(options);
    const auto port = server.start();
    const raw_socket one;
    const raw_socket other;
    for (int i = 0; i < 3; ++i) {
        one.send(pattern(1), port);
        other.send(pattern(1), port);
    }
    ASSERT_TRUE(server.received.wait_for(6));
    EXPECT_EQ(server.peers.size(), 2U);
    EXPECT_EQ(server.peers.at(0), loopback_v4(one.port()));
    EXPECT_EQ(server.peers.at(1), loopback_v4(other.port()));
    ASSERT_TRUE(server.expired.wait_for(2));
    EXPECT_EQ(server.server.metrics().peers_active, 0U);
    EXPECT_EQ(server.server.metrics().peers_expired, 2U);
    one.send(pattern(1), port);
    ASSERT_TRUE(server.peers.wait_for(3));
    EXPECT_EQ(server.peers.at(2), loopback_v4(one.port()));
}

TEST_P(udp_peers, a_flood_of_new_peers_disturbs_nobody_who_is_known) {
    auto options = for_server();
    options.peers.max_peers = 4;
    test_server server(options);
    const auto port = server.start();
    std::vector<std::unique_ptr<raw_socket>> known;
    for (std::size_t i = 0; i < 4; ++i) {
        known.push_back(std::make_unique<raw_socket>());
        known.back()->send(pattern(1), port);
        ASSERT_TRUE(server.received.wait_for(i + 1));
    }
    for (int i = 0; i < 50; ++i) {
        const raw_socket spoofed;
        spoofed.send(pattern(1), port);
    }
    known.front()->send(pattern(7), port);
    EXPECT_EQ(known.front()->receive().size(), 1U);
    EXPECT_EQ(known.front()->receive().size(), 7U);
    const auto counted = server.server.metrics();
    EXPECT_EQ(counted.datagrams_limited, 50U);
    EXPECT_EQ(counted.peers_active, 4U);
    EXPECT_EQ(server.peers.size(), 4U);
}

TEST_P(udp_peers, what_is_over_a_rate_is_dropped_and_counted) {
    auto options = for_server();
    options.peers.max_peers = 10;
    options.peers.max_datagrams_per_second = 5;
    test_server server(options);
    const auto port = server.start();
    const raw_socket greedy;
    const raw_socket modest;
    for (int i = 0; i < 100; ++i) {
        greedy.send(pattern(1), port);
    }
    modest.send(pattern(2), port);
    EXPECT_EQ(modest.receive().size(), 2U);
    const auto counted = server.server.metrics();
    EXPECT_EQ(counted.datagrams_received + counted.datagrams_limited, 101U);
    EXPECT_GE(counted.datagrams_received, 6U);
    EXPECT_GT(counted.datagrams_limited, 0U);
}

TEST_P(udp_peers, datagrams_wait_until_they_are_asked_for) {
    auto options = for_server();
    options.datagrams.receiving = receive_mode::pull;
    options.datagrams.receive_queue_limit = 2 * sizeof(network_system::received_datagram);
    messaging_udp_server server("pull", options);
    ASSERT_TRUE(is_ok(server.start_server(0)));
    const raw_socket peer;
    for (std::size_t i = 1; i <= 5; ++i) {
        peer.send(pattern(i), server.local_port());
    }
    peer.send({}, server.local_port());
    EXPECT_TRUE(eventually([&] { return server.metrics().datagrams_unread == 4; }));
    collector<std::size_t> sizes;
    const auto ask = [&] {
        EXPECT_TRUE(is_ok(server.receive_from([&](auto result) {
            ASSERT_TRUE(is_ok(result));
            EXPECT_EQ(result.value().from, loopback_v4(peer.port()));
            sizes.add(result.value().data.size());
        })));
    };
    ask();
    ask();
    ask();
    ASSERT_TRUE(sizes.wait_for(2));
    peer.send(pattern(9), server.local_port());
    ASSERT_TRUE(sizes.wait_for(3));
    EXPECT_EQ(sizes.all(), (std::vector<std::size_t>{1, 2, 9}));

    collector<int> ends;
    const auto note = [&](auto result) { ends.add(result.error().code); };
    const auto operation = network_system::session::next_operation_id();
    ASSERT_TRUE(is_ok(server.receive_from(note, operation)));
    server.cancel(operation);
    ASSERT_TRUE(ends.wait_for(1));
    EXPECT_EQ(ends.at(0), static_cast<int>(errc::cancelled));
    ASSERT_TRUE(is_ok(server.receive_from(note)));
    ASSERT_TRUE(is_ok(server.stop_server()));
    ASSERT_TRUE(ends.wait_for(2));
    EXPECT_EQ(ends.at(1), static_cast<int>(errc::connection_closed));
}

TEST_P(udp_peers, asking_needs_pull_mode) {
    test_server server(for_server());
    server.start();
    EXPECT_TRUE(fails_with(server.server.receive_from([](auto) {}), errc::not_supported));
}

struct multicast_case {
    const char* name;
    const char* bind_address;
    const char* group;
};

class udp_multicast : public testing::TestWithParam<multicast_case> {};
INSTANTIATE_TEST_SUITE_P(families, udp_multicast,
                         testing::Values(multicast_case{"v4", "0.0.0.0", "239.255.77.1"},
                                         multicast_case{"v4_on_dual_stack", "", "239.255.77.2"},
                                         multicast_case{"v6", "::", "ff01::77"}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(udp_multicast, reaches_those_who_have_joined) {
    udp_server_options options;
    options.bind_address = GetParam().bind_address;
    options.multicast.groups = {{GetParam().group, "lo"}};
    test_server member(options);
    member.on_receive = [](byte_view, const endpoint&) {};
    const auto started = member.server.start_server(0);
    if (!started) {
        GTEST_SKIP() << "no multicast on the loopback interface: " << started.error().message;
    }
    udp_client_options sending;
    sending.is_connected = false;
    sending.multicast.outgoing_interface = "lo";
    test_client sender(sending);
    ASSERT_TRUE(is_ok(sender.client.start_client(GetParam().group, member.server.local_port())));
    collector<bool> sent;
    ASSERT_TRUE(is_ok(sender.client.send_packet(
        "to the group", [&](const VoidResult& result) { sent.add(result.is_ok()); })));
    ASSERT_TRUE(sent.wait_for(1));
    if (!sent.at(0)) {
        GTEST_SKIP() << "no route for multicast on the loopback interface";
    }
    EXPECT_TRUE(member.received.wait_for(1));
}

TEST(udp_multicast_threads, are_given_each_datagram_once) {
    udp_server_options options;
    options.io_threads = 2;
    options.reuse_port = true;
    options.bind_address = "0.0.0.0";
    options.multicast.groups = {{"239.255.77.3", "lo"}};
    test_server member(options);
    member.on_receive = [](byte_view, const endpoint&) {};
    if (const auto started = member.server.start_server(0); !started) {
        GTEST_SKIP() << "no multicast on the loopback interface: " << started.error().message;
    }
    udp_client_options sending;
    sending.is_connected = false;
    sending.multicast.outgoing_interface = "lo";
    test_client sender(sending);
    ASSERT_TRUE(is_ok(sender.client.start_client("239.255.77.3", member.server.local_port())));
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(is_ok(sender.client.send_packet("once")));
    }
    EXPECT_TRUE(member.received.wait_for(10));
    EXPECT_TRUE(is_ok(member.server.stop_server()));
    EXPECT_EQ(member.received.count(), 10U);
}

}  // namespace
}  // namespace udp
