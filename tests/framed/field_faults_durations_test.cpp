// Durations at the ends of their range: the largest means never, and none is negative.
#include "framed/field_faults.h"
#include "support/option_case.h"
#include "support/scratch_directory.h"
#include "support/websocket_pair.h"

#include <network_system/core/listener.h>
#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>
#include <network_system/internal/tcp_socket.h>
#include <network_system/internal/udp_socket.h>

#include <asio/ip/udp.hpp>

#include <array>

namespace loopback {
namespace {

using network_system::core::listener;
using std::chrono::milliseconds;

// The value that everybody writes, its neighbour, and one that is beyond the range of the clock.
constexpr std::array forever{milliseconds::max(), milliseconds::max() - 1ms,
                             milliseconds(std::chrono::hours(24 * 365 * 300))};

TEST_P(negative_duration, is_an_invalid_argument_that_is_named) {
    expect_refusal();
}

template <typename Set>
option_case of_server(const char* option, Set set) {
    return {option, "server", [set](milliseconds time) {
                server_options options;
                set(options) = time;
                return messaging_server("server", options).start_server(0);
            }};
}
template <typename Set>
option_case of_client(const char* option, Set set) {
    return {option, "client", [set](milliseconds time) {
                client_options options;
                set(options) = time;
                return messaging_client("client", options).start_client("127.0.0.1", 1);
            }};
}
template <typename Set>
option_case of_udp_server(const char* option, Set set) {
    return {
        option, "udp_server", [set](milliseconds time) {
            network_system::core::udp_server_options options;
            set(options) = time;
            return network_system::core::messaging_udp_server("server", options).start_server(0);
        }};
}
template <typename Set>
option_case of_udp_client(const char* option, Set set) {
    return {option, "udp_client", [set](milliseconds time) {
                network_system::core::udp_client_options options;
                set(options) = time;
                return network_system::core::messaging_udp_client("client", options)
                    .start_client("127.0.0.1", 1);
            }};
}

/// What `adopt(context, socket)` answers for a connected socket.
template <typename Adopt>
VoidResult adopted(const Adopt& adopt) {
    context_runner runner(1);
    auto pair = runner.connected_pair();
    return adopt(runner.context, std::move(pair.first)).map([](const auto&) {
        return std::monostate{};
    });
}
template <typename Set>
option_case of_tcp_socket(const char* option, Set set) {
    return {option, "tcp_socket", [set](milliseconds time) {
                network_system::internal::tcp_socket_options options;
                set(options) = time;
                return adopted([&](auto& context, auto socket) {
                    return network_system::internal::tcp_socket::adopt(context, std::move(socket),
                                                                       options);
                });
            }};
}
template <typename Set>
option_case of_websocket_socket(const char* option, Set set) {
    return {option, "websocket_socket", [set](milliseconds time) {
                network_system::internal::websocket_socket_options options;
                set(options) = time;
                return adopted([&](auto& context, auto socket) {
                    return network_system::internal::websocket_socket::adopt_server(
                        context, std::move(socket), options);
                });
            }};
}
template <typename Set>
option_case of_udp_socket(const char* option, Set set) {
    return {option, "udp_socket", [set](milliseconds time) {
                network_system::internal::udp_socket_options options;
                set(options) = time;
                asio::io_context context;
                asio::ip::udp::socket socket(context, asio::ip::udp::v4());
                return network_system::internal::udp_socket::adopt(context, std::move(socket),
                                                                   options)
                    .map([](const auto&) { return std::monostate{}; });
            }};
}

INSTANTIATE_TEST_SUITE_P(
    field_faults, negative_duration,
    testing::Values(
        of_server("drain_timeout", NETWORK_TEST_OPTION(drain_timeout)),
        of_server("proxy_protocol.header_timeout",
                  NETWORK_TEST_OPTION(proxy_protocol.header_timeout)),
        of_server("session.idle_timeout", NETWORK_TEST_OPTION(session.idle_timeout)),
        of_server("session.ping_interval", NETWORK_TEST_OPTION(session.ping_interval)),
        of_server("session.pong_timeout", NETWORK_TEST_OPTION(session.pong_timeout)),
        of_server("session.send_wait_timeout", NETWORK_TEST_OPTION(session.send_wait_timeout)),
        of_client("connect_timeout", NETWORK_TEST_OPTION(connect_timeout)),
        of_client("drain_timeout", NETWORK_TEST_OPTION(drain_timeout)),
        of_client("session.idle_timeout", NETWORK_TEST_OPTION(session.idle_timeout)),
        of_client("session.ping_interval", NETWORK_TEST_OPTION(session.ping_interval)),
        of_client("session.pong_timeout", NETWORK_TEST_OPTION(session.pong_timeout)),
        of_client("session.send_wait_timeout", NETWORK_TEST_OPTION(session.send_wait_timeout)),
        of_udp_server("drain_timeout", NETWORK_TEST_OPTION(drain_timeout)),
        of_udp_server("peers.idle_timeout", NETWORK_TEST_OPTION(peers.idle_timeout)),
        of_udp_server("datagrams.send_wait_timeout",
                      NETWORK_TEST_OPTION(datagrams.send_wait_timeout)),
        of_udp_client("drain_timeout", NETWORK_TEST_OPTION(drain_timeout)),
        of_udp_client("resolve_timeout", NETWORK_TEST_OPTION(resolve_timeout)),
        of_udp_client("datagrams.send_wait_timeout",
                      NETWORK_TEST_OPTION(datagrams.send_wait_timeout)),
        of_tcp_socket("drain_timeout", NETWORK_TEST_OPTION(drain_timeout)),
        of_tcp_socket("idle_timeout", NETWORK_TEST_OPTION(limits.idle_timeout)),
        of_websocket_socket("drain_timeout", NETWORK_TEST_OPTION(drain_timeout)),
        of_websocket_socket("handshake_timeout", NETWORK_TEST_OPTION(handshake_timeout)),
        of_websocket_socket("ping_interval", NETWORK_TEST_OPTION(limits.ping_interval)),
        of_udp_socket("drain_timeout", NETWORK_TEST_OPTION(drain_timeout)),
        option_case{"timeout", "receive_from",
                    [](milliseconds time) {
                        return listener::receive_from("unix:/tmp/none", time).map([](const auto&) {
                            return std::monostate{};
                        });
                    }},
        option_case{"timeout", "send_to",
                    [](milliseconds time) { return listener().send_to("unix:/tmp/none", time); }}),
    name_of_option);

TEST_P(field_faults, a_negative_request_timeout_is_an_invalid_argument) {
    test_server server(for_server());
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    for (const milliseconds time : {milliseconds(-1), milliseconds::min()}) {
        EXPECT_TRUE(fails_with(client.client.request("?", time), errc::invalid_argument));
        EXPECT_TRUE(fails_with(
            client.client.request("?", time, [](const Result<bytes>&) { ADD_FAILURE(); }),
            errc::invalid_argument));
    }
}

TEST_P(field_faults, a_timeout_of_max_lets_blocking_calls_wait) {
    for (const milliseconds time : forever) {
        SCOPED_TRACE(time.count());
        server_options at_server = for_server();
        client_options at_client = for_client();
        at_server.drain_timeout = at_client.drain_timeout = at_client.connect_timeout = time;
        test_server server(at_server);
        (void)server.server.set_request_callback(
            [](const session_ptr&, std::span<const std::uint8_t> data) -> Result<bytes> {
                return copy_of(data);
            });
        test_client client(at_client);
        ASSERT_TRUE(is_ok(client.connect(server.start())));
        EXPECT_TRUE(is_ok(client.client.ping()));
        EXPECT_TRUE(is_ok(client.client.request("?", time)));
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        EXPECT_EQ(client.disconnected.count(), 1U) << "a stop returns when all is over";
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        EXPECT_EQ(server.closed.size(), 1U);
        EXPECT_EQ(client.errors.size(), 0U);
        EXPECT_EQ(server.errors.size(), 0U);
    }
}

TEST_P(field_faults, a_send_wait_timeout_of_max_waits_for_room) {
    for (const milliseconds time : forever) {
        SCOPED_TRACE(time.count());
        client_options at_client = for_client();
        at_client.session.policy = send_policy::wait;
        at_client.session.send_wait_timeout = time;
        at_client.session.high_watermark = 100'000;
        at_client.session.low_watermark = 50'000;
        at_client.socket.send_buffer_size = 50'000;
        test_server server(for_server());
        server.on_receive = [](const session_ptr&, std::span<const std::uint8_t>) {};
        server.on_connect = [](const session_ptr& who) { (void)who->pause_receiving(); };
        test_client client(at_client);
        ASSERT_TRUE(is_ok(client.connect(server.start())));
        constexpr std::size_t count = 2'000;
        std::thread sending([&] {
            for (std::size_t i = 0; i < count; ++i) {
                EXPECT_TRUE(is_ok(client.client.send_packet(pattern(10'000))));
            }
        });
        const auto session = client.client.get_session();
        // The next send finds no room, and waits: nobody reads.
        EXPECT_TRUE(eventually([&] { return session.value()->queued_bytes() > 90'000; }));
        (void)server.sessions.at(0)->resume_receiving();
        sending.join();
        EXPECT_TRUE(server.received.wait_for(count));
        EXPECT_EQ(client.client.metrics().totals.sends_rejected, 0U);
    }
}

TEST(field_faults_of_listeners, a_timeout_of_max_waits_for_the_other_process) {
    for (const milliseconds time : forever) {
        SCOPED_TRACE(time.count());
        const scratch_directory directory;
        const std::string meeting = "unix:" + directory.file("meeting");
        test_server server;
        const auto port = server.start();
        auto shared = server.server.share_listener();
        ASSERT_TRUE(is_ok(shared));
        // Either side may be the first to come.
        std::thread giving([&] { EXPECT_TRUE(is_ok(shared.value().send_to(meeting, time))); });
        auto taken = listener::receive_from(meeting, time);
        giving.join();
        ASSERT_TRUE(is_ok(taken));
        EXPECT_EQ(taken.value().local_endpoint().port(), port);
    }
}

TEST(field_faults_of_sockets, durations_of_max_mean_never_for_a_tcp_socket) {
    for (const milliseconds time : forever) {
        SCOPED_TRACE(time.count());
        context_runner runner(1);
        network_system::internal::tcp_socket_options options;
        options.drain_timeout = options.limits.idle_timeout = time;
        options.limits.send_wait_timeout = time;
        auto [dialled, called] = runner.connected_pair();
        auto one = network_system::internal::tcp_socket::adopt(runner.context, std::move(dialled),
                                                               options);
        auto other =
            network_system::internal::tcp_socket::adopt(runner.context, std::move(called), options);
        ASSERT_TRUE(is_ok(one) && is_ok(other));
        event_counter arrived;
        collector<std::error_code> closed;
        (void)other.value()->set_receive_callback([&](std::span<const std::uint8_t> data) {
            arrived.add(data.size());
            (void)other.value()->async_send(data);
        });
        (void)one.value()->set_receive_callback(
            [&](std::span<const std::uint8_t> data) { arrived.add(data.size()); });
        for (const auto& each : {&one, &other}) {
            (void)each->value()->set_closed_callback([&](std::error_code why) { closed.add(why); });
            ASSERT_TRUE(is_ok(each->value()->start_read()));
        }
        // Long enough for a deadline in the past to be noticed.
        std::size_t sent = 0;
        const auto until = std::chrono::steady_clock::now() + 20ms;
        while (std::chrono::steady_clock::now() < until && closed.size() == 0) {
            ASSERT_TRUE(is_ok(one.value()->async_send(pattern(10))));
            sent += 2 * 10U;
            ASSERT_TRUE(arrived.wait_for(sent));
        }
        EXPECT_EQ(closed.size(), 0U);
        one.value()->close();
        ASSERT_TRUE(closed.wait_for(2));
        EXPECT_EQ(closed.at(0), std::error_code());
        EXPECT_EQ(closed.at(1), std::error_code());
        one.value().reset();
        other.value().reset();
    }
}

TEST_F(websocket_pair, durations_of_max_mean_never_for_a_websocket_socket) {
    for (auto* const each : {&server_, &client_}) {
        each->options.handshake_timeout = milliseconds::max();
        each->options.drain_timeout = milliseconds::max();
        each->options.limits.idle_timeout = milliseconds::max();
        each->options.limits.ping_interval = milliseconds::max();
        each->options.limits.pong_timeout = milliseconds::max();
    }
    open();
    for (std::size_t i = 1; i <= 20; ++i) {
        ASSERT_TRUE(is_ok(client_.connection().send_text("hello")));
        ASSERT_TRUE(server_.messages.wait_for(i));
    }
    client_.socket->close();
    ASSERT_TRUE(client_.closed.wait_for(1));
    ASSERT_TRUE(server_.closed.wait_for(1));
    EXPECT_EQ(client_.closed.at(0), std::error_code());
    EXPECT_EQ(server_.closed.at(0), std::error_code());
}

TEST(field_faults_of_datagrams, durations_of_max_mean_never) {
    for (const milliseconds time : forever) {
        SCOPED_TRACE(time.count());
        network_system::core::udp_server_options at_server;
        at_server.bind_address = "127.0.0.1";
        at_server.peers.max_peers = 10;
        at_server.peers.idle_timeout = at_server.drain_timeout = time;
        at_server.datagrams.send_wait_timeout = time;
        network_system::core::messaging_udp_server server("server", at_server);
        event_counter expired;
        (void)server.set_receive_callback(
            [&](std::span<const std::uint8_t> data, const network_system::endpoint& from) {
                (void)server.send_to(data, from);
            });
        (void)server.set_peer_expired_callback([&](const auto&) { expired.add(); });
        ASSERT_TRUE(is_ok(server.start_server(0)));
        network_system::core::udp_client_options at_client;
        at_client.resolve_timeout = at_client.drain_timeout = time;
        at_client.datagrams.policy = send_policy::wait;
        at_client.datagrams.send_wait_timeout = time;
        network_system::core::messaging_udp_client client("client", at_client);
        event_counter received;
        (void)client.set_receive_callback(
            [&](std::span<const std::uint8_t>, const auto&) { received.add(); });
        ASSERT_TRUE(is_ok(client.start_client("localhost", server.local_port())));
        ASSERT_TRUE(is_ok(client.set_target("127.0.0.1", server.local_port())));
        const auto until = std::chrono::steady_clock::now() + 20ms;
        for (std::size_t i = 1; std::chrono::steady_clock::now() < until; ++i) {
            ASSERT_TRUE(is_ok(client.send_packet("hello")));
            ASSERT_TRUE(received.wait_for(i));
        }
        EXPECT_EQ(expired.count(), 0U);
        EXPECT_EQ(server.metrics().peers_active, 1U);
        EXPECT_TRUE(is_ok(client.stop_client()));
        EXPECT_TRUE(is_ok(server.stop_server()));
    }
}

}  // namespace
}  // namespace loopback
