// What ICMP says of a datagram belongs to that one, and not to the next that is sent.
#ifdef __linux__

#include "datagram/icmp.h"
#include "os/datagram_io.h"

#include <array>
#include <memory>

namespace udp {
namespace {

namespace runtime = network_system::runtime;
namespace sockets = network_system::runtime::sockets;

struct unreachable {
    const char* name;
    std::uint8_t code;
    int error;
    errc reported;
    std::uint64_t datagram_metrics::*counter;
};

constexpr std::array all_unreachable{
    unreachable{"protocol", 2, ENOPROTOOPT, errc::send_failed,
                &datagram_metrics::datagrams_undelivered},
    unreachable{"port", 3, ECONNREFUSED, errc::connection_refused, &datagram_metrics::refusals},
    unreachable{"fragmentation_needed", 4, EMSGSIZE, errc::message_too_large,
                &datagram_metrics::datagrams_undelivered},
    unreachable{"host_unknown", 7, EHOSTDOWN, errc::send_failed,
                &datagram_metrics::datagrams_undelivered},
    unreachable{"host_prohibited", 10, EHOSTUNREACH, errc::send_failed,
                &datagram_metrics::datagrams_undelivered},
    unreachable{"filtered", 13, EHOSTUNREACH, errc::send_failed,
                &datagram_metrics::datagrams_undelivered},
};

class told_by_network : public BothPaths {
protected:
    void SetUp() override {
        if (!icmp.missing().empty()) {
            GTEST_SKIP() << "ICMP messages need " << icmp.missing();
        }
    }
    const icmp_sender icmp;
};
INSTANTIATE_TEST_SUITE_P(path, told_by_network, both_methods(), method_of);

TEST_P(told_by_network, an_error_of_an_earlier_datagram_costs_no_other) {
    for (const auto& each : all_unreachable) {
        test_server server(for_server());
        const auto port = server.start();
        test_client client(for_client());
        std::error_code failed;
        event_counter answered;
        client.on_receive = [&](byte_view data) {
            if (text_of(data) != "first") {
                return;
            }
            // Nobody but the send below comes to look at the socket before the batch ends.
            icmp.tell(each.code, client.client.local_endpoint().port(), port);
            EXPECT_TRUE(is_ok(client.client.send_packet("second", [&](const VoidResult& result) {
                failed = std::error_code(result.is_ok() ? 0 : result.error().code,
                                         network_system::error_category());
                answered.add();
            })));
        };
        ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", port)));
        EXPECT_TRUE(client.exchange("first")) << each.name;
        ASSERT_TRUE(answered.wait_for(1));
        EXPECT_FALSE(failed) << each.name << ": " << failed.message();
        ASSERT_TRUE(client.received.wait_for(2)) << each.name;
        EXPECT_EQ(text_of(client.received.at(1).data), "second");
        ASSERT_TRUE(client.errors.wait_for(1)) << each.name;
        EXPECT_EQ(client.errors.at(0), each.reported) << each.name;
        const auto counted = client.client.metrics();
        EXPECT_EQ(counted.*each.counter, 1U) << each.name;
        EXPECT_EQ(counted.send_failures + counted.receive_errors, 0U) << each.name;
    }
}

/// A socket with a peer, and the calls for it.
class connected_socket {
public:
    connected_socket(const endpoint& peer, readiness method) {
        std::error_code error;
        socket_ = sockets::open_datagram({peer.kind(), peer.bytes(), 0}, {}, error);
        EXPECT_FALSE(error);
        EXPECT_FALSE(
            sockets::connect_datagram(socket_.get(), sockets::address_for(peer, peer.kind())));
        io_ = runtime::make_datagram_io(socket_.get(), {}, method == readiness::per_socket);
    }
    [[nodiscard]] std::uint16_t port() const {
        return sockets::local_endpoint(socket_.get()).port();
    }
    [[nodiscard]] runtime::datagram_send_result send(const std::vector<bytes>& datagrams) {
        std::vector<runtime::outgoing_datagram> all;
        for (const bytes& each : datagrams) {
            all.push_back({nullptr, each});
        }
        return io_->send(socket_.get(), all);
    }

    [[nodiscard]] runtime::datagram_io& calls() { return *io_; }

private:
    runtime::unique_socket socket_;
    std::unique_ptr<runtime::datagram_io> io_;
};

TEST_P(told_by_network, in_a_batch_and_before_segments_too) {
    const raw_socket peer;
    connected_socket socket(loopback_v4(peer.port()), GetParam());
    for (const std::size_t count : {1U, 2U, 10U}) {
        // Of one size they are one message, where the kernel cuts.
        for (const bool is_one_size : {true, false}) {
            std::vector<bytes> datagrams;
            for (std::size_t i = 0; i < count; ++i) {
                datagrams.push_back(pattern(is_one_size ? 100 : 100 + i));
            }
            for (const auto& each : all_unreachable) {
                icmp.tell(each.code, socket.port(), peer.port());
                auto told = socket.send(datagrams);
                EXPECT_EQ(told.earlier.value(), each.error) << each.name;
                EXPECT_FALSE(told.error) << each.name << ": " << told.error.message();
                if (told.sent < count) {
                    datagrams.erase(datagrams.begin(),
                                    datagrams.begin() + static_cast<std::ptrdiff_t>(told.sent));
                    const auto rest = socket.send(datagrams);
                    EXPECT_EQ(rest.sent, datagrams.size()) << each.name;
                    EXPECT_FALSE(rest.error || rest.earlier) << each.name;
                    datagrams.insert(datagrams.begin(), told.sent, pattern(100));
                }
                for (std::size_t i = 0; i < count; ++i) {
                    EXPECT_GE(peer.receive().size(), 100U);
                }
            }
        }
    }
    // It was not the segments that were too large.
    if (socket.calls().has_segmentation()) {
        const auto sent = socket.send(std::vector<bytes>(60, pattern(1000)));
        EXPECT_EQ(sent.calls, 1U);
    }
}

TEST_P(told_by_network, of_ipv6_too) {
    auto options = for_server();
    options.bind_address = "::1";
    test_server server(options);
    server.on_receive = [](byte_view, const endpoint&) {};
    if (!server.server.start_server(0)) {
        GTEST_SKIP() << "no IPv6 on the loopback interface";
    }
    const auto port = server.server.local_port();
    connected_socket socket(loopback_v6(port), GetParam());
    const icmp_sender icmp_v6(AF_INET6);
    const std::vector<bytes> datagrams{pattern(6), pattern(6), pattern(7)};
    std::size_t sent = 0;
    // Prohibited, no port, refused by policy, rejected.
    for (const auto& [code, error] : {std::pair{1, EACCES}, std::pair{4, ECONNREFUSED},
                                      std::pair{5, EACCES}, std::pair{6, EACCES}}) {
        icmp_v6.tell_v6(static_cast<std::uint8_t>(code), socket.port(), port);
        auto told = socket.send(datagrams);
        EXPECT_EQ(told.earlier.value(), error) << code;
        EXPECT_FALSE(told.error) << code << ": " << told.error.message();
        const auto rest = socket.send(
            {datagrams.begin() + static_cast<std::ptrdiff_t>(told.sent), datagrams.end()});
        EXPECT_FALSE(rest.error || rest.earlier) << code;
        sent += told.sent + rest.sent;
    }
    EXPECT_EQ(sent, 4 * datagrams.size());
    EXPECT_TRUE(server.received.wait_for(sent));
}

}  // namespace
}  // namespace udp

#endif
