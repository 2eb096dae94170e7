// Who a UDP socket is on a machine with several addresses, and when they come and go.
#ifdef __linux__

#include "datagram/support.h"
#include "support/network_link.h"

namespace udp {
namespace {

class udp_multihomed : public BothPaths {
protected:
    void SetUp() override {
        if (!link.missing().empty()) {
            GTEST_SKIP() << "a network link needs " << link.missing();
        }
    }
    [[nodiscard]] udp_server_options far_server() {
        auto options = for_server();
        options.io_context = &link.far.context();
        return options;
    }
    [[nodiscard]] udp_server_options near_server() {
        auto options = for_server();
        options.io_context = &link.near.context();
        return options;
    }
    [[nodiscard]] udp_client_options near_client() {
        auto options = for_client();
        options.io_context = &link.near.context();
        return options;
    }
    [[nodiscard]] static std::uint16_t start(loopback::network_namespace& where,
                                             test_server& server) {
        std::uint16_t port = 0;
        where.run([&] { port = server.start(); });
        return port;
    }

    loopback::network_link link;
};
INSTANTIATE_TEST_SUITE_P(path, udp_multihomed, both_methods(), method_of);

TEST_P(udp_multihomed, an_answer_leaves_from_the_second_address_of_either_family) {
    ASSERT_TRUE(link.far.ip("addr add 10.77.0.22/24 dev far"));
    test_server server(far_server());
    const auto port = start(link.far, server);
    std::vector<const char*> targets{"10.77.0.22", "10.77.0.2"};
    if (link.has_ipv6()) {
        ASSERT_TRUE(link.far.ip("addr add fd77::22/64 nodad dev far"));
        ASSERT_TRUE(link.far.ip("addr add fe80::22/64 nodad dev far"));
        ASSERT_TRUE(link.far.ip("addr add fe80::2/64 nodad dev far"));
        ASSERT_TRUE(link.near.ip("addr add fe80::1/64 nodad dev near"));
        targets.insert(targets.end(), {"fd77::22", "fd77::2", "fe80::22%near", "fe80::2%near"});
    }
    for (const char* target : targets) {
        test_client client(near_client());
        VoidResult started = network_system::ok();
        event_counter answered;
        link.near.run([&] {
            started = client.client.start_client(target, port, [&](VoidResult result) {
                EXPECT_TRUE(is_ok(result)) << target;
                answered.add();
            });
        });
        ASSERT_TRUE(is_ok(started)) << target;
        ASSERT_TRUE(answered.wait_for(1));
        EXPECT_TRUE(client.exchange("hello")) << target;
    }
    EXPECT_EQ(server.server.metrics().sent_without_source, 0U);
}

TEST_P(udp_multihomed, a_group_is_answered_from_an_address_of_its_interface) {
    // The first address of the machine is on another interface.
    ASSERT_TRUE(link.far.ip("addr add 10.99.0.1/32 dev lo"));
    auto options = far_server();
    options.multicast.groups = {{"239.255.77.30", "far"}};
    test_server server(options);
    const auto port = start(link.far, server);
    auto sending = near_client();
    sending.is_connected = false;
    sending.multicast.outgoing_interface = "near";
    sending.may_broadcast = true;
    test_client client(sending);
    ASSERT_TRUE(is_ok(client.client.start_client("239.255.77.30", port)));
    EXPECT_TRUE(client.exchange("to the group"));
    EXPECT_EQ(client.received.at(0).from.address(), "10.77.0.2");
    ASSERT_TRUE(is_ok(client.client.set_target("10.77.0.255", port)));
    EXPECT_TRUE(client.exchange("to all"));
    EXPECT_EQ(client.received.at(1).from.address(), "10.77.0.2");
    EXPECT_EQ(server.server.metrics().sent_without_source, 0U);
}

TEST_P(udp_multihomed, without_the_address_that_was_asked_the_system_chooses_once) {
    ASSERT_TRUE(link.far.ip("addr add 10.77.0.22/24 dev far"));
    test_server server(far_server());
    collector<endpoint> askers;
    server.on_receive = [&](byte_view, const endpoint& from) { askers.add(from); };
    const auto port = start(link.far, server);
    auto options = near_client();
    options.is_connected = false;
    test_client client(options);
    ASSERT_TRUE(is_ok(client.client.start_client("10.77.0.22", port)));
    ASSERT_TRUE(is_ok(client.client.send_packet("who are you?")));
    ASSERT_TRUE(askers.wait_for(1));
    ASSERT_TRUE(link.far.ip("addr del 10.77.0.22/24 dev far"));
    for (std::size_t i = 1; i <= 3; ++i) {
        ASSERT_TRUE(is_ok(server.server.send_to("somebody else", askers.at(0))));
        ASSERT_TRUE(client.received.wait_for(i));
        EXPECT_EQ(client.received.at(i - 1).from.address(), "10.77.0.2");
    }
    EXPECT_EQ(server.server.metrics().sent_without_source, 1U) << "it is forgotten then";
    EXPECT_EQ(server.server.metrics().send_failures, 0U);
}

TEST_P(udp_multihomed, a_connected_client_leaves_the_loopback_for_another_target) {
    test_server here(near_server());
    test_server there(far_server());
    const auto near_port = start(link.near, here);
    const auto far_port = start(link.far, there);
    test_client client(near_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", near_port)));
    EXPECT_TRUE(client.exchange("here"));
    const endpoint first = client.client.local_endpoint();
    EXPECT_EQ(first.address(), "127.0.0.1");
    EXPECT_NE(first.port(), 0);
    ASSERT_TRUE(is_ok(client.client.set_target("10.77.0.2", far_port)));
    EXPECT_TRUE(client.exchange("there"));
    EXPECT_EQ(client.client.local_endpoint().address(), "10.77.0.1");
    EXPECT_EQ(client.client.local_endpoint().port(), first.port()) << "the port stays";
    ASSERT_TRUE(is_ok(client.client.set_target("127.0.0.1", near_port)));
    EXPECT_TRUE(client.exchange("and back"));
    EXPECT_EQ(client.client.local_endpoint(), first);
    // Where there is no way, the old target stays.
    EXPECT_TRUE(fails_with(client.client.set_target("203.0.113.1", 80), errc::connection_failed));
    EXPECT_TRUE(client.exchange("still here"));
    EXPECT_EQ(client.client.local_endpoint(), first);
}

TEST_P(udp_multihomed, an_address_and_port_of_the_applications_stay_with_every_target) {
    test_server one(far_server());
    test_server other(far_server());
    const auto first = start(link.far, one);
    const auto second = start(link.far, other);
    ASSERT_TRUE(link.near.ip("addr add 10.77.0.11/24 dev near"));
    for (const bool has_port : {false, true}) {
        auto options = near_client();
        options.bind_address = "10.77.0.11";
        options.bind_port = has_port ? 4711 : 0;  // in a namespace of its own
        test_client client(options);
        ASSERT_TRUE(is_ok(client.client.start_client("10.77.0.2", first)));
        EXPECT_TRUE(client.exchange("one"));
        const endpoint own = client.client.local_endpoint();
        EXPECT_EQ(own.address(), "10.77.0.11");
        ASSERT_TRUE(is_ok(client.client.set_target("10.77.0.2", second)));
        EXPECT_TRUE(client.exchange("other"));
        EXPECT_EQ(client.client.local_endpoint(), own);
        EXPECT_TRUE(
            fails_with(client.client.set_target("203.0.113.1", second), errc::connection_failed));
        EXPECT_TRUE(client.exchange("other"));
    }
}

}  // namespace
}  // namespace udp

#endif
