// wss: WebSocket over TLS, on both sides a field of the configuration.
#include <network_system/config.h>

#if NETWORK_SYSTEM_WITH_TLS

#include "support/secure.h"
#include "support/websocket.h"

#include <network_system/core/secure_messaging_ws_client.h>
#include <network_system/core/secure_messaging_ws_server.h>

namespace ws {
namespace {

[[nodiscard]] ws_server_config secure_server() {
    ws_server_config config;
    config.tls = secure::for_server();
    return config;
}

[[nodiscard]] ws_client_config secure_client() {
    ws_client_config config;
    config.host = "localhost";
    config.tls = secure::for_client();
    return config;
}

TEST(wss, carries_messages_of_every_size) {
    ws_test_server server(secure_server());
    ws_test_client client(secure_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    for (const std::size_t size : {0U, 1U, 125U, 126U, 16'384U, 65'536U, 3'000'000U}) {
        EXPECT_TRUE(client.exchange({ws_message_type::binary, pattern(size)})) << size;
    }
    EXPECT_TRUE(client.exchange("text over TLS"));
    const auto connection = client.client.get_connection();
    ASSERT_TRUE(is_ok(connection));
    const auto agreed = connection.value()->tls();
    ASSERT_TRUE(is_ok(agreed));
    EXPECT_EQ(agreed.value().application_protocol, "http/1.1");
    EXPECT_TRUE(is_ok(connection.value()->peer_certificate()));
    EXPECT_TRUE(is_ok(client.client.close(ws_close_code::normal, "done")));
    ASSERT_TRUE(server.closed.wait_for(1));
    EXPECT_EQ(server.closed.at(0).reason, "done");
    EXPECT_EQ(server.server.metrics().tls.handshakes, 1U);
    EXPECT_EQ(client.client.metrics().tls.handshakes, 1U);
}

TEST(wss, has_types_of_its_own) {
    using network_system::core::secure_messaging_ws_client;
    using network_system::core::secure_messaging_ws_server;
    secure_messaging_ws_server server("server", secure::for_server());
    // Also with a configuration that has no TLS of its own.
    ASSERT_TRUE(is_ok(server.start_server(ws_server_config{})));
    const auto port = server.local_port();
    secure_messaging_ws_client client("client", secure::for_client());
    const auto is_encrypted = [&] { return client.get_session().value()->tls().is_ok(); };
    ASSERT_TRUE(is_ok(client.start_client("localhost", port)));
    EXPECT_TRUE(is_encrypted());
    EXPECT_TRUE(is_ok(client.stop_client()));
    ws_client_config plain;
    plain.host = "localhost";
    plain.port = port;
    ASSERT_TRUE(is_ok(client.start_client(plain)));
    EXPECT_TRUE(is_encrypted());
    EXPECT_TRUE(is_ok(client.stop_client()));
}

TEST(wss, is_chosen_by_a_url) {
    ws_test_server server(secure_server());
    const std::string target = "://localhost:" + std::to_string(server.start()) + "/";
    ws_client_config trusting;
    trusting.tls = secure::for_client();
    messaging_ws_client client("client", trusting);
    ASSERT_TRUE(is_ok(client.start_client("wss" + target)));
    EXPECT_TRUE(client.get_session().value()->tls().is_ok());
    EXPECT_TRUE(is_ok(client.stop_client()));
    EXPECT_TRUE(fails_with(client.start_client("ws" + target), errc::invalid_argument))
        << "what is to be encrypted is not sent in the clear";
    messaging_ws_client stranger("stranger");
    EXPECT_TRUE(
        fails_with(stranger.start_client("wss" + target), errc::certificate_verification_failed))
        << "wss without a configuration verifies the server";
}

TEST(wss, verifies_the_server_unless_told_otherwise) {
    ws_test_server server(secure_server());
    const auto port = server.start();
    ws_client_config config = secure_client();
    config.tls = network_system::core::tls_config{};
    ws_test_client stranger(config);
    EXPECT_TRUE(fails_with(stranger.connect(port), errc::certificate_verification_failed));
    config.tls->verify_peer = false;
    ws_test_client careless(config);
    EXPECT_TRUE(is_ok(careless.connect(port)));
    ws_client_config plain;
    plain.connect_timeout = 2000ms;
    ws_test_client lost(plain);
    EXPECT_TRUE(lost.connect(port).is_err()) << "ws to a wss server";
}

TEST(wss, a_server_needs_an_identity) {
    ws_server_config config;
    config.tls.emplace();
    messaging_ws_server server("server");
    EXPECT_TRUE(server.start_server(config).is_err());
    EXPECT_FALSE(server.is_running());
}

TEST(wss, stopping_does_not_wait_for_handshakes_that_stall) {
    ws_server_config config = secure_server();
    config.drain_timeout = 10min;  // longer than any test may take
    ws_test_server server(config);
    const raw_peer silent = raw_peer::connect(server.start());
    ASSERT_TRUE(eventually([&] { return server.server.metrics().connections_accepted == 1; }));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.server.metrics().tls.disconnects, 1U);
}

TEST(wss, a_full_server_answers503) {
    ws_server_config config = secure_server();
    config.max_connections = 1;
    ws_test_server server(config);
    const auto port = server.start();
    ws_test_client first(secure_client());
    ASSERT_TRUE(is_ok(first.connect(port)));
    ws_test_client second(secure_client());
    const auto refused = second.connect(port);
    EXPECT_TRUE(fails_with(refused, errc::handshake_rejected));
    EXPECT_NE(refused.error().message.find("503"), std::string::npos) << refused.error().message;
    EXPECT_TRUE(first.exchange("unharmed"));
}

TEST(wss, reloads_its_certificates) {
    ws_test_server server(secure_server());
    const auto port = server.start();
    EXPECT_TRUE(is_ok(server.server.reload_certificates()));
    ws_test_client client(secure_client());
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(client.exchange("with those"));
}

TEST(wss, a_reconnection_looks_again_whom_to_trust) {
    const std::string file =
        secure::authority().write_text("changing.pem", secure::authority().root().pem());
    ws_client_config config = secure_client();
    config.tls = network_system::core::tls_config{};
    config.tls->ca_file = file;
    config.auto_reconnect = true;
    config.reconnect.restart_delay_least = 1ms;
    config.reconnect.restart_delay_most = 10ms;
    config.reconnect.initial_delay = 1ms;
    config.reconnect.max_delay = 10ms;
    config.reconnect.after_rejection = true;
    ws_test_server server(secure_server());
    ws_test_client client(config);
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(server.connections.wait_for(1));
    const network_system::testing::test_authority other;
    (void)secure::authority().write_text("changing.pem", other.root().pem());
    EXPECT_TRUE(is_ok(server.connections.at(0)->close(ws_close_code::service_restart, "")));
    ASSERT_TRUE(client.errors.wait_for(1));
    EXPECT_EQ(client.errors.at(0), errc::certificate_verification_failed);
    (void)secure::authority().write_text("changing.pem", secure::authority().root().pem());
    ASSERT_TRUE(client.connected.wait_for(2)) << "and again whom it trusts now";
}

TEST(wss, reconnects) {
    ws_client_config config = secure_client();
    config.auto_reconnect = true;
    config.reconnect.restart_delay_least = 1ms;
    config.reconnect.restart_delay_most = 10ms;
    ws_test_server server(secure_server());
    ws_test_client client(config);
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(server.connections.wait_for(1));
    EXPECT_TRUE(is_ok(server.connections.at(0)->close(ws_close_code::service_restart)));
    ASSERT_TRUE(client.connected.wait_for(2));
    EXPECT_TRUE(eventually([&] { return client.client.is_connected(); }));
    EXPECT_TRUE(client.exchange("again"));
}

}  // namespace
}  // namespace ws

#endif
