// Each allocation of an exchange of datagrams fails in turn.
#include "loopback/support.h"
#include "memory/failing_heap.h"

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

std::unique_ptr<messaging_udp_server> make_server() {
    udp_server_options options;
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

TEST(FailingMemoryOfDatagrams, EndsNothing) {
    const exempt own;
    const auto server = make_server();
    ASSERT_TRUE(server->start_server(0));
    for (const std::size_t in_a_row : {1U, 4U}) {
        std::size_t failed = 1;
        for (std::size_t which = 1; failed > 0; ++which) {
            failing_heap::fail_from(which, in_a_row);
            exchange(*server);
            failed = failing_heap::stop();
            expect_service(*server);
            ASSERT_FALSE(testing::Test::HasFailure()) << "allocation " << which;
        }
    }
    EXPECT_TRUE(server->stop_server());
}

TEST(FailingMemoryOfDatagrams, IsAnErrorOfTheStartOfAServer) {
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
