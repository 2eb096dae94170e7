// A forked child leaves the WebSockets of its parent alone, and draws masks of its own.
#include "runtime/time_source.h"
#include "support/child_process.h"
#include "support/websocket.h"

#include <array>
#include <optional>

#ifndef NETWORK_TEST_NO_FORK

namespace ws {
namespace {

using network_system::runtime::system_time_source;
using network_system::testing::open_descriptors;
using network_system::testing::succeeds_in_child;

TEST(field_faults_fork_ws, a_child_that_destroys_or_stops_its_copies_hangs) {
    std::optional<ws_test_server> server(std::in_place);
    std::optional<ws_test_client> client(std::in_place);
    const auto port = server->start();
    ASSERT_TRUE(is_ok(client->connect(port)));
    ASSERT_TRUE(client->exchange("before"));
    const auto connection = server->connections.at(0);
    EXPECT_TRUE(succeeds_in_child([&] {
        constexpr auto expected = errc::not_supported;
        EXPECT_TRUE(fails_with(connection->send_text("child"), expected));
        EXPECT_TRUE(fails_with(connection->send_ping({}), expected));
        EXPECT_TRUE(fails_with(connection->close(ws_close_code::normal, "child"), expected));
        EXPECT_TRUE(fails_with(client->client.send_text("child"), expected));
        EXPECT_TRUE(fails_with(client->client.close(ws_close_code::normal, "child"), expected));
        EXPECT_TRUE(fails_with(client->client.stop_client(), expected));
        EXPECT_TRUE(fails_with(client->connect(port), expected));
        EXPECT_TRUE(fails_with(server->server.stop_server(), expected));
        client.reset();
        server.reset();
        EXPECT_EQ(open_descriptors("socket:"), 0U);
        ws_test_server own_server;
        ws_test_client own_client;
        EXPECT_TRUE(is_ok(own_client.connect(own_server.start())));
        EXPECT_TRUE(own_client.exchange("in the child"));
        EXPECT_TRUE(is_ok(own_client.client.stop_client()));
        EXPECT_TRUE(is_ok(own_server.server.stop_server()));
    }));
    EXPECT_TRUE(client->exchange("after"));
}

TEST(field_faults_fork_ws, a_child_draws_the_masks_and_the_jitter_of_its_parent) {
    auto& source = system_time_source();
    (void)source.random_word();
    (void)source.random();
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    std::array<std::uint64_t, 2> childs{};
    EXPECT_TRUE(succeeds_in_child([&] {
        const std::array<std::uint64_t, 2> drawn{source.random_word(), source.random()};
        EXPECT_EQ(::write(pipe[1], drawn.data(), sizeof drawn), ::ssize_t{sizeof drawn});
    }));
    ASSERT_EQ(::read(pipe[0], childs.data(), sizeof childs), ::ssize_t{sizeof childs});
    (void)::close(pipe[0]);
    (void)::close(pipe[1]);
    // By chance once in 2^32 runs.
    EXPECT_NE(childs[0], source.random_word());
    EXPECT_NE(childs[1], source.random());
}

}  // namespace
}  // namespace ws

#endif
