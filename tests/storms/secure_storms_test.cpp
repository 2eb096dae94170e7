// The same over TLS, and of WebSocket.
#include "storms/storm.h"
#include "support/secure.h"

#include <network_system/core/messaging_ws_server.h>

#include <openssl/ssl.h>

namespace storms {
namespace {

using secure::secure_server;

/// Blocking clients on the sockets; whoever has not finished its handshake is still a client.
[[nodiscard]] std::vector<std::shared_ptr<SSL>> secured(const std::vector<raw_peer>& peers) {
    const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    std::vector<std::shared_ptr<SSL>> all;
    for (const auto& each : peers) {
        all.emplace_back(SSL_new(context.get()), &SSL_free);
        SSL_set_fd(all.back().get(), each.handle());
        EXPECT_EQ(SSL_connect(all.back().get()), 1);
    }
    return all;
}

/// Connections with TLS that are made and left alone.
[[nodiscard]] auto secured_peers(std::uint16_t port, std::size_t count, int receive_buffer = 0) {
    auto all = connected(port, count, receive_buffer);
    auto sessions = secured(all);
    return std::pair(std::move(all), std::move(sessions));
}

TEST_F(storm_test, of_tls_handshakes) {
    const auto config = secure::for_server();  // keys are made here, not in the process measured
    EXPECT_TRUE(succeeds_in_child([&] {
        secure_server server(config, for_storms());
        const auto port = server.start();
        const std::size_t count = std::min<std::size_t>(most_connections, 2500);
        expect_memory_back_after(
            server, count, [&] { return secured_peers(port, count); }, [](memory_watch&) {});
    }));
}

TEST_F(storm_test, of_peers_that_never_read_over_tls) {
    const auto config = secure::for_server();
    EXPECT_TRUE(succeeds_in_child([&] {
        secure_server server(config, for_storms());
        const auto port = server.start();
        expect_memory_back_after(
            server, peers_that_never_read,
            [&] { return secured_peers(port, peers_that_never_read, 4096); },
            [&](memory_watch&) {
                for (const auto& session : server.sessions.all()) {
                    send_until_full(session, 1000);
                }
            });
    }));
}

TEST_F(storm_test, of_tls_hellos_that_lead_nowhere) {
    const auto config = secure::for_server();
    EXPECT_TRUE(succeeds_in_child([&] {
        secure_server server(config, for_storms());
        const auto port = server.start();
        memory_watch memory;
        const std::size_t count = std::min<std::size_t>(most_connections, 4000);
        {
            const crowd peers([&] {
                auto all = connected(port, count);
                const bytes begin{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC};
                for (const auto& each : all) {
                    EXPECT_TRUE(each.send(begin));
                }
                return all;
            });
            ASSERT_TRUE(peers.is_ready());
            ASSERT_TRUE(
                eventually([&] { return server.server.metrics().connections_accepted >= count; }));
            memory.record_peak();
        }
        ASSERT_TRUE(eventually([&] { return server.server.metrics().connections_active == 0; }));
        EXPECT_TRUE(memory.falls_back());
    }));
}

TEST_F(storm_test, of_websocket_closes) {
    EXPECT_TRUE(succeeds_in_child([&] {
        namespace core = network_system::core;
        core::messaging_ws_server server("server");
        event_counter opened;
        event_counter closed;
        (void)server.set_connection_callback([&](const auto&) { opened.add(); });
        (void)server.set_disconnection_callback([&](auto&&...) { closed.add(); });
        core::ws_server_config config;
        config.max_connections = 0;
        ASSERT_TRUE(is_ok(server.start_server(config)));
        const auto port = server.local_port();
        memory_watch memory;
        const std::size_t count = std::min<std::size_t>(most_connections, 4000);
        {
            const crowd peers([&] {
                auto all = connected(port, count);
                const std::string request =
                    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
                const bytes close{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8};
                for (const auto& each : all) {
                    EXPECT_TRUE(each.send(bytes(request.begin(), request.end())));
                }
                for (const auto& each : all) {
                    EXPECT_TRUE(each.send(close));
                }
                for (auto& each : all) {
                    EXPECT_EQ(each.drain(), stream_end::orderly);
                }
                return all;
            });
            ASSERT_TRUE(opened.wait_for(count));
            memory.record_peak();
            ASSERT_TRUE(peers.is_ready());
        }
        ASSERT_TRUE(closed.wait_for(count));
        EXPECT_TRUE(memory.falls_back());
    }));
}

}  // namespace
}  // namespace storms
