// Answers leave from the address that was asked (RFC 1122 section 4.1.3.5).
#include "datagram/source_memory.h"
#include "datagram/support.h"

#include <array>
#include <map>
#include <memory>
#include <thread>

namespace udp {
namespace {

/// A plain socket that says where each datagram came from.
class asker {
public:
    asker() : handle_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        const ::timeval limit{10, 0};
        EXPECT_EQ(::setsockopt(handle_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    }
    asker(const asker&) = delete;
    asker& operator=(const asker&) = delete;
    ~asker() { ::close(handle_); }

    /// Asks 127.0.0.`host`.
    void ask(byte_view data, std::uint8_t host, std::uint16_t port) const {
        ::sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(0x7F000000U + host);
        EXPECT_EQ(::sendto(handle_, data.data(), data.size(), 0,
                           reinterpret_cast<const ::sockaddr*>(&to), sizeof to),
                  static_cast<ssize_t>(data.size()));
    }
    struct answer {
        bytes data;
        /// Of 127.0.0.`host`; 0 when none has come.
        unsigned host = 0;
    };
    [[nodiscard]] answer receive() const {
        answer got;
        got.data.resize(65'536);
        ::sockaddr_in from{};
        ::socklen_t length = sizeof from;
        const auto size = ::recvfrom(handle_, got.data.data(), got.data.size(), 0,
                                     reinterpret_cast<::sockaddr*>(&from), &length);
        EXPECT_GE(size, 0);
        got.data.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        got.host = size < 0 ? 0 : ntohl(from.sin_addr.s_addr) & 0xFFU;
        return got;
    }

private:
    int handle_;
};

struct source_case {
    const char* name;
    readiness method;
    const char* bind_address;
    std::size_t io_threads;
    std::size_t max_peers;
    friend void PrintTo(const source_case& each, std::ostream* out) { *out << each.name; }
};

class sources : public testing::TestWithParam<source_case> {
protected:
    [[nodiscard]] static udp_server_options for_server() {
        udp_server_options options;
        options.readiness_method = GetParam().method;
        options.bind_address = GetParam().bind_address;
        options.io_threads = GetParam().io_threads;
        options.reuse_port = GetParam().io_threads > 1;
        options.peers.max_peers = GetParam().max_peers;
        return options;
    }
};
INSTANTIATE_TEST_SUITE_P(
    all, sources,
    testing::Values(source_case{"dual_stack", readiness::automatic, "", 1, 0},
                    source_case{"dual_stack_per_socket", readiness::per_socket, "", 1, 0},
                    source_case{"v4", readiness::automatic, "0.0.0.0", 1, 0},
                    source_case{"v4_per_socket", readiness::per_socket, "0.0.0.0", 1, 0},
                    source_case{"peers", readiness::automatic, "", 1, 1000},
                    source_case{"threads", readiness::automatic, "", 3, 0},
                    source_case{"threads_and_peers", readiness::automatic, "0.0.0.0", 3, 1000}),
    [](const auto& each) { return std::string(each.param.name); });

TEST_P(sources, an_answer_leaves_from_the_address_that_was_asked) {
    test_server server(for_server());
    const auto port = server.start();
    for (const char* target : {"127.0.0.2", "127.0.0.1", "127.8.9.10"}) {
        // Connected, it receives nothing from elsewhere.
        test_client client;
        ASSERT_TRUE(is_ok(client.client.start_client(target, port)));
        EXPECT_TRUE(client.exchange("hello")) << target;
    }
    EXPECT_EQ(server.server.metrics().sent_without_source, 0U);
}

TEST_P(sources, so_does_one_that_is_sent_later_from_elsewhere) {
    test_server server(for_server());
    collector<endpoint> askers;
    server.on_receive = [&](byte_view, const endpoint& from) { askers.add(from); };
    const auto port = server.start();
    constexpr std::uint8_t count = 12;
    std::array<asker, count> all;
    for (std::uint8_t i = 0; i < count; ++i) {
        all.at(i).ask(pattern(i + 1U), static_cast<std::uint8_t>(i + 2), port);
        // In turn, so that it is known who is who.
        ASSERT_TRUE(askers.wait_for(i + 1U));
    }
    for (int round = 0; round < 2; ++round) {
        for (std::uint8_t i = 0; i < count; ++i) {
            ASSERT_TRUE(is_ok(server.server.send_to("later", askers.at(i))));
            EXPECT_EQ(all.at(i).receive().host, i + 2U);
        }
    }
    // Of two addresses the last one that was asked.
    all[0].ask(pattern(1), 99, port);
    ASSERT_TRUE(askers.wait_for(count + 1));
    ASSERT_TRUE(is_ok(server.server.send_to("later", askers.at(count))));
    EXPECT_EQ(all[0].receive().host, 99U);
}

/// The kernel may put them together and cut them: each run has one peer and one source.
TEST_P(sources, one_peer_that_asks_several_addresses_hears_from_each) {
    auto options = for_server();
    test_server server(options);
    const auto port = server.start();
    const asker peer;
    constexpr std::size_t total = 60;
    std::map<std::uint8_t, std::uint8_t> asked;
    for (std::size_t i = 0; i < total; ++i) {
        const auto number = static_cast<std::uint8_t>(i);
        const auto host = static_cast<std::uint8_t>(2 + i / 4 % 3);
        asked[number] = host;
        peer.ask(bytes(100, number), host, port);
    }
    for (std::size_t i = 0; i < total; ++i) {
        const auto answer = peer.receive();
        ASSERT_EQ(answer.data.size(), 100U);
        EXPECT_EQ(answer.host, asked.at(answer.data[0])) << int{answer.data[0]};
    }
}

TEST(source_memory, knows_the_latest) {
    using network_system::runtime::datagram_source;
    using network_system::session::source_memory;
    const auto peer = [](std::uint32_t number) {
        return endpoint(endpoint::family::ipv4,
                        {10, static_cast<std::uint8_t>(number >> 16U),
                         static_cast<std::uint8_t>(number >> 8U),
                         static_cast<std::uint8_t>(number)},
                        4711);
    };
    source_memory memory(7);
    const datagram_source first{{1}, 0};
    const datagram_source second{{2}, 3};
    EXPECT_FALSE(memory.find(peer(1)).is_set());
    memory.record(peer(1), first);
    memory.record(loopback_v6(4711), second);
    EXPECT_EQ(memory.find(peer(1)), first);
    EXPECT_EQ(memory.find(loopback_v6(4711)), second);
    EXPECT_FALSE(memory.find(loopback_v6(4712)).is_set());
    memory.record(peer(1), second);
    EXPECT_EQ(memory.find(peer(1)), second);
    memory.record(peer(1), {});
    EXPECT_FALSE(memory.find(peer(1)).is_set());
    // A flood makes it forget, and the newest are there.
    constexpr std::uint32_t flood = 100'000;
    for (std::uint32_t i = 0; i < flood; ++i) {
        memory.record(peer(i), first);
        EXPECT_EQ(memory.find(peer(i)), first);
    }
    std::size_t known = 0;
    for (std::uint32_t i = 0; i < flood; ++i) {
        known += memory.find(peer(i)).is_set() ? 1 : 0;
    }
    EXPECT_LE(known, source_memory::capacity);
    EXPECT_GT(known, source_memory::capacity / 2);
}

TEST(source_memory, never_mixes_up_what_several_threads_write) {
    using network_system::runtime::datagram_source;
    network_system::session::source_memory memory(7);
    const auto source_of = [](std::uint8_t number) {
        datagram_source source;
        source.address.fill(number);
        source.interface_index = number;
        return source;
    };
    std::atomic<bool> is_over{false};
    std::vector<std::thread> writers;
    for (std::uint8_t writer = 1; writer <= 3; ++writer) {
        writers.emplace_back([&, writer] {
            while (!is_over) {
                for (std::uint16_t port = 1; port < 20; ++port) {
                    memory.record(loopback_v4(port), source_of(writer));
                }
            }
        });
    }
    for (std::uint64_t i = 0; i < scaled(100'000); ++i) {
        const auto found = memory.find(loopback_v4(static_cast<std::uint16_t>(1 + i % 19)));
        ASSERT_EQ(found, source_of(static_cast<std::uint8_t>(found.interface_index)));
    }
    is_over = true;
    for (auto& each : writers) {
        each.join();
    }
}

}  // namespace
}  // namespace udp
