// What is too large, too much or goes nowhere: each is refused, reported or counted.
#include "datagram/support.h"

namespace udp {
namespace {

class udp_limits : public BothPaths {};
INSTANTIATE_TEST_SUITE_P(path, udp_limits, both_methods(), method_of);

TEST_P(udp_limits, what_is_too_large_is_refused_here) {
    auto options = for_client();
    options.datagrams.max_datagram_size = 1000;
    test_server server(for_server());
    test_client client(options);
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    const auto refused = client.client.send_packet(pattern(1001));
    ASSERT_TRUE(fails_with(refused, errc::message_too_large));
    EXPECT_NE(refused.error().message.find("1001"), std::string::npos) << refused.error().message;
    EXPECT_TRUE(client.exchange(pattern(1000)));
}

TEST_P(udp_limits, what_is_too_large_from_the_peer_is_counted_and_not_delivered) {
    auto options = for_server();
    options.datagrams.max_datagram_size = 1000;
    test_server server(options);
    const auto port = server.start();
    const raw_socket peer;
    for (const std::size_t size : {1001U, 1000U, 65'507U, 1U}) {
        peer.send(pattern(size), port);
    }
    ASSERT_TRUE(server.received.wait_for(2));
    EXPECT_EQ(peer.receive().size(), 1000U);
    EXPECT_EQ(peer.receive().size(), 1U);
    EXPECT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0), errc::message_too_large);
    EXPECT_EQ(server.server.metrics().datagrams_truncated, 2U);
    EXPECT_EQ(server.server.metrics().datagrams_received, 2U);
}

/// Segments that the kernel put together are measured one by one.
TEST_P(udp_limits, coalesced_datagrams_are_held_to_the_limit_each) {
    auto options = for_server();
    options.datagrams.max_datagram_size = 500;
    test_server server(options);
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(is_ok(client.client.send_packet(pattern(501))));
    }
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(is_ok(client.client.send_packet(pattern(500))));
    }
    EXPECT_TRUE(server.received.wait_for(20));
    EXPECT_EQ(server.server.metrics().datagrams_truncated, 20U);
}

TEST_P(udp_limits, what_the_system_does_not_take_fails_its_handler) {
    auto options = for_client();
    options.datagrams.max_datagram_size = 65'527;
    test_server server(for_server());
    test_client client(options);
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    event_counter failed;
    // IPv4 carries 65,507.
    ASSERT_TRUE(is_ok(client.client.send_packet(pattern(65'508), [&](VoidResult result) {
        EXPECT_TRUE(fails_with(result, errc::message_too_large));
        failed.add();
    })));
    EXPECT_TRUE(client.exchange("the next one goes")) << "behind it in the queue";
    EXPECT_TRUE(failed.wait_for(1));
    EXPECT_TRUE(client.errors.wait_for(1));
    EXPECT_EQ(client.errors.at(0), errc::message_too_large);
    const auto counted = client.client.metrics();
    EXPECT_EQ(counted.send_failures, 1U);
    EXPECT_EQ(counted.failed_too_large, 1U);
    EXPECT_EQ(counted.datagrams_sent, 1U);
}

