// Datagrams over a link that is not the loopback interface: what an Ethernet of MTU 1500 takes,
// cuts, refuses and delivers to many.
#ifdef __linux__

#include "datagram/support.h"
#include "support/network_link.h"
#include "support/numbered.h"

#include <array>

namespace udp {
namespace {

struct link_case {
    const char* name;
    readiness method;
    bool is_ipv6;
    friend void PrintTo(const link_case& each, std::ostream* out) { *out << each.name; }
};

class udp_link : public testing::TestWithParam<link_case> {
protected:
    void SetUp() override {
        if (!link.missing().empty()) {
            GTEST_SKIP() << "a network link needs " << link.missing();
        }
        if (GetParam().is_ipv6 && !link.has_ipv6()) {
            GTEST_SKIP() << "no IPv6 in this kernel";
        }
    }

    [[nodiscard]] udp_server_options for_server() {
        udp_server_options options;
        options.io_context = &link.far.context();
        options.readiness_method = GetParam().method;
        return options;
    }
    [[nodiscard]] udp_client_options for_client() {
        udp_client_options options;
        options.io_context = &link.near.context();
        options.readiness_method = GetParam().method;
        return options;
    }
    [[nodiscard]] std::uint16_t start(test_server& server) {
        std::uint16_t port = 0;
        link.far.run([&] { port = server.start(); });
        return port;
    }
    [[nodiscard]] testing::AssertionResult start(test_client& client, std::string_view target,
                                                 std::uint16_t port) {
        return is_ok(client.client.start_client(target, port));
    }
    [[nodiscard]] static const char* far_address() {
        return GetParam().is_ipv6 ? "fd77::2" : "10.77.0.2";
    }

