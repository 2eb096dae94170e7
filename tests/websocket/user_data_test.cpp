// What is known of a client before its connection is open goes with the connection.
#include "support/lifetime_watch.h"
#include "support/websocket.h"

#include <network_system/config.h>
#include <network_system/utils/thread_pool.h>
#if NETWORK_SYSTEM_WITH_TLS
#include "support/secure.h"
#endif

#include <stdexcept>

namespace ws {
namespace {

using network_system::core::accept_answer;

struct visitor {
    std::string name;
};

/// A server whose handshake callback knows its clients by a header field.
class knowing_server : public ws_test_server {
public:
    explicit knowing_server(ws_server_config with = {}) : ws_test_server(std::move(with)) {
        (void)server.set_handshake_callback(
            [this](const ws_request& request, const endpoint&, ws_handshake_answer& answer) {
                const auto who = last.watch(std::make_shared<visitor>());
                who->name = request.head().find("x-name").value_or("");
                answer.set_user_data(who);
                if (who->name == "mallory") {
                    answer.reject(401);
                } else if (who->name == "nobody") {
                    throw std::runtime_error("who is that?");
                } else if (who->name == "broken") {
                    answer.accept("never offered");
                }
            });
        on_connect = [this](const connection_ptr& it) {
            const auto who = it->user_data<visitor>();
            names.add(who ? who->name : "none");
        };
    }
    [[nodiscard]] bool is_freed() const {
        return eventually([this] { return last.is_over(); });
    }

