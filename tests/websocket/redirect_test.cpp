// Clients that follow redirects: where they end, what goes along, and what does not.
#include "support/heard_log.h"
#include "support/websocket.h"

#include <network_system/utils/thread_pool.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ws {
namespace {

using network_system::log_level;
using network_system::testing::heard_log;

struct seen_request {
    std::string target;
    std::string host;
    std::string cookie;
    std::string token;
    std::string origin;
    std::string subprotocols;
    friend bool operator==(const seen_request&, const seen_request&) = default;
    friend void PrintTo(const seen_request& each, std::ostream* out) {
        *out << each.target << " at " << each.host << ", cookie '" << each.cookie << "', token '"
             << each.token << "', origin '" << each.origin << "', subprotocols '"
             << each.subprotocols << "'";
    }
};

/// A server that sends those who ask for "/from…" to `location`, and notes who asks for what.
class redirecting_server : public ws_test_server {
public:
    explicit redirecting_server(ws_server_config with = {}) : ws_test_server(std::move(with)) {
        config.path.clear();
        (void)server.set_handshake_callback(
            [this](const ws_request& request, const endpoint&, ws_handshake_answer& answer) {
                const auto field = [&](std::string_view name) {
                    return std::string(request.head().find(name).value_or(""));
                };
                requests.add({std::string(request.target()), field("Host"), field("Cookie"),
                              field("X-Token"), field("Origin"), field("Sec-WebSocket-Protocol")});
                if (request.path().starts_with("/from")) {
                    answer.reject({status, {{"Location", location}}, "moved"});
                } else if (request.path() == "/refused") {
                    answer.reject(403, "not you");
                }
            });
    }
    std::uint16_t start() {
        const auto port = ws_test_server::start();
        authority = "127.0.0.1:" + std::to_string(port);
        return port;
    }

