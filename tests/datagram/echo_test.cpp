// Datagrams there and back: families, sizes, batches and peers.
#include "datagram/support.h"

#include <map>
#include <set>

namespace udp {
namespace {

class udp_echo : public BothPaths {};
INSTANTIATE_TEST_SUITE_P(path, udp_echo, both_methods(), method_of);

struct address_pair {
    const char* name;
    const char* bind_address;
    const char* target;
};

class udp_addresses : public testing::TestWithParam<address_pair> {};
INSTANTIATE_TEST_SUITE_P(addresses, udp_addresses,
                         testing::Values(address_pair{"any_from_v4", "", "127.0.0.1"},
                                         address_pair{"any_from_v6", "", "::1"},
                                         address_pair{"any_by_name", "", "localhost"},
                                         address_pair{"v4_only", "127.0.0.1", "127.0.0.1"},
                                         address_pair{"v6_only", "::1", "::1"}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(udp_addresses, an_echo_shows_who_is_who) {
    udp_server_options options;
    options.bind_address = GetParam().bind_address;
    test_server server(options);
    collector<endpoint> senders;
    server.on_receive = [&](byte_view data, const endpoint& from) {
        senders.add(from);
        EXPECT_TRUE(is_ok(server.server.send_to(data, from)));
    };
    const auto port = server.start();
    test_client client;
    ASSERT_TRUE(is_ok(client.client.start_client(GetParam().target, port)));
    EXPECT_TRUE(client.exchange("hello"));
    EXPECT_EQ(client.received.at(0).from.port(), port);
    EXPECT_EQ(senders.at(0).port(), client.client.local_endpoint().port());
    // An IPv4 peer of a dual-stack socket is shown as IPv4.
    EXPECT_EQ(senders.at(0).address(),
              client.client.local_endpoint().kind() == endpoint::family::ipv4 ? "127.0.0.1"
                                                                              : "::1");
}

TEST_P(udp_echo, every_size_arrives_whole) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    for (const std::size_t size :
         {0U, 1U, 63U, 64U, 1200U, 1472U, 1473U, 9000U, 16'384U, 65'507U}) {
        EXPECT_TRUE(client.exchange(pattern(size))) << size << " bytes";
    }
    const auto counted = client.client.metrics();
    EXPECT_EQ(counted.datagrams_sent, 10U);
    EXPECT_EQ(counted.datagrams_received, 10U);
    EXPECT_EQ(counted.bytes_sent, counted.bytes_received);
    EXPECT_EQ(counted.queued_datagrams, 0U);
}

/// Batches of every length, sent in one callback, of sizes that change within the batch.
TEST_P(udp_echo, batches_of_mixed_sizes_arrive_in_order) {
    test_server server(for_server());
    const auto port = server.start();
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", port)));
    std::uint32_t seed = 0;
    for (const std::size_t length : {1U, 2U, 3U, 7U, 16U, 31U, 63U, 64U}) {
        client.received.clear();
        std::vector<bytes> sent;
        for (std::size_t i = 0; i < length; ++i) {
            // Runs of one size, with others between them.
            sent.push_back(pattern(i % 5 == 4 ? i : 100 * (i / 5 + 1), ++seed));
        }
        for (const auto& each : sent) {
            ASSERT_TRUE(is_ok(client.client.send_packet(each)));
        }
        ASSERT_TRUE(client.received.wait_for(length));
        for (std::size_t i = 0; i < length; ++i) {
            EXPECT_EQ(client.received.at(i).data, sent[i]) << i << " of " << length;
        }
    }
}

/// One callback that answers to everybody mixes peers and sizes in one batch of sends.
TEST_P(udp_echo, a_batch_to_many_peers_reaches_each) {
    constexpr std::size_t count = 9;
    test_server server(for_server());
    collector<endpoint> known;
    server.on_receive = [&](byte_view data, const endpoint& from) {
        if (text_of(data) == "hello") {
            known.add(from);
            return;
        }
        const auto all = known.all();
        for (std::uint32_t round = 0; round < 20; ++round) {
            for (std::size_t i = 0; i < all.size(); ++i) {
                const auto answer = pattern(i % 3 == 0 ? 500 : round * 10 + i,
                                            round * 100 + static_cast<std::uint32_t>(i));
                EXPECT_TRUE(is_ok(server.server.send_to(answer, all[i])));
            }
        }
    };
    const auto port = server.start();
    std::vector<std::unique_ptr<test_client>> clients;
    for (std::size_t i = 0; i < count; ++i) {
        clients.push_back(std::make_unique<test_client>(for_client()));
        ASSERT_TRUE(is_ok(clients.back()->client.start_client("127.0.0.1", port)));
        ASSERT_TRUE(is_ok(clients.back()->client.send_packet("hello")));
        ASSERT_TRUE(known.wait_for(i + 1));
    }
    ASSERT_TRUE(is_ok(clients.front()->client.send_packet("all")));
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(clients[i]->received.wait_for(20)) << i;
        for (std::uint32_t round = 0; round < 20; ++round) {
            EXPECT_EQ(clients[i]->received.at(round).data,
                      pattern(i % 3 == 0 ? 500 : round * 10 + i,
                              round * 100 + static_cast<std::uint32_t>(i)))
                << "round " << round << " of client " << i;
        }
    }
    EXPECT_TRUE(is_ok(server.server.stop_server()));  // its callback uses what ends before it
}

TEST_P(udp_echo, send_handlers_run_once_each) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    event_counter done;
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(is_ok(client.client.send_packet("x", [&](VoidResult result) {
            EXPECT_TRUE(is_ok(result));
            done.add();
        })));
    }
    EXPECT_TRUE(done.wait_for(100));
    EXPECT_TRUE(client.received.wait_for(100));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_EQ(done.count(), 100U);
}

TEST_P(udp_echo, several_threads_share_one_socket) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    std::vector<std::thread> threads;
    for (std::uint8_t which = 0; which < 4; ++which) {
        threads.emplace_back([&client, which] {
            for (std::uint8_t i = 0; i < 50; ++i) {
                EXPECT_TRUE(is_ok(client.client.send_packet({which, i})));
            }
        });
    }
    for (auto& each : threads) {
        each.join();
    }
    ASSERT_TRUE(client.received.wait_for(200));
    std::map<int, int> next;
    for (const auto& each : client.received.all()) {
        EXPECT_EQ(each.data.at(1), next[each.data.at(0)]++) << "each thread's order is kept";
    }
}

TEST(udp_receivers, callbacks_take_what_they_want) {
    test_server server;
    const auto port = server.start();
    event_counter received;
    const auto try_one = [&](auto callback) {
        messaging_udp_client client("c");
        ASSERT_TRUE(is_ok(client.set_receive_callback(std::move(callback))));
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", port)));
        const auto before = received.count();
        ASSERT_TRUE(is_ok(client.send_packet("x")));
        EXPECT_TRUE(received.wait_for(before + 1));
    };
    try_one([&](byte_view) { received.add(); });
    try_one([&](byte_view, const endpoint&) { received.add(); });
    try_one([&](const bytes&) { received.add(); });
    try_one([&](const bytes&, const endpoint&) { received.add(); });
}

}  // namespace
}  // namespace udp
