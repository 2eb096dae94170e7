// Each allocation of an exchange of datagrams fails in turn.
#include "memory/hearing.h"
#include "support/context_runner.h"

#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace {

using namespace loopback;

using failing_heap::exempt;
using failing_heap::in_library;
using network_system::core::messaging_udp_client;
using network_system::core::messaging_udp_server;
using network_system::core::udp_client_options;
using network_system::core::udp_server_options;

std::unique_ptr<messaging_udp_server> make_server(udp_server_options options = {}) {
    options.bind_address = "127.0.0.1";
    auto server = std::make_unique<messaging_udp_server>("server", options);
    messaging_udp_server* const own = server.get();
    (void)server->set_receive_callback(
        [own](std::span<const std::uint8_t> data, const network_system::endpoint& from) {
            (void)own->send_to(data, from);
        });
    return server;
}

/// Starts a client, and sends until something comes back.
void expect_service(messaging_udp_server& server) {
    event_counter answers;
    messaging_udp_client client("client");
    (void)client.set_receive_callback(
        [&](std::span<const std::uint8_t>, const auto&...) { answers.add(); });
    ASSERT_TRUE(client.start_client("127.0.0.1", server.local_port()));
    ASSERT_TRUE(client.send_packet("hello"));
    EXPECT_TRUE(answers.wait_for(1));
    EXPECT_TRUE(client.stop_client());
}

void exchange(messaging_udp_server& server) {
    const std::string large(3000, 'x');
    messaging_udp_client client("client");
    if (in_library([&] { return client.start_client("localhost", server.local_port()); })) {
        (void)in_library([&] { return client.send_packet("hello"); });
        (void)in_library([&] { return client.send_packet(large); });
        (void)in_library([&] { return client.set_target("127.0.0.1", server.local_port()); });
    }
    in_library([&] { return client.stop_client(); });
}

/// Each allocation of `converse(server)` fails in turn.
template <typename Converse>
void expect_survival(const Converse& converse) {
    const auto server = make_server();
    ASSERT_TRUE(server->start_server(0));
    failing_heap::fail_each_allocation([&] { converse(*server); },
                                       [&] { expect_service(*server); });
    EXPECT_TRUE(server->stop_server());
}

TEST(failing_memory_of_datagrams, ends_nothing) {
    const exempt own;
    expect_survival(exchange);
}

/// A client in pull mode: everybody who may ask is told something.
void exchange_by_pulling(messaging_udp_server& server) {
    constexpr std::size_t askers = 3;
    udp_client_options options;
    options.datagrams.receiving = network_system::receive_mode::pull;
    event_counter told;
    std::size_t asked = 0;
    messaging_udp_client client("client", options);
    if (in_library([&] { return client.start_client("127.0.0.1", server.local_port()); })) {
        for (std::size_t i = 0; i < askers; ++i) {
            messaging_udp_client::receive_handler hear = [&told](const auto&) {
                const exempt own;
                told.add();
            };
            if (in_library([&] { return client.receive_packet(std::move(hear)); })) {
                ++asked;
            } else {
                EXPECT_TRUE(hear) << "what is refused stays the caller's";
            }
        }
        (void)in_library([&] { return client.send_packet("hello"); });
    }
    // The stop tells those to whom nothing has come.
    while (!in_library([&] { return client.stop_client(); })) {}
    EXPECT_TRUE(told.wait_for(asked)) << told.count() << " of " << asked;
}

TEST(failing_memory_of_datagrams, leaves_nobody_untold_in_pull_mode) {
    const exempt own;
    expect_survival(exchange_by_pulling);
}

/// However long memory is short.
TEST(failing_memory_of_datagrams, leaves_no_server_that_is_started_and_deaf) {
    const exempt own;
    std::size_t failed = 1;
    for (std::size_t which = 1; failed > 0; ++which) {
        SCOPED_TRACE(which);
        context_runner runner(0);
        udp_server_options options;
        options.io_context = &runner.context;
        // Makes the context's loop: Asio's strand does not survive to be made without memory.
        const auto first = make_server(options);
        ASSERT_TRUE(first->start_server(0));
        const auto server = make_server(options);
        failing_heap::fail_from(which, 100);
        const bool is_started = in_library([&] { return server->start_server(0).is_ok(); });
        failed = failing_heap::stop();
        runner.run(1);
        EXPECT_EQ(server->is_running(), is_started);
        if (is_started) {
            expect_service(*server);
        }
        EXPECT_TRUE(server->stop_server());
        EXPECT_TRUE(first->stop_server());
        EXPECT_TRUE(runner.comes_to_rest());
        ASSERT_FALSE(testing::Test::HasFailure());
    }
}

TEST(failing_memory_of_datagrams, is_an_error_of_the_start_of_a_server) {
    const exempt own;
    std::size_t failed = 1;
    for (std::size_t which = 1; failed > 0; ++which) {
        const auto server = make_server();
        failing_heap::fail_from(which);
        (void)in_library([&] { return server->start_server(0); });
        in_library([&] { return server->stop_server(); });
        failed = failing_heap::stop();
        EXPECT_TRUE(server->stop_server());
        ASSERT_TRUE(server->start_server(0)) << which;
        expect_service(*server);
        ASSERT_FALSE(testing::Test::HasFailure()) << "allocation " << which;
    }
}

}  // namespace
