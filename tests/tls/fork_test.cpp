// A forked child says nothing on the TLS connections of its parent, and has secrets of its own.
#include "support/child_process.h"
#include "support/secure.h"

#include <optional>

#ifndef NETWORK_TEST_NO_FORK

namespace secure {
namespace {

using network_system::testing::open_descriptors;
using network_system::testing::succeeds_in_child;

TEST(field_faults_fork_tls, a_child_says_goodbye_on_its_parents_connections) {
    std::optional<secure_server> server(std::in_place, for_server());
    std::optional<secure_client> client(std::in_place, for_client());
    const auto port = server->start();
    ASSERT_TRUE(is_ok(client->client.start_client("localhost", port)));
    ASSERT_TRUE(client->exchange("before"));
    EXPECT_TRUE(succeeds_in_child([&] {
        EXPECT_TRUE(fails_with(client->client.stop_client(), errc::not_supported));
        EXPECT_TRUE(fails_with(server->server.stop_server(), errc::not_supported));
        client.reset();
        server.reset();
        EXPECT_EQ(open_descriptors("socket:"), 0U);
        secure_server own_server(for_server());
        secure_client own_client(for_client());
        const auto own_port = own_server.start();
        EXPECT_TRUE(is_ok(own_client.client.start_client("localhost", own_port)));
        EXPECT_TRUE(own_client.exchange("in the child"));
        EXPECT_TRUE(is_ok(own_client.client.stop_client()));
        // Not with a session that the parent resumes as well.
        const auto served = own_server.server.metrics();
        EXPECT_EQ(served.tls.handshakes, 1U);
        EXPECT_EQ(served.tls.resumptions, 0U);
    }));
    EXPECT_TRUE(client->exchange("after"));
    secure_client next(for_client());
    EXPECT_TRUE(is_ok(next.client.start_client("localhost", port)));
    EXPECT_TRUE(next.exchange("one more"));
}

}  // namespace
}  // namespace secure

#endif
