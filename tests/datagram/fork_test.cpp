// A forked child leaves the UDP sockets of its parent alone.
#include "datagram/support.h"
#include "support/child_process.h"
#include "support/context_runner.h"

#include <network_system/internal/udp_socket.h>

#include <optional>

#ifndef NETWORK_TEST_NO_FORK

namespace udp {
namespace {

using network_system::testing::open_descriptors;
using network_system::testing::succeeds_in_child;

// NOLINTNEXTLINE(readability-identifier-naming): the suite bears the name of what it lists
class field_faults_fork_udp : public BothPaths {};
INSTANTIATE_TEST_SUITE_P(path, field_faults_fork_udp, both_methods(), method_of);

TEST_P(field_faults_fork_udp, a_child_that_destroys_or_stops_its_copies_hangs) {
    std::optional<test_server> server(for_server());
    std::optional<test_client> client(for_client());
    const auto port = server->start();
    ASSERT_TRUE(is_ok(client->client.start_client("127.0.0.1", port)));
    ASSERT_TRUE(client->exchange("before"));
    EXPECT_TRUE(succeeds_in_child([&] {
        constexpr auto expected = errc::not_supported;
        EXPECT_TRUE(fails_with(client->client.send_packet("child"), expected));
        EXPECT_TRUE(fails_with(client->client.stop_client(), expected));
        EXPECT_TRUE(fails_with(client->client.start_client("127.0.0.1", port), expected));
        EXPECT_TRUE(fails_with(server->server.stop_server(), expected));
        EXPECT_FALSE(server->server.is_running());
        client.reset();
        server.reset();
        EXPECT_EQ(open_descriptors("socket:"), 0U);
        test_server own_server(for_server());
        test_client own_client(for_client());
        const auto own_port = own_server.start();
        EXPECT_TRUE(is_ok(own_client.client.start_client("127.0.0.1", own_port)));
        EXPECT_TRUE(own_client.exchange("in the child"));
        EXPECT_TRUE(is_ok(own_client.client.stop_client()));
        EXPECT_TRUE(is_ok(own_server.server.stop_server()));
    }));
    EXPECT_TRUE(client->exchange("after"));
}

TEST_P(field_faults_fork_udp, a_socket_of_an_io_context_that_was_not_told_says_so) {
    using network_system::internal::udp_socket;
    context_runner runner(1);
    auto adopted = udp_socket::adopt(
        runner.context, asio::ip::udp::socket(runner.context, {asio::ip::udp::v4(), 0}));
    ASSERT_TRUE(is_ok(adopted));
    auto& socket = *adopted.value();
    ASSERT_TRUE(is_ok(socket.set_receive_callback([&](byte_view data, const endpoint& from) {
        EXPECT_TRUE(is_ok(socket.async_send_to(data, from)));
    })));
    ASSERT_TRUE(is_ok(socket.start_receive()));
    const auto port = socket.local_endpoint().port();
    EXPECT_TRUE(succeeds_in_child([&] {
        const bytes data{1};
        EXPECT_TRUE(fails_with(socket.async_send_to(data, loopback_v4(port)), errc::not_supported));
    }));
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", port)));
    EXPECT_TRUE(client.exchange("after"));
    adopted.value().reset();
    EXPECT_TRUE(runner.comes_to_rest());
}

}  // namespace
}  // namespace udp

#endif
