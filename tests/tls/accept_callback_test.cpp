// The accept callback of a server that speaks TLS: before the handshake.
#include "support/lifetime_watch.h"
#include "support/secure.h"

namespace secure {
namespace {

using network_system::endpoint;
using network_system::core::accept_answer;

TEST(secure_accept, what_is_attached_is_there_once_the_handshake_is_over) {
    secure_server server(for_server());
    (void)server.server.set_accept_callback([](const endpoint& client, accept_answer& answer) {
        answer.set_user_data(std::make_shared<int>(client.port()));
    });
    server.on_connect = [](const session_ptr& who) {
        const auto data = who->user_data_as<int>();
        ASSERT_NE(data, nullptr);
        EXPECT_EQ(*data, who->remote_endpoint().port());
        EXPECT_TRUE(is_ok(who->tls()));
    };
    secure_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    EXPECT_TRUE(client.exchange("hello"));
}

TEST(secure_accept, a_rejected_client_fails_and_costs_no_handshake) {
    secure_server server(for_server());
    (void)server.server.set_accept_callback(
        [](const endpoint&, accept_answer& answer) { answer.reject(); });
    secure_client client(for_client());
    EXPECT_TRUE(client.client.start_client("localhost", server.start()).is_err());
    EXPECT_GE(server.server.metrics().connections_rejected, 1U);
    EXPECT_EQ(server.server.metrics().tls.handshakes, 0U);
    EXPECT_EQ(server.sessions.size() + server.errors.size(), 0U);
}

TEST(secure_accept, user_data_is_freed_when_the_handshake_fails) {
    secure_server server(for_server());
    network_system::testing::lifetime_watch data;
    (void)server.server.set_accept_callback([&](const endpoint&, accept_answer& answer) {
        answer.set_user_data(data.watch(std::make_shared<int>(1)));
    });
    raw_peer peer = raw_peer::connect(server.start());
    ASSERT_TRUE(peer.send(pattern(100)));
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_TRUE(eventually([&] { return data.is_over(); }));
    EXPECT_EQ(server.sessions.size(), 0U);
}

}  // namespace
}  // namespace secure