    network_system::testing::lifetime_watch last;
    collector<std::string> names;
};

[[nodiscard]] ws_client_config named(std::string name, ws_client_config config = {}) {
    config.headers = {{"X-Name", std::move(name)}};
    return config;
}

TEST(user_data, of_the_handshake_is_there_before_the_connection_callback) {
    for (const bool is_pooled : {false, true}) {
        ws_server_config config;
        config.io_threads = 2;
        config.callback_pool =
            is_pooled ? std::make_shared<network_system::thread_pool>(2) : nullptr;
        knowing_server server(config);
        const auto port = server.start();
        for (const char* const name : {"alice", "bob"}) {
            ws_test_client client(named(name));
            ASSERT_TRUE(is_ok(client.connect(port)));
            EXPECT_TRUE(client.exchange("hello"));
        }
        EXPECT_EQ(server.names.all(), (std::vector<std::string>{"alice", "bob"}));
        EXPECT_EQ(server.connections.at(1)->user_data_as<visitor>()->name, "bob");
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        server.connections.clear();
        EXPECT_TRUE(server.is_freed()) << "with the connection";
    }
}

TEST(user_data, of_a_handshake_that_fails_is_freed) {
    knowing_server server;
    const auto port = server.start();
    for (const char* const name : {"mallory", "nobody", "broken"}) {
        ws_test_client client(named(name));
        EXPECT_TRUE(fails_with(client.connect(port), errc::handshake_rejected)) << name;
        EXPECT_TRUE(server.is_freed()) << name;
    }
    EXPECT_EQ(server.names.size(), 0U);
}

TEST(user_data, of_the_accept_callback_is_the_handshakes_unless_it_sets_another) {
    ws_test_server server;
    network_system::testing::lifetime_watch accepted;
    (void)server.server.set_accept_callback([&](const endpoint& client, accept_answer& answer) {
        answer.set_user_data(accepted.watch(std::make_shared<visitor>(visitor{client.address()})));
    });
    (void)server.server.set_handshake_callback(
        [](const ws_request& request, const endpoint&, ws_handshake_answer& answer) {
            const auto known = std::static_pointer_cast<visitor>(answer.user_data());
            ASSERT_NE(known, nullptr);
            EXPECT_EQ(known->name, "127.0.0.1");
            if (const auto name = request.head().find("x-name")) {
                answer.set_user_data(std::make_shared<visitor>(visitor{std::string(*name)}));
            }
        });
    collector<std::string> names;
    server.on_connect = [&](const connection_ptr& it) {
        names.add(it->user_data_as<visitor>()->name);
    };
    const auto port = server.start();
    ws_test_client unnamed;
    ASSERT_TRUE(is_ok(unnamed.connect(port)));
    EXPECT_FALSE(accepted.is_over());
    ws_test_client alice(named("alice"));
    ASSERT_TRUE(is_ok(alice.connect(port)));
    EXPECT_EQ(names.all(), (std::vector<std::string>{"127.0.0.1", "alice"}));
    EXPECT_TRUE(eventually([&] { return accepted.is_over(); })) << "replaced";
}

TEST(user_data, a_client_that_is_rejected_at_accept_gets403) {
    ws_test_server server;
    std::atomic<int> calls{0};
    event_counter asked;
    (void)server.server.set_accept_callback([&](const endpoint&, accept_answer& answer) {
        if (++calls > 2) {
            throw std::runtime_error("no more");
        }
        answer.reject();
    });
    (void)server.server.set_handshake_callback(
        [&](const ws_request&, const endpoint&, ws_handshake_answer&) { asked.add(); });
    (void)server.server.set_http_callback(
        [&](const ws_request&, const endpoint&, auto&) { asked.add(); });
    const auto port = server.start();
    ws_test_client client;
    const auto started = client.connect(port);
    EXPECT_TRUE(fails_with(started, errc::handshake_rejected));
    EXPECT_NE(started.error().message.find("403"), std::string::npos) << started.error().message;
    EXPECT_EQ(ws_peer::connect(port).ask("GET / HTTP/1.1\r\nHost: here\r\n\r\n"), 403U);
    EXPECT_EQ(ws_peer::connect(port).ask(upgrade_request()), 403U) << "the callback threw";
    EXPECT_EQ(server.server.metrics().connections_rejected, 3U);
    EXPECT_EQ(server.server.metrics().rejected_unavailable, 0U);
    EXPECT_EQ(server.server.metrics().callback_exceptions, 1U);
    EXPECT_EQ(asked.count(), 0U) << "nobody else is asked";
    EXPECT_EQ(server.connections.size() + server.errors.size(), 0U);
}

TEST(user_data, a_crowd_of_rejected_clients_takes_no_place) {
    ws_server_config config;
    config.max_connections = 2;
    ws_test_server server(config);
    std::atomic<bool> is_wanted{false};
    (void)server.server.set_accept_callback([&](const endpoint&, accept_answer& answer) {
        if (!is_wanted) {
            answer.reject();
        }
    });
    const auto port = server.start();
    std::vector<ws_peer> crowd;
    for (int i = 0; i < 200; ++i) {
        crowd.push_back(ws_peer::connect(port));
    }
    ASSERT_TRUE(
        eventually([&] { return server.server.metrics().connections_rejected == crowd.size(); }));
    crowd.clear();
    is_wanted = true;
    ws_test_client client;
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(client.exchange("hello"));
}

#if NETWORK_SYSTEM_WITH_TLS

TEST(user_data, goes_with_connections_of_wss) {
    ws_server_config config;
    config.tls = secure::for_server();
    knowing_server server(config);
    std::atomic<bool> is_wanted{true};
    (void)server.server.set_accept_callback([&](const endpoint&, accept_answer& answer) {
        if (!is_wanted) {
            answer.reject();
        }
    });
    const auto port = server.start();
    ws_client_config over_tls;
    over_tls.host = "localhost";
    over_tls.tls = secure::for_client();
    ws_test_client alice(named("alice", over_tls));
    ASSERT_TRUE(is_ok(alice.connect(port)));
    EXPECT_TRUE(alice.exchange("hello"));
    EXPECT_EQ(server.names.all(), std::vector<std::string>{"alice"});
    is_wanted = false;
    ws_test_client bob(named("bob", over_tls));
    const auto started = bob.connect(port);
    EXPECT_TRUE(fails_with(started, errc::handshake_rejected));
    EXPECT_NE(started.error().message.find("403"), std::string::npos) << started.error().message;
}

#endif

}  // namespace
}  // namespace ws
