// Connections through a proxy that names its clients.
#include "support/loopback.h"
#include "support/proxy_headers.h"
#include "support/scratch_directory.h"

namespace loopback {
namespace {

using network_system::testing::concat;
using network_system::testing::proxy_local;
using network_system::testing::proxy_proxy;
using network_system::testing::proxy_tcp4;
using network_system::testing::proxy_tcp4_block;
using network_system::testing::proxy_tlv;
using network_system::testing::proxy_unspecified;
using network_system::testing::proxy_wire;

class proxy_protocol_test : public BothReadiness {
protected:
    [[nodiscard]] static server_options behind_proxies(std::vector<std::string> trusted) {
        server_options options = for_server();
        options.proxy_protocol.trusted = std::move(trusted);
        return options;
    }
    [[nodiscard]] static bytes header_from(std::uint8_t client) {
        return proxy_wire(proxy_proxy, proxy_tcp4, proxy_tcp4_block(client));
    }
    /// What the server answers to a connection that it serves.
    [[nodiscard]] static bool is_served(raw_peer& peer, const bytes& message = pattern(50)) {
        const auto hello = peer.receive_frame();
        if (!hello || hello->type != type_hello || !peer.send(frame_of(type_data, message))) {
            return false;
        }
        const auto answer = peer.receive_frame_of(type_data);
        return answer && answer->payload == message;
    }
};
INSTANTIATE_TEST_SUITE_P(method, proxy_protocol_test, both_methods(), method_of);

TEST_P(proxy_protocol_test, the_header_names_the_client) {
    server_options options = behind_proxies({"10.0.0.0/8", "127.0.0.1"});
    options.io_threads = 2;
    test_server server(options);
    const auto port = server.start();
    for (std::uint8_t i = 1; i <= 4; ++i) {
        raw_peer peer = raw_peer::connect(port);
        ASSERT_TRUE(peer.send(header_from(i)));
        EXPECT_TRUE(is_served(peer));
        EXPECT_EQ(server.sessions.at(i - 1U)->remote_endpoint().to_string(),
                  "192.0.2." + std::to_string(i) + ":4711");
        EXPECT_EQ(server.sessions.at(i - 1U)->local_endpoint().port(), port);
    }
    EXPECT_EQ(server.server.metrics().proxy_errors, 0U);
}

TEST_P(proxy_protocol_test, what_follows_the_header_is_the_sessions) {
    test_server server(behind_proxies({"127.0.0.1"}));
    const auto port = server.start();
    const bytes message = pattern(100);
    const bytes header =
        proxy_wire(proxy_proxy, proxy_tcp4, concat({proxy_tcp4_block(), proxy_tlv(0xE0, 1500)}));
    const bytes stream = concat({header, frame_of(type_data, message)});
    for (const std::size_t cut :
         {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{17},
          header.size() - 1, header.size(), header.size() + 3, stream.size()}) {
        raw_peer peer = raw_peer::connect(port);
        peer.set(IPPROTO_TCP, TCP_NODELAY, 1);
        ASSERT_TRUE(peer.send(std::span(stream).first(cut)));
        std::this_thread::yield();
        ASSERT_TRUE(peer.send(std::span(stream).subspan(cut)));
        const auto answer = peer.receive_frame_of(type_data);
        ASSERT_TRUE(answer) << "cut at " << cut;
        EXPECT_EQ(answer->payload, message);
    }
}

TEST_P(proxy_protocol_test, field_fault_a_header_over_4096_bytes_is_refused) {
    test_server server(behind_proxies({"127.0.0.1"}));
    const auto port = server.start();
    std::size_t served = 0;
    for (const std::size_t size : {std::size_t{4097}, std::size_t{16 + 65'535}}) {
        const bytes addresses = proxy_tcp4_block(5);
        const bytes header =
            proxy_wire(proxy_proxy, proxy_tcp4,
                       concat({addresses, proxy_tlv(0x20, size - 16 - addresses.size() - 3)}));
        ASSERT_EQ(header.size(), size);
        raw_peer peer = raw_peer::connect(port);
        ASSERT_TRUE(peer.send(header));
        EXPECT_TRUE(is_served(peer)) << size;
        EXPECT_EQ(server.sessions.at(served++)->remote_endpoint().address(), "192.0.2.5");
    }
    EXPECT_EQ(server.server.metrics().proxy_errors, 0U);
}

TEST_P(proxy_protocol_test, a_proxy_may_speak_for_itself) {
    test_server server(behind_proxies({"127.0.0.0/8"}));
    const auto port = server.start();
    for (const bytes& header : {proxy_wire(proxy_local, proxy_tcp4, proxy_tcp4_block()),
                                proxy_wire(proxy_proxy, proxy_unspecified, {})}) {
        raw_peer peer = raw_peer::connect(port);
        ASSERT_TRUE(peer.send(header));
        EXPECT_TRUE(is_served(peer));
    }
    for (const auto& each : server.sessions.all()) {
        EXPECT_EQ(each->remote_endpoint().address(), "127.0.0.1");
    }
}

TEST_P(proxy_protocol_test, others_are_served_as_they_are) {
    test_server server(behind_proxies({"127.0.0.9", "192.0.2.0/24"}));
    const auto port = server.start();
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(client.exchange("no header"));
    EXPECT_EQ(server.sessions.at(0)->remote_endpoint().address(), "127.0.0.1");
    // Their headers are not believed.
    raw_peer liar = raw_peer::connect(port);
    ASSERT_TRUE(liar.send(header_from(1)));
    EXPECT_NE(liar.drain(), stream_end::none);
    liar.close();  // the server's connection ends with the peer's
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_TRUE(server.errors.at(0).has_session);
    EXPECT_EQ(server.server.metrics().proxy_errors, 0U);
}

TEST_P(proxy_protocol_test, a_connection_without_a_valid_header_is_closed) {
    test_server server(behind_proxies({"127.0.0.1"}));
    const auto port = server.start();
    const bytes good = header_from(1);
    struct row {
        bytes sent;
        bool is_ended;
        errc expected;
    };
    std::size_t errors = 0;
    for (const row& each :
         {row{bytes{'G', 'E', 'T'}, false, errc::protocol_error},
          row{frame_of(type_data, pattern(3)), false, errc::protocol_error},
          row{bytes{0x0D}, true, errc::connection_truncated},
          row{{good.begin(), good.end() - 1}, true, errc::connection_truncated},
          row{proxy_wire(proxy_proxy, 0x12, proxy_tcp4_block()), false, errc::protocol_error}}) {
        raw_peer peer = raw_peer::connect(port);
        ASSERT_TRUE(peer.send(each.sent));
        if (each.is_ended) {
            peer.half_close();
        }
        EXPECT_NE(peer.drain(), stream_end::none);
        ASSERT_TRUE(server.errors.wait_for(++errors));
        EXPECT_FALSE(server.errors.at(errors - 1).has_session);
        EXPECT_EQ(server.errors.at(errors - 1).code, each.expected);
        EXPECT_EQ(server.server.metrics().proxy_errors, errors);
    }
    EXPECT_EQ(server.sessions.size(), 0U);
    EXPECT_EQ(server.closed.size(), 0U);
    raw_peer next = raw_peer::connect(port);
    ASSERT_TRUE(next.send(good));
    EXPECT_TRUE(is_served(next));
}

TEST_P(proxy_protocol_test, a_header_has_its_time) {
    server_options options = behind_proxies({"127.0.0.1"});
    options.proxy_protocol.header_timeout = 50ms;
    test_server server(options);
    const auto port = server.start();
    const bytes header = header_from(1);
    raw_peer silent = raw_peer::connect(port);
    raw_peer slow = raw_peer::connect(port);
    ASSERT_TRUE(slow.send(std::span(header).first(20)));
    ASSERT_TRUE(server.errors.wait_for(2));
    for (const auto& each : server.errors.all()) {
        EXPECT_EQ(each.code, errc::connection_timeout);
    }
    EXPECT_NE(silent.drain(), stream_end::none);
    EXPECT_NE(slow.drain(), stream_end::none);
    raw_peer quick = raw_peer::connect(port);
    ASSERT_TRUE(quick.send(header));
    EXPECT_TRUE(is_served(quick)) << "it is over with the header";
}

/// One subscriber has 2^64 addresses.
TEST_P(proxy_protocol_test, limits_per_address_count_a_network_of_ipv6) {
    server_options options = behind_proxies({"127.0.0.1"});
    options.max_connections_per_address = 1;
    options.address_prefix_v6 = 56;
    test_server server(options);
    const auto port = server.start();
    // 2001:db8:0:<network>::<last>
    const auto connect_as = [&](std::uint8_t network, std::uint8_t last) {
        bytes block = network_system::testing::proxy_tcp6_block();
        block[6] = network;
        block[15] = last;
        raw_peer peer = raw_peer::connect(port);
        EXPECT_TRUE(peer.send(network_system::testing::proxy_wire(
            network_system::testing::proxy_proxy, network_system::testing::proxy_tcp6, block)));
        return peer;
    };
    raw_peer first = connect_as(1, 1);
    ASSERT_TRUE(is_served(first));
    raw_peer neighbour = connect_as(1, 2);
    const auto goodbye = neighbour.receive_frame();
    ASSERT_TRUE(goodbye);
    EXPECT_EQ(goodbye->type, unsigned{type_goodbye});
    EXPECT_EQ(reason_of(goodbye->payload), static_cast<int>(errc::server_full));
    raw_peer other = connect_as(2, 2);
    EXPECT_TRUE(is_served(other)) << "another network";
    first.close();
    ASSERT_TRUE(eventually([&] { return server.server.connection_count() == 1; }));
    raw_peer next = connect_as(1, 2);
    EXPECT_TRUE(is_served(next)) << "the place is given back to the network";
}

TEST_P(proxy_protocol_test, limits_count_the_client) {
    server_options options = behind_proxies({"127.0.0.1"});
    options.max_connections_per_address = 1;
    options.max_connections = 3;
    test_server server(options);
    const auto port = server.start();
    const auto connect_as = [&](std::uint8_t client) {
        raw_peer peer = raw_peer::connect(port);
        EXPECT_TRUE(peer.send(header_from(client)));
        return peer;
    };
    raw_peer first = connect_as(1);
    raw_peer second = connect_as(2);
    ASSERT_TRUE(is_served(first));
    ASSERT_TRUE(is_served(second));
    raw_peer again = connect_as(1);
    const auto goodbye = again.receive_frame();
    ASSERT_TRUE(goodbye);
    EXPECT_EQ(goodbye->type, unsigned{type_goodbye});
    EXPECT_EQ(reason_of(goodbye->payload), static_cast<int>(errc::server_full));
    // A connection takes its place before it says whose it is.
    const raw_peer silent = raw_peer::connect(port);
    ASSERT_TRUE(eventually([&] { return server.server.metrics().connections_accepted == 4; }));
    raw_peer too_many = raw_peer::connect(port);
    EXPECT_NE(too_many.drain(), stream_end::none);
    EXPECT_EQ(server.server.metrics().connections_refused, 2U);
    // And whoever leaves makes room for the same address.
    first.close();
    ASSERT_TRUE(server.closed.wait_for(1));
    raw_peer next = connect_as(1);
    EXPECT_TRUE(is_served(next));
}

TEST_P(proxy_protocol_test, a_stop_does_not_wait_for_a_header) {
    test_server server(behind_proxies({"127.0.0.1"}));
    const auto port = server.start();
    raw_peer silent = raw_peer::connect(port);
    ASSERT_TRUE(eventually([&] { return server.server.metrics().connections_accepted == 1; }));
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, slack);
    EXPECT_NE(silent.drain(), stream_end::none);
    EXPECT_EQ(server.errors.size(), 0U) << "that is nobody's mistake";
    EXPECT_EQ(server.server.metrics().proxy_errors, 0U);
}

TEST_P(proxy_protocol_test, a_peer_of_a_unix_domain_socket_can_be_a_proxy) {
    const scratch_directory directory;
    server_options options = behind_proxies({"unix:"});
    options.bind_address = "unix:" + directory.file("proxied.sock");
    test_server server(options);
    server.start();
    client_options client = for_client();
    client.session.frames = framing::raw;
    test_client proxy(client);
    ASSERT_TRUE(is_ok(proxy.client.start_client(options.bind_address, 0)));
    ASSERT_TRUE(is_ok(proxy.client.send_packet(header_from(9))));
    ASSERT_TRUE(server.sessions.wait_for(1));
    EXPECT_EQ(server.sessions.at(0)->remote_endpoint().to_string(), "192.0.2.9:4711");
}

TEST_P(proxy_protocol_test, bad_options_are_refused) {
    for (const char* network : {"", "proxy.example", "10.0.0.1/8", "10.0.0.0/33", "10.1"}) {
        messaging_server server("s", behind_proxies({"127.0.0.1", network}));
        const auto refused = server.start_server(0);
        EXPECT_TRUE(fails_with(refused, errc::invalid_argument)) << network;
        EXPECT_NE(refused.error().message.find("'" + std::string(network) + "'"),
                  std::string::npos);
    }
    server_options options = behind_proxies({});
    options.proxy_protocol.header_timeout = 0ms;
    EXPECT_TRUE(fails_with(messaging_server("s", options).start_server(0), errc::invalid_argument));
}

}  // namespace
}  // namespace loopback
