// What plain servers and clients can do, secure ones can: threads, pools, contexts, completion
// tokens, backpressure, accounting.
#include "support/context_runner.h"
#include "support/raw_peer.h"
#include "support/secure.h"
#include "tls/openssl_peer.h"

#include <network_system/async.h>
#include <network_system/utils/thread_pool.h>

#include <asio/use_future.hpp>

#include <algorithm>
#include <thread>

namespace secure {
namespace {

/// Sends and checks `count` echoed messages on connections of several threads.
void echo_on_many_threads(std::uint16_t port, std::size_t count) {
    std::vector<std::thread> threads;
    for (std::uint32_t each = 0; each < 4; ++each) {
        threads.emplace_back([=] {
            secure_client client(for_client());
            ASSERT_TRUE(is_ok(client.client.start_client("localhost", port)));
            for (std::size_t i = 0; i < count; ++i) {
                const bytes data =
                    pattern(1 + i * 997 % 40'000, each * 1000 + static_cast<std::uint32_t>(i));
                ASSERT_TRUE(eventually([&] { return client.client.send_packet(data).is_ok(); }));
            }
            ASSERT_TRUE(client.received.wait_for(count));
            for (std::size_t i = 0; i < count; ++i) {
                ASSERT_EQ(
                    client.received.at(i),
                    pattern(1 + i * 997 % 40'000, each * 1000 + static_cast<std::uint32_t>(i)));
            }
            EXPECT_TRUE(is_ok(client.client.stop_client()));
            EXPECT_EQ(client.errors.size(), 0U);
        });
    }
    for (std::thread& each : threads) {
        each.join();
    }
}

TEST(secure_traffic, on_several_loops) {
    server_options options;
    options.io_threads = 2;
    secure_server server(for_server(), options);
    echo_on_many_threads(server.start(), scaled(200));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.errors.size(), 0U);
}

TEST(secure_traffic, with_one_wait_per_socket) {
    server_options options;
    options.readiness_method = readiness::per_socket;
    secure_server server(for_server(), options);
    echo_on_many_threads(server.start(), scaled(100));
}

TEST(secure_traffic, with_callbacks_on_a_pool) {
    server_options options;
    options.callback_pool = std::make_shared<network_system::thread_pool>(2);
    secure_server server(for_server(), options);
    echo_on_many_threads(server.start(), scaled(100));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
}

TEST(secure_traffic, in_a_context_of_the_applications) {
    context_runner running(2);
    server_options options;
    options.io_context = &running.context;
    secure_server server(for_server(), options);
    echo_on_many_threads(server.start(), scaled(100));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
}

// A batch takes a few steps of handshakes only; the others must be remembered.
TEST(secure_traffic, a_crowd_of_handshakes_in_one_batch_is_served) {
    for (const readiness method : {readiness::automatic, readiness::per_socket}) {
        context_runner running(0);
        server_options options;
        options.io_context = &running.context;
        options.readiness_method = method;
        secure_server server(for_server(), options);
        const std::uint16_t port = server.start();
        network_system::testing::openssl_peer peer(network_system::connection_role::client);
        peer.handshake();
        const bytes hello = peer.take_output();
        std::vector<raw_peer> crowd;
        for (int i = 0; i < 50; ++i) {
            crowd.push_back(raw_peer::connect(port));
            ASSERT_TRUE(crowd.back().send(hello));
        }
        running.run(1);
        for (raw_peer& each : crowd) {
            EXPECT_FALSE(each.receive_some().empty()) << "the server's hello";
        }
        crowd.clear();
        EXPECT_TRUE(is_ok(server.server.stop_server()));
    }
}

TEST(secure_traffic, with_completion_tokens) {
    secure_server server(for_server());
    client_options options;
    options.session.receiving = network_system::receive_mode::pull;
    secure_messaging_client client("tokens", for_client(), options);
    const std::uint16_t port = server.start();
    EXPECT_TRUE(
        is_ok(network_system::async_start(client, "localhost", port, asio::use_future).get()));
    EXPECT_TRUE(is_ok(network_system::async_send(client, "hello", asio::use_future).get()));
    const auto answer = network_system::async_receive(client, asio::use_future).get();
    ASSERT_TRUE(is_ok(answer));
    EXPECT_EQ(text_of(answer.value()), "hello");
    EXPECT_TRUE(is_ok(network_system::async_ping(client, asio::use_future).get()));
    EXPECT_TRUE(is_ok(network_system::async_stop(client, asio::use_future).get()));
}

TEST(secure_traffic, a_slow_receiver_is_pushed_back_and_loses_nothing) {
    server_options options;
    options.session.high_watermark = 100'000;
    options.session.low_watermark = 10'000;
    options.socket.send_buffer_size = 8192;
    secure_server server(for_server(), options);
    const std::uint16_t port = server.start();
    secure_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", port)));
    ASSERT_TRUE(is_ok(client.client.pause_receiving()));
    ASSERT_TRUE(server.sessions.wait_for(1));
    const session_ptr session = server.sessions.at(0);
    std::size_t sent = 0;
    // The buffers of the system may grow to some megabytes.
    while (sent < 5000 && session->send_packet(pattern(10'000, static_cast<std::uint32_t>(sent)))) {
        ++sent;
    }
    ASSERT_LT(sent, 5000U) << "nothing pushed back";
    ASSERT_TRUE(is_ok(client.client.resume_receiving()));
    EXPECT_TRUE(server.writable.wait_for(1));
    ASSERT_TRUE(client.received.wait_for(sent));
    for (std::size_t i = 0; i < sent; ++i) {
        ASSERT_EQ(client.received.at(i), pattern(10'000, static_cast<std::uint32_t>(i)));
    }
    // A message counts as sent after the system has it.
    EXPECT_TRUE(eventually([&] { return session->metrics().messages_sent == sent; }));
}

TEST(secure_traffic, a_slow_reader_is_not_taken_for_one_that_is_gone) {
    // What counts is what the socket below TLS has handed over.
    constexpr std::size_t count = 128;
    server_options options;
    options.session.ping_interval = 300ms;
    options.session.pong_timeout = 300ms;
    options.session.max_missed_pings = 1;
    options.socket.send_buffer_size = 16 * 1024;
    options.drain_timeout = 300ms;
    secure_server server(for_server(), options);
    client_options slow;
    slow.session.max_messages_per_second = 60;
    slow.session.ping_interval = 0ms;
    slow.socket.receive_buffer_size = 16 * 1024;
    secure_client client(for_client(), slow);
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    ASSERT_TRUE(server.sessions.wait_for(1));
    const auto session = server.sessions.at(0);
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(is_ok(session->send_packet(pattern(4096))));
    }
    ASSERT_TRUE(client.received.wait_for(count / 2));
    ASSERT_TRUE(is_ok(session->stop_session()));
    EXPECT_TRUE(client.received.wait_for(count)) << client.received.size();
    ASSERT_TRUE(client.disconnected.wait_for(1));
    EXPECT_EQ(server.errors.size(), 0U);
    EXPECT_EQ(client.errors.size(), 0U);
}

TEST(secure_traffic, stopping_under_load_keeps_the_books) {
    secure_server server(for_server());
    server.on_receive = [](const session_ptr& session, std::span<const std::uint8_t> data) {
        (void)session->send_packet(data);
    };
    const std::uint16_t port = server.start();
    std::atomic<bool> is_over{false};
    std::vector<std::thread> threads;
    std::vector<std::unique_ptr<secure_client>> clients;
    for (int i = 0; i < 4; ++i) {
        clients.push_back(std::make_unique<secure_client>(for_client()));
        ASSERT_TRUE(is_ok(clients.back()->client.start_client("localhost", port)));
    }
    for (const auto& each : clients) {
        threads.emplace_back([&is_over, client = each.get()] {
            while (!is_over) {
                (void)client->client.send_packet(pattern(3000));
                std::this_thread::yield();
            }
        });
    }
    ASSERT_TRUE(server.received.wait_for(100));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    is_over = true;
    for (std::thread& each : threads) {
        each.join();
    }
    const auto totals = server.server.metrics().totals;
    EXPECT_EQ(totals.queued_bytes, 0U);
    std::uint64_t received = 0;
    for (const auto& each : clients) {
        EXPECT_TRUE(is_ok(each->client.stop_client()));
        received += each->client.metrics().totals.messages_received;
    }
    EXPECT_LE(received, totals.messages_sent);
}

}  // namespace
}  // namespace secure