    unsigned status = 302;
    std::string location;
    std::string authority;
    collector<seen_request> requests;
};

[[nodiscard]] ws_client_config following(unsigned most = 5) {
    ws_client_config config;
    config.path = "/from";
    config.max_redirects = most;
    return config;
}

/// With what an application adds for its server.
[[nodiscard]] ws_client_config loaded() {
    ws_client_config config = following();
    config.headers = {{"Cookie", "id=1"}, {"X-Token", "secret"}, {"Origin", "http://site"}};
    config.host_header = "virtual.example";
    config.subprotocols = {"chat", "token.secret"};
    return config;
}

[[nodiscard]] testing::AssertionResult says(const VoidResult& result, std::string_view words) {
    if (result.is_err() && result.error().message.find(words) != std::string::npos) {
        return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << (result ? "no error" : result.error().message);
}

TEST(ws_redirects, are_followed_with_everything_to_the_same_origin) {
    for (const unsigned status : {301U, 302U, 303U, 307U, 308U}) {
        redirecting_server server;
        server.status = status;
        server.location = "to/./here?x=1#part";
        const auto port = server.start();
        ws_test_client client(loaded());
        ASSERT_TRUE(is_ok(client.connect(port)));
        EXPECT_TRUE(client.exchange("hello"));
        ASSERT_EQ(server.requests.size(), 2U);
        const seen_request first{"/from",  "virtual.example", "id=1",
                                 "secret", "http://site",     "chat, token.secret"};
        EXPECT_EQ(server.requests.at(0), first);
        seen_request second = first;
        second.target = "/to/here?x=1";
        EXPECT_EQ(server.requests.at(1), second);
        const auto connection = client.client.get_connection().value();
        EXPECT_EQ(connection->url(), "ws://" + server.authority + "/to/here?x=1");
        EXPECT_EQ(connection->request().path(), "/to/here");
        EXPECT_EQ(client.connected.count(), 1U);
        EXPECT_EQ(client.errors.size(), 0U);
        const auto metrics = client.client.metrics();
        EXPECT_EQ(metrics.connects, 1U);
        EXPECT_EQ(metrics.connect_failures, 0U);
        EXPECT_EQ(metrics.reconnect_attempts, 0U);
        EXPECT_EQ(client.client.rejection(), nullptr);
    }
}

TEST(ws_redirects, are_not_followed_unless_asked_for) {
    redirecting_server server;
    server.location = "/to";
    ws_test_client client(following(0));
    const auto refused = client.connect(server.start());
    EXPECT_TRUE(fails_with(refused, errc::handshake_rejected));
    EXPECT_TRUE(says(refused, "HTTP 302 Found, Location: /to; redirects are not followed"));
    EXPECT_EQ(client.client.rejection()->body, "moved");
    EXPECT_EQ(server.requests.size(), 1U);
}

TEST(ws_redirects, are_at_most_five) {
    ws_test_client client(following(6));
    const auto refused = client.connect(1);
    EXPECT_TRUE(fails_with(refused, errc::invalid_argument));
    EXPECT_TRUE(says(refused, "max_redirects"));
}

TEST(ws_redirects, leave_what_was_added_behind_when_they_lead_elsewhere) {
    redirecting_server other;
    (void)other.start();
    redirecting_server server;
    server.location = "http://" + other.authority + "/to?y";
    const auto port = server.start();
    ws_test_client client(loaded());
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(client.exchange("hello"));
    ASSERT_EQ(other.requests.size(), 1U);
    EXPECT_EQ(other.requests.at(0), (seen_request{"/to?y", other.authority, "", "", "", ""}));
    const auto connection = client.client.get_connection().value();
    EXPECT_EQ(connection->url(), "ws://" + other.authority + "/to?y");
    EXPECT_EQ(connection->subprotocol(), "");
}

TEST(ws_redirects, leave_it_behind_also_when_they_lead_back) {
    redirecting_server server;
    redirecting_server other;
    (void)other.start();
    server.location = "ws://" + other.authority + "/from";
    const auto port = server.start();
    other.location = "ws://" + server.authority + "/to";
    ws_test_client client(loaded());
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_EQ(server.requests.size(), 2U);
    EXPECT_EQ(server.requests.at(1), (seen_request{"/to", server.authority, "", "", "", ""}));
}

TEST(ws_redirects, to_another_name_of_the_same_server_lead_elsewhere) {
    redirecting_server server;
    const auto port = server.start();
    server.location = "//localhost:" + std::to_string(port) + "/to";
    ws_test_client client(loaded());
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_EQ(server.requests.size(), 2U);
    EXPECT_EQ(server.requests.at(1).token, "");
    EXPECT_EQ(server.requests.at(1).host, "localhost:" + std::to_string(port));
}

TEST(ws_redirects, in_a_circle_end) {
    redirecting_server server;
    server.location = "/from?again";
    const auto port = server.start();
    ws_test_client client(following(3));
    const auto refused = client.connect(port);
    EXPECT_TRUE(fails_with(refused, errc::handshake_rejected));
    EXPECT_TRUE(says(refused, "cannot connect to " + server.authority +
                                  " after 3 redirects, at ws://" + server.authority +
                                  "/from?...: HTTP 302 Found, Location: /from?again; no more than "
                                  "3 are followed (max_redirects)"));
    EXPECT_EQ(server.requests.size(), 4U);
    EXPECT_EQ(client.client.metrics().connect_failures, 1U);
}

TEST(ws_redirects, lead_to_errors_that_tell_the_way) {
    const refusing_port nobody;
    const raw_listener silent;
    redirecting_server server;
    const auto port = server.start();
    const auto to_port = [](std::uint16_t number) {
        return "ws://127.0.0.1:" + std::to_string(number) + "/x?secret";
    };
    struct row {
        std::string location;
        errc code;
        std::string words;
    };
    for (const row& each : {
             row{"/refused", errc::handshake_rejected, "/refused: HTTP 403 Forbidden: not you"},
             row{to_port(nobody.number()), errc::connection_refused, "/x?..."},
             row{to_port(silent.port()), errc::connection_timeout, "/x?..."},
             row{"ws://127.1/x", errc::handshake_rejected, "Location: ws://127.1/x; "},
             row{"ftp://x/", errc::handshake_rejected, "only ws, wss, http and https"},
             row{"ws://me@" + server.authority, errc::handshake_rejected, "user name"},
         }) {
        server.location = each.location;
        ws_client_config config = following();
        config.connect_timeout = each.code == errc::connection_timeout ? 200ms : 10'000ms;
        ws_test_client client(config);
        const auto refused = client.connect(port);
        EXPECT_TRUE(fails_with(refused, each.code)) << each.location;
        EXPECT_TRUE(says(refused, each.words));
        EXPECT_FALSE(says(refused, "secret"));
        EXPECT_EQ(client.client.metrics().connect_failures, 1U);
    }
}

TEST(ws_redirects, are_asked_for_anew_by_a_reconnection) {
    redirecting_server other;
    (void)other.start();
    other.on_message = [](const connection_ptr& from, const ws_message&) {
        (void)from->close(ws_close_code::going_away);
    };
    redirecting_server server;
    server.status = 308;
    server.location = "ws://" + other.authority + "/to";
    const auto port = server.start();
    ws_client_config config = loaded();
    config.auto_reconnect = true;
    config.reconnect.initial_delay = 1ms;
    ws_test_client client(config);
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_TRUE(is_ok(client.client.send_text("go")));
    ASSERT_TRUE(client.connected.wait_for(2));
    ASSERT_EQ(server.requests.size(), 2U);
    EXPECT_EQ(server.requests.at(1), server.requests.at(0)) << "with what belongs to it";
    EXPECT_EQ(other.requests.size(), 2U);
    EXPECT_EQ(client.client.get_connection().value()->url(), "ws://" + other.authority + "/to");
    for (const auto& each : client.errors.all()) {
        EXPECT_NE(each, errc::handshake_rejected) << "a redirect is no error";
    }
    EXPECT_EQ(client.client.metrics().connect_failures, 0U);
}

TEST(ws_redirects, are_over_when_the_client_is_stopped) {
    const raw_listener silent;
    redirecting_server server;
    server.location = "ws://127.0.0.1:" + std::to_string(silent.port()) + "/";
    ws_client_config config = following();
    config.port = server.start();
    ws_test_client client(config);
    collector<VoidResult> answers;
    ASSERT_TRUE(is_ok(client.client.start_client(
        client.config, [&](VoidResult answer) { answers.add(std::move(answer)); })));
    ws_peer asked(silent.accept());
    EXPECT_EQ(asked.receive_head(), 0U);
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_EQ(asked.drain(), stream_end::orderly);
    EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
}

TEST(ws_redirects, are_followed_with_callbacks_on_a_pool) {
    const auto pool = std::make_shared<network_system::thread_pool>(2);
    redirecting_server server;
    server.location = "/to";
    ws_client_config config = following();
    config.callback_pool = pool;
    config.port = server.start();
    ws_test_client client(config);
    ASSERT_TRUE(is_ok(client.client.start_client(client.config)));
    EXPECT_TRUE(client.exchange("hello"));
    server.location = "/refused";
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_TRUE(fails_with(client.client.start_client(client.config), errc::handshake_rejected));
    EXPECT_EQ(client.errors.size(), 0U);
}

TEST(ws_redirects, are_logged_without_their_queries) {
    const heard_log heard(log_level::info);
    redirecting_server server;
    server.location = "/to?token=secret";
    ws_test_client client(following());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_NE(heard.find("redirected to ws://" + server.authority + "/to?...").text, "");
    for (const auto& each : heard.lines()) {
        EXPECT_EQ(each.text.find("secret"), std::string::npos) << each.text;
    }
}

}  // namespace
}  // namespace ws