    loopback::network_link link;
};
INSTANTIATE_TEST_SUITE_P(path, udp_link,
                         testing::Values(link_case{"v4_automatic", readiness::automatic, false},
                                         link_case{"v4_per_socket", readiness::per_socket, false},
                                         link_case{"v6_automatic", readiness::automatic, true},
                                         link_case{"v6_per_socket", readiness::per_socket, true}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(udp_link, an_echo_loses_nothing) {
    const auto total = static_cast<std::uint32_t>(scaled(10'000));
    constexpr std::uint32_t in_flight = 64;
    const auto datagram = [](std::uint32_t number) {
        return numbered_bytes(number, 4 + number * 37 % 1400);
    };
    test_server server(for_server());
    test_client client(for_client());
    std::uint32_t next = in_flight;
    std::vector<int> times(total);
    client.on_receive = [&](byte_view data) {
        ASSERT_GE(data.size(), 4U);
        const auto number = number_in(data);
        ASSERT_LT(number, total);
        EXPECT_EQ(copy_of(data), datagram(number));
        ++times[number];
        if (next < total) {
            EXPECT_TRUE(is_ok(client.client.send_packet(datagram(next++))));
        }
    };
    ASSERT_TRUE(start(client, far_address(), start(server)));
    link.near.run([&] {
        for (std::uint32_t i = 0; i < in_flight; ++i) {
            EXPECT_TRUE(is_ok(client.client.send_packet(datagram(i))));
        }
    });
    ASSERT_TRUE(client.received.wait_for(total));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(times, std::vector<int>(total, 1));
    EXPECT_EQ(client.received.at(0).from.address(), far_address());
    const std::array books{client.client.metrics(), server.server.metrics()};
    for (const auto& book : books) {
        EXPECT_EQ(book.datagrams_sent, total);
        EXPECT_EQ(book.datagrams_received, total);
        EXPECT_EQ(book.kernel_drops, 0U);
        EXPECT_EQ(book.send_failures + book.datagrams_dropped + book.sends_rejected, 0U);
    }
}

/// Each batch goes when the one before has come.
TEST_P(udp_link, large_batches_arrive_in_few_calls) {
    constexpr std::uint32_t batch = 64;
    const auto batches = static_cast<std::uint32_t>(scaled(200));
    const std::uint32_t total = batch * batches;
    test_server server(for_server());
    std::uint32_t arrived = 0;
    server.on_receive = [&](byte_view data, const endpoint& from) {
        EXPECT_EQ(copy_of(data), numbered_bytes(number_in(data), 1200));
        if (++arrived % batch == 0) {
            EXPECT_TRUE(is_ok(server.server.send_to("go on", from)));
        }
    };
    test_client client(for_client());
    std::uint32_t next = 0;
    const auto send_batch = [&] {
        for (std::uint32_t i = 0; i < batch && next < total; ++i, ++next) {
            EXPECT_TRUE(is_ok(client.client.send_packet(numbered_bytes(next, 1200))));
        }
    };
    client.on_receive = [&](byte_view) { send_batch(); };
    ASSERT_TRUE(start(client, far_address(), start(server)));
    link.near.run(send_batch);
    ASSERT_TRUE(client.received.wait_for(batches));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.server.metrics().datagrams_received, total);
    const auto counted = client.client.metrics();
    EXPECT_EQ(counted.datagrams_sent, total);
    EXPECT_EQ(counted.send_failures, 0U);
    if (GetParam().method == readiness::automatic) {
        EXPECT_TRUE(counted.has_segmentation_offload);
        // The first batch is outside a callback, where each may go alone.
        EXPECT_LE(counted.send_calls, batch + 2 * batches);
    }
}

/// The kernel cuts them into fragments, and joins those.
TEST_P(udp_link, what_is_longer_than_the_mtu_arrives_whole) {
    constexpr std::uint32_t count = 20;
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(start(client, far_address(), start(server)));
    for (const std::size_t size : {1472U, 1473U, 4000U}) {
        const std::size_t before = client.received.size();
        // As a batch of one size, which would be sent as segments if they were not too long.
        link.near.run([&] {
            for (std::uint32_t i = 0; i < count; ++i) {
                EXPECT_TRUE(is_ok(client.client.send_packet(numbered_bytes(i, size))));
            }
        });
        ASSERT_TRUE(client.received.wait_for(before + count)) << size << " bytes";
        std::vector<int> times(count);
        for (std::size_t i = before; i < before + count; ++i) {
            const bytes data = client.received.at(i).data;
            ++times.at(number_in(data));
            EXPECT_EQ(data, numbered_bytes(number_in(data), size));
        }
        EXPECT_EQ(times, std::vector<int>(count, 1));
    }
    EXPECT_TRUE(client.exchange(pattern(65'507)));
    const auto counted = client.client.metrics();
    EXPECT_EQ(counted.send_failures, 0U);
    EXPECT_EQ(counted.has_segmentation_offload, GetParam().method == readiness::automatic)
        << "shorter ones still go as segments";
}

TEST_P(udp_link, what_no_datagram_carries_fails) {
    auto options = for_client();
    options.datagrams.max_datagram_size = 65'527;
    auto far_options = for_server();
    far_options.datagrams.max_datagram_size = 65'527;
    test_server server(far_options);
    test_client client(options);
    ASSERT_TRUE(start(client, far_address(), start(server)));
    collector<int> results;
    ASSERT_TRUE(is_ok(client.client.send_packet(pattern(65'527), [&](const VoidResult& result) {
        results.add(result.is_ok() ? 0 : result.error().code);
    })));
    ASSERT_TRUE(results.wait_for(1));
    if (GetParam().is_ipv6) {
        EXPECT_EQ(results.at(0), 0);
        ASSERT_TRUE(client.received.wait_for(1));
        EXPECT_EQ(client.received.at(0).data, pattern(65'527));
    } else {
        EXPECT_EQ(results.at(0), static_cast<int>(errc::message_too_large));
        EXPECT_EQ(client.client.metrics().failed_too_large, 1U);
        EXPECT_TRUE(client.exchange(pattern(65'507))) << "the next one goes";
    }
}

TEST_P(udp_link, a_refusal_comes_back) {
    test_server server(for_server());
    const auto port = start(server);
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    test_client client(for_client());
    ASSERT_TRUE(start(client, far_address(), port));
    ASSERT_TRUE(is_ok(client.client.send_packet("anybody?")));
    ASSERT_TRUE(client.errors.wait_for(1));
    EXPECT_EQ(client.errors.at(0), errc::connection_refused);
    EXPECT_GE(client.client.metrics().refusals, 1U);
    EXPECT_EQ(client.client.metrics().send_failures, 0U);
    link.far.run([&] { EXPECT_TRUE(is_ok(server.server.start_server(port))); });
    EXPECT_TRUE(client.exchange("hello"));
}

TEST_P(udp_link, a_link_that_is_down_fails_what_is_sent) {
    if (GetParam().is_ipv6) {
        GTEST_SKIP() << "Linux takes the IPv6 addresses of a link that goes down";
    }
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(start(client, far_address(), start(server)));
    EXPECT_TRUE(client.exchange("up"));
    ASSERT_TRUE(link.near.ip("link set near down"));
    collector<VoidResult> results;
    ASSERT_TRUE(is_ok(client.client.send_packet(
        "down", [&](VoidResult result) { results.add(std::move(result)); })));
    ASSERT_TRUE(results.wait_for(1));
    EXPECT_TRUE(fails_with(results.at(0), errc::send_failed));
    EXPECT_TRUE(client.errors.wait_for(1));
    EXPECT_EQ(client.errors.at(0), errc::send_failed);
    EXPECT_EQ(client.client.metrics().failed_unreachable, 1U);
    ASSERT_TRUE(link.near.ip("link set near up"));
    ASSERT_TRUE(link.near.has_carrier("near") && link.far.has_carrier("far"));
    EXPECT_TRUE(client.exchange("up again"));
}

TEST_P(udp_link, multicast_reaches_those_who_have_joined) {
    const char* const group = GetParam().is_ipv6 ? "ff02::77" : "239.255.77.9";
    auto options = for_server();
    options.bind_address = GetParam().is_ipv6 ? "::" : "0.0.0.0";
    auto joining = options;
    joining.multicast.groups = {{group, "far"}};
    test_server member(joining);
    test_server stranger(options);
    const auto port = start(member);
    const auto elsewhere = start(stranger);
    auto sending = for_client();
    sending.is_connected = false;
    sending.multicast.outgoing_interface = "near";
    test_client sender(sending);
    // An answer, too: the member's own address is its sender.
    ASSERT_TRUE(start(sender, group, port));
    ASSERT_TRUE(is_ok(sender.client.send_packet("to the group")));
    ASSERT_TRUE(sender.received.wait_for(1));
    EXPECT_EQ(text_of(sender.received.at(0).data), "to the group");
    EXPECT_EQ(sender.received.at(0).from.address(), far_address());
    // What the stranger gets next is for itself: it has not joined.
    ASSERT_TRUE(is_ok(sender.client.set_target(group, elsewhere)));
    ASSERT_TRUE(is_ok(sender.client.send_packet("to the group")));
    ASSERT_TRUE(is_ok(sender.client.set_target(far_address(), elsewhere)));
    ASSERT_TRUE(is_ok(sender.client.send_packet("to you")));
    ASSERT_TRUE(sender.received.wait_for(2));
    EXPECT_EQ(text_of(sender.received.at(1).data), "to you");
    EXPECT_EQ(stranger.received.count(), 1U);
    EXPECT_EQ(member.received.count(), 1U);
}

TEST_P(udp_link, a_broadcast_reaches_the_others) {
    if (GetParam().is_ipv6) {
        GTEST_SKIP() << "IPv6 has no broadcast";
    }
    test_server server(for_server());
    auto options = for_client();
    options.is_connected = false;
    options.may_broadcast = true;
    test_client client(options);
    ASSERT_TRUE(start(client, "10.77.0.255", start(server)));
    EXPECT_TRUE(client.exchange("everybody"));
    EXPECT_EQ(client.received.at(0).from.address(), far_address());
}

}  // namespace
}  // namespace udp

#endif