TEST_P(udp_limits, addresses_that_cannot_be_reached_fail) {
    auto options = for_server();
    options.bind_address = "127.0.0.1";
    test_server server(options);
    server.start();
    EXPECT_TRUE(fails_with(server.server.send_to("x", endpoint{}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(server.server.send_to("x", loopback_v4(0)), errc::invalid_argument));
    EXPECT_TRUE(fails_with(server.server.send_to("x", loopback_v6(9)), errc::invalid_argument));
    EXPECT_TRUE(fails_with(server.server.send_to("x", endpoint::unix_domain("/x")),
                           errc::invalid_argument));
    event_counter failed;
    const endpoint broadcast{endpoint::family::ipv4, {255, 255, 255, 255}, 9};
    ASSERT_TRUE(is_ok(server.server.send_to("x", broadcast, [&](VoidResult result) {
        EXPECT_TRUE(fails_with(result, errc::send_failed));
        failed.add();
    })));
    EXPECT_TRUE(failed.wait_for(1));
    EXPECT_EQ(server.server.metrics().send_failures, 1U);
}

TEST_P(udp_limits, a_refusal_reaches_the_error_callback_and_the_client_goes_on) {
    const raw_socket peer;
    peer.hear_nobody();
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", peer.port())));
    event_counter sent;
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(is_ok(client.client.send_packet("anybody?", [&](VoidResult result) {
            EXPECT_TRUE(is_ok(result)) << "what was sent was sent";
            sent.add();
        })));
    }
    EXPECT_TRUE(sent.wait_for(3));
    ASSERT_TRUE(client.errors.wait_for(1));
    EXPECT_EQ(client.errors.at(0), errc::connection_refused);
    EXPECT_GE(client.client.metrics().refusals, 1U);
    EXPECT_EQ(client.client.metrics().send_failures, 0U);
    // Somebody comes.
    peer.hear_only(client.client.local_endpoint().port());
    ASSERT_TRUE(is_ok(client.client.send_packet("hello")));
    EXPECT_EQ(text_of(peer.receive()), "hello");
}

TEST_P(udp_limits, an_unconnected_client_hears_anybody) {
    const raw_socket nobody;
    nobody.hear_nobody();
    auto options = for_client();
    options.is_connected = false;
    test_client client(options);
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", nobody.port())));
    ASSERT_TRUE(is_ok(client.client.send_packet("nobody hears this")));
    const raw_socket stranger;
    stranger.send(pattern(5), client.client.local_endpoint().port());
    ASSERT_TRUE(client.received.wait_for(1));
    EXPECT_EQ(client.received.at(0).from.port(), stranger.port());
    EXPECT_EQ(client.errors.size(), 0U) << "refusals go unnoticed";
}

TEST_P(udp_limits, the_target_can_change) {
    for (const bool is_connected : {true, false}) {
        auto options = for_client();
        options.is_connected = is_connected;
        test_client client(options);
        const raw_socket first;
        const raw_socket second;
        ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", first.port())));
        ASSERT_TRUE(is_ok(client.client.send_packet("one")));
        EXPECT_EQ(text_of(first.receive()), "one");
        ASSERT_TRUE(is_ok(client.client.set_target("localhost", second.port())));
        ASSERT_TRUE(is_ok(client.client.send_packet("two")));
        EXPECT_EQ(text_of(second.receive()), "two");
        EXPECT_TRUE(fails_with(client.client.set_target("::1", 9), errc::connection_failed));
        ASSERT_TRUE(is_ok(client.client.send_packet("three")));
        EXPECT_EQ(text_of(second.receive()), "three") << "the old target stays";
        event_counter done;
        ASSERT_TRUE(is_ok(client.client.set_target("127.0.0.1", first.port(), [&](VoidResult set) {
            EXPECT_TRUE(is_ok(set));
            EXPECT_TRUE(is_ok(client.client.send_packet("four")));
            done.add();
        })));
        EXPECT_EQ(text_of(first.receive()), "four");
        EXPECT_TRUE(done.wait_for(1));
    }
}

/// A queue that is filled inside one callback, where nothing can be sent meanwhile.
TEST_P(udp_limits, a_full_queue_refuses_and_says_when_there_is_room) {
    auto options = for_server();
    options.datagrams.high_watermark = 10 * (1000 + 64);
    options.datagrams.low_watermark = 0;
    test_server server(options);
    const raw_socket peer;
    std::size_t accepted = 0;
    std::size_t refused = 0;
    server.on_receive = [&](byte_view, const endpoint& from) {
        for (int i = 0; i < 15; ++i) {
            const auto sent = server.server.send_to(pattern(1000), from);
            sent ? ++accepted : ++refused;
            EXPECT_TRUE(sent.is_ok() || fails_with(sent, errc::send_buffer_full));
        }
    };
    peer.send(pattern(1), server.start());
    ASSERT_TRUE(server.writable.wait_for(1));
    EXPECT_EQ(accepted, 10U);
    EXPECT_EQ(refused, 5U);
    for (std::size_t i = 0; i < accepted; ++i) {
        EXPECT_EQ(peer.receive(), pattern(1000));
    }
    const auto counted = server.server.metrics();
    EXPECT_EQ(counted.sends_rejected, 5U);
    EXPECT_EQ(counted.datagrams_sent, 10U);
    EXPECT_EQ(counted.queued_bytes, 0U);
}

TEST_P(udp_limits, old_datagrams_give_way_to_new_ones) {
    auto options = for_server();
    options.datagrams.high_watermark = 10 * (1000 + 64);
    options.datagrams.low_watermark = 0;
    options.datagrams.policy = send_policy::drop_oldest;
    test_server server(options);
    const raw_socket peer;
    event_counter superseded;
    event_counter sent;
    server.on_receive = [&](byte_view, const endpoint& from) {
        for (std::uint32_t i = 0; i < 15; ++i) {
            EXPECT_TRUE(
                is_ok(server.server.send_to(pattern(1000, i), from, [&, i](VoidResult result) {
                    EXPECT_EQ(result.is_ok(), i >= 5) << i;
                    (result ? sent : superseded).add();
                })));
        }
    };
    peer.send(pattern(1), server.start());
    EXPECT_TRUE(superseded.wait_for(5));
    EXPECT_TRUE(sent.wait_for(10));
    for (std::uint32_t i = 5; i < 15; ++i) {
        EXPECT_EQ(peer.receive(), pattern(1000, i));
    }
    EXPECT_EQ(server.server.metrics().datagrams_dropped, 5U);
}

TEST_P(udp_limits, other_threads_wait_for_room) {
    auto options = for_client();
    options.datagrams.high_watermark = 4 * (100 + 64);
    options.datagrams.low_watermark = 0;
    options.datagrams.policy = send_policy::wait;
    test_server server(for_server());
    test_client client(options);
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", server.start())));
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            for (std::size_t n = 0; n < scaled(500); ++n) {
                EXPECT_TRUE(is_ok(client.client.send_packet(pattern(100))));
            }
        });
    }
    for (auto& each : threads) {
        each.join();
    }
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_EQ(client.client.metrics().datagrams_sent, 3 * scaled(500));
    EXPECT_EQ(client.client.metrics().sends_rejected, 0U);
}

