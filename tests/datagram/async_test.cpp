// Datagrams with completion tokens, and a socket of the application's.
#include "datagram/support.h"
#include "support/context_runner.h"

#include <network_system/async.h>
#include <network_system/internal/asio_endpoint.h>
#include <network_system/internal/udp_socket.h>

#include <asio/cancellation_signal.hpp>
#include <asio/use_future.hpp>

#include <future>

namespace udp {
namespace {

using network_system::async_receive;
using network_system::async_receive_from;
using network_system::async_send;
using network_system::async_send_to;
using network_system::async_start;
using network_system::async_stop;

template <typename T>
[[nodiscard]] T get(std::future<T> future) {
    EXPECT_EQ(future.wait_for(patience), std::future_status::ready);
    return future.get();
}

TEST(udp_async, start_send_receive_and_stop) {
    udp_server_options pulling;
    pulling.datagrams.receiving = receive_mode::pull;
    messaging_udp_server server("server", pulling);
    ASSERT_TRUE(is_ok(server.start_server(0)));
    udp_client_options options;
    options.datagrams.receiving = receive_mode::pull;
    messaging_udp_client client("client", options);
    const auto port = server.local_port();
    ASSERT_TRUE(is_ok(get(async_start(client, "localhost", port, asio::use_future))));
    ASSERT_TRUE(is_ok(get(async_send(client, "hello", asio::use_future))));
    const auto asked = get(async_receive_from(server, asio::use_future));
    ASSERT_TRUE(is_ok(asked));
    EXPECT_EQ(text_of(asked.value().data), "hello");
    ASSERT_TRUE(is_ok(
        get(async_send_to(server, asked.value().data, asked.value().from, asio::use_future))));
    const auto answer = get(async_receive(client, asio::use_future));
    ASSERT_TRUE(is_ok(answer));
    EXPECT_EQ(text_of(answer.value().data), "hello");
    EXPECT_TRUE(is_ok(get(async_stop(client, asio::use_future))));
    EXPECT_TRUE(is_ok(get(async_stop(server, asio::use_future))));
    EXPECT_TRUE(fails_with(get(async_receive(client, asio::use_future)), errc::connection_closed));
}

/// A handler with a slot.
struct watched_slot {
    struct handler {
        using cancellation_slot_type = asio::cancellation_slot;
        [[nodiscard]] cancellation_slot_type get_cancellation_slot() const { return slot; }
        void operator()(Result<received_datagram> result) const {
            EXPECT_FALSE(slot.has_handler()) << "the next operation may take it";
            ended->add(result.is_ok() ? 0 : result.error().code);
        }

        asio::cancellation_slot slot;
        collector<int>* ended;
    };

    asio::cancellation_signal signal;
    collector<int> ended;

    [[nodiscard]] handler make() { return {signal.slot(), &ended}; }
};

TEST(udp_async, a_slot_is_assigned_before_its_receive_begins) {
    udp_server_options pulling;
    pulling.datagrams.receiving = receive_mode::pull;
    messaging_udp_server server("server", pulling);
    ASSERT_TRUE(is_ok(server.start_server(0)));
    const raw_socket peer;
    // What waits already completes on the I/O thread while the receive is still beginning.
    constexpr std::size_t rounds = 500;
    for (std::size_t i = 0; i < rounds; ++i) {
        peer.send(pattern(1), server.local_port());
    }
    watched_slot watched;
    for (std::size_t i = 0; i < rounds; ++i) {
        async_receive_from(server, watched.make());
        ASSERT_TRUE(watched.ended.wait_for(i + 1));
        EXPECT_EQ(watched.ended.at(i), 0);
        ASSERT_FALSE(watched.signal.slot().has_handler()) << "assigned after the end";
    }
    async_receive_from(server, watched.make());
    watched.signal.emit(asio::cancellation_type::all);
    ASSERT_TRUE(watched.ended.wait_for(rounds + 1));
    EXPECT_EQ(watched.ended.at(rounds), static_cast<int>(errc::cancelled));
}

TEST(udp_async, a_slot_may_be_used_when_the_object_is_gone) {
    udp_client_options pulling;
    pulling.datagrams.receiving = receive_mode::pull;
    auto client = std::make_unique<messaging_udp_client>("client", pulling);
    ASSERT_TRUE(is_ok(client->start_client("127.0.0.1", 9)));
    watched_slot watched;
    async_receive(*client, watched.make());
    client.reset();
    watched.signal.emit(asio::cancellation_type::all);
    EXPECT_LE(watched.ended.size(), 1U);
}

TEST(udp_async, a_socket_of_the_applications_answers_from_where_it_was_asked) {
    using network_system::internal::udp_socket;
    context_runner runner(1);
    asio::ip::udp::socket theirs(runner.context, {asio::ip::udp::v4(), 0});
    auto adopted = udp_socket::adopt(runner.context, std::move(theirs));
    ASSERT_TRUE(is_ok(adopted));
    auto& socket = *adopted.value();
    ASSERT_TRUE(is_ok(socket.set_receive_callback([&](byte_view data, const endpoint& from) {
        EXPECT_TRUE(is_ok(socket.async_send_to(data, from)));
    })));
    ASSERT_TRUE(is_ok(socket.start_receive()));
    test_client client;
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.5", socket.local_endpoint().port())));
    EXPECT_TRUE(client.exchange("hello"));
    adopted.value().reset();
    EXPECT_TRUE(runner.comes_to_rest());
}

TEST(udp_async, endpoints_convert_both_ways) {
    for (const endpoint& each : {loopback_v4(80), loopback_v6(443)}) {
        const auto theirs = network_system::to_asio<asio::ip::udp>(each);
        EXPECT_EQ(theirs.port(), each.port());
        EXPECT_EQ(theirs.address().to_string(), each.address());
        EXPECT_EQ(network_system::from_asio(theirs), each);
    }
    EXPECT_EQ(network_system::to_asio<asio::ip::udp>(endpoint{}), asio::ip::udp::endpoint{});
}

TEST(udp_async, a_socket_of_the_applications_is_taken_over) {
    using network_system::internal::udp_socket;
    context_runner runner(1);
    asio::ip::udp::socket theirs(runner.context, {asio::ip::address_v4::loopback(), 0});
    auto adopted = udp_socket::adopt(runner.context, std::move(theirs));
    ASSERT_TRUE(is_ok(adopted));
    auto& socket = *adopted.value();
    ASSERT_TRUE(is_ok(socket.set_receive_callback([&](byte_view data, const endpoint& from) {
        EXPECT_TRUE(is_ok(socket.async_send_to(data, from)));
    })));
    EXPECT_TRUE(
        fails_with(socket.async_send_to(pattern(1), loopback_v4(9)), errc::connection_closed))
        << "before the start";
    ASSERT_TRUE(is_ok(socket.start_receive()));
    EXPECT_TRUE(fails_with(socket.start_receive(), errc::already_exists));
    const raw_socket peer;
    peer.send(pattern(10), socket.local_endpoint().port());
    EXPECT_EQ(peer.receive(), pattern(10));
    EXPECT_EQ(socket.metrics().datagrams_received, 1U);
    EXPECT_TRUE(socket.is_open());
    socket.close();
    EXPECT_FALSE(socket.is_open());
    adopted.value().reset();
    EXPECT_TRUE(runner.comes_to_rest());
}

}  // namespace
}  // namespace udp
