// What errors of WebSocket clients say: what was expected, what came, and where to look.
#include "support/other_server.h"
#include "support/websocket.h"

#include <optional>
#include <string>
#include <string_view>
#include <thread>

#if NETWORK_SYSTEM_WITH_TLS
#include "support/tls_authority.h"
#endif

namespace ws {
namespace {

using namespace std::string_view_literals;

TEST(field_faults, a_server_that_speaks_no_http_is_described) {
    const loopback::other_server cases[] = {
        {"silence",
         "",
         false,
         errc::connection_timeout,
         {"no answer to the HTTP request before connect_timeout: nothing was received; check the "
          "port, and whether the server speaks TLS there (ws_client_config::tls)"}},
        {"an end",
         "",
         true,
         errc::connection_closed,
         {"before it answered the HTTP request: nothing was received; check the port"}},
        {"an end in the middle",
         "HTTP/1.1 101 Swi",
         true,
         errc::connection_truncated,
         {"before it answered the HTTP request: received 'HTTP/1.1 101 Swi', which is HTTP"}},
        {"tls", "\x15\x03\x01\0\x02\x02\x28"sv, false, errc::handshake_rejected, {"which is TLS"}},
        {"hello of ours",
         "\x40\0\0\0\x0E\0\x01\x01\0\0\0\0\0\0\0\0\0\0\0"sv,
         false,
         errc::handshake_rejected,
         {"which is the hello of framing::message"}},
        {"ssh", "SSH-2.0-OpenSSH_9.2\r\n\r\n", false, errc::handshake_rejected, {"which is SSH"}},
    };
    for (const auto& each : cases) {
        loopback::expect_description_of(
            each,
            [](raw_peer& peer) {
                ws_peer asked(std::move(peer));
                (void)asked.receive_head();
                peer = std::move(asked);
            },
            [](std::uint16_t port, std::chrono::milliseconds timeout) {
                ws_client_config config;
                config.connect_timeout = timeout;
                ws_test_client client(config);
                const auto started = client.connect(port);
                EXPECT_EQ(client.client.rejection(), nullptr);
                return started;
            });
    }
}

TEST(field_faults, a_websocket_start_that_has_failed_has_nothing_to_drain) {
    for (const bool is_waiting : {true, false}) {
        const raw_listener listener;
        ws_client_config config;
        config.drain_timeout = std::chrono::milliseconds::max();
        config.connect_timeout = 3'000ms;
        ws_test_client client(config);
        std::optional<ws_peer> stays;  // whatever the client does
        std::thread speaking([&] {
            stays.emplace(listener.accept());
            (void)stays->receive_head();
            (void)stays->say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        });
        if (is_waiting) {
            EXPECT_TRUE(fails_with(client.connect(listener.port()), errc::handshake_rejected));
        } else {
            collector<VoidResult> answers;
            client.config.port = listener.port();
            ASSERT_TRUE(is_ok(client.client.start_client(
                client.config, [&](VoidResult answer) { answers.add(std::move(answer)); })));
            EXPECT_TRUE(answers.wait_for(1));
            EXPECT_TRUE(answers.size() == 1 && fails_with(answers.at(0), errc::handshake_rejected));
        }
        speaking.join();
        if (HasFailure()) {
            return;  // the client is still draining
        }
        EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
        ASSERT_NE(client.client.rejection(), nullptr);
        EXPECT_EQ(client.client.rejection()->status, 400U);
    }
}

#if NETWORK_SYSTEM_WITH_TLS

[[nodiscard]] network_system::core::tls_config server_tls() {
    static const auto files =
        network_system::testing::test_authority::shared().issue_local("ws_words");
    network_system::core::tls_config config;
    config.identity = {files.certificate, files.key, {}, {}};
    return config;
}

TEST(field_faults, ws_to_a_wss_port_names_tls) {
    ws_server_config secure;
    secure.tls = server_tls();
    ws_test_server server(secure);
    ws_test_client client;
    const auto started = client.connect(server.start());
    ASSERT_TRUE(started.is_err());
    EXPECT_NE(started.error().message.find("ws_client_config::tls"), std::string::npos)
        << started.error().message;
    EXPECT_EQ(started.error().message.find("in the middle of a message"), std::string::npos)
        << started.error().message;
}

TEST(field_faults, wss_to_a_ws_port_names_http) {
    ws_test_server server;
    ws_client_config config;
    config.host = "localhost";
    config.tls.emplace().ca_file = network_system::testing::test_authority::shared().ca_file();
    ws_test_client client(config);
    const auto started = client.connect(server.start());
    ASSERT_TRUE(fails_with(started, errc::tls_handshake_failed));
    EXPECT_NE(started.error().message.find("does not seem to speak TLS"), std::string::npos)
        << started.error().message;
    EXPECT_NE(started.error().message.find("received 'HTTP/1.1 400 Bad Request...', which is HTTP"),
              std::string::npos)
        << started.error().message;
}

#endif

}  // namespace
}  // namespace ws