TEST_P(udp_limits, what_the_kernel_drops_is_counted) {
    auto options = for_server();
    options.datagrams.receive_buffer_size = 4096;
    test_server server(options);
    std::mutex held;
    std::unique_lock hold(held);
    event_counter entered;
    server.on_receive = [&](byte_view, const endpoint&) {
        entered.add();
        const std::lock_guard wait(held);
    };
    const auto port = server.start();
    const raw_socket peer;
    peer.send(pattern(1), port);
    ASSERT_TRUE(entered.wait_for(1));
    for (int i = 0; i < 200; ++i) {
        peer.send(pattern(1000), port);
    }
    hold.unlock();
    ASSERT_TRUE(entered.wait_for(2));
    if (server.server.metrics().kernel_drops == 0) {
        // The system tells with a datagram that comes after those it dropped.
        EXPECT_TRUE(eventually([&] {
            peer.send(pattern(1), port);
            return GetParam() == readiness::per_socket || server.server.metrics().kernel_drops > 0;
        }));
    }
    EXPECT_TRUE(is_ok(server.server.stop_server()));  // its callback uses what ends before it
    const auto counted = server.server.metrics();
    EXPECT_LT(counted.datagrams_received, 200U);
    EXPECT_EQ(GetParam() == readiness::automatic, counted.kernel_drops > 0);
}

}  // namespace
}  // namespace udp
