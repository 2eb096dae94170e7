// What the log says of WebSockets: an answer of the application's is no warning, a connection that
// says nothing no failure.
#include "support/heard_log.h"
#include "support/websocket.h"

#include <string>
#include <string_view>
#include <vector>

namespace ws {
namespace {

using network_system::log_level;
using network_system::testing::heard_line;
using network_system::testing::heard_log;

TEST(ws_log, an_answer_of_the_applications_is_no_warning) {
    const heard_log heard(log_level::debug);
    ws_test_server server;
    server.config.path = "/chat";
    (void)server.server.set_handshake_callback(
        [](const ws_request&, const endpoint&, ws_handshake_answer& answer) {
            answer.reject(401, "Who are you?\n");
        });
    (void)server.server.set_http_callback(
        [](const ws_request&, const endpoint&, http_response& answer) {
            answer = {404, {}, "Not here.\n"};
        });
    const auto port = server.start();
    EXPECT_EQ(ws_peer::connect(port).ask(upgrade_request("/chat")), 401U);
    EXPECT_EQ(ws_peer::connect(port).ask(upgrade_request("/nowhere")), 404U);
    EXPECT_EQ(ws_peer::connect(port).ask("GET /health HTTP/1.1\r\nHost: x\r\n\r\n"), 404U);
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(heard.warnings(), std::vector<std::string>{});
    EXPECT_EQ(heard.find("answered HTTP 401").level, log_level::debug);
    EXPECT_EQ(heard.find("answered HTTP 404").level, log_level::debug);
    EXPECT_EQ(server.server.metrics().session_errors, 0U);
}

TEST(ws_log, what_is_no_request_is_a_warning) {
    const heard_log heard(log_level::warning);
    ws_test_server server;
    EXPECT_EQ(ws_peer::connect(server.start()).ask("GET / HTTP/1.1\r\n no: field\r\n\r\n"), 400U);
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(heard.find("answered HTTP 400").component, "messaging_ws_server");
}

TEST(ws_log, a_health_check_is_no_session_error_and_no_warning) {
    const heard_log heard(log_level::info);
    ws_test_server server;
    const auto port = server.start();
    std::size_t checks = 0;
    for (const bool resets : {false, true}) {
        raw_peer checker = raw_peer::connect(port);
        if (resets) {
            checker.reset();
        } else {
            checker.close();
        }
        ASSERT_TRUE(server.errors.wait_for(++checks));
    }
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.server.metrics().session_errors, 0U);
    EXPECT_EQ(heard.warnings(), std::vector<std::string>{});
}

TEST(ws_log, debug_shows_the_handshake_and_the_end) {
    const heard_log heard(log_level::debug);
    ws_server_config config;
    config.path = "/room";
    config.subprotocols = {"chat"};
    ws_test_server server(config);
    const auto port = server.start();
    ws_client_config asks;
    asks.path = "/room?name=7";
    asks.subprotocols = {"chat"};
    ws_test_client client(asks);
    ASSERT_TRUE(is_ok(client.connect(port)));
    EXPECT_TRUE(client.exchange("hello"));
    const std::string id = server.connections.at(0)->id();
    ASSERT_TRUE(is_ok(client.client.stop_client()));
    ASSERT_TRUE(server.closed.wait_for(1));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    const auto of_session =
        heard.texts([&](const heard_line& each) { return each.session_id == id; });
    ASSERT_EQ(of_session.size(), 4U) << testing::PrintToString(of_session);
    EXPECT_EQ(of_session[0].rfind("accepted on ", 0), 0U) << of_session[0];
    EXPECT_EQ(of_session[1], "WebSocket handshake: path '/room', subprotocol chat");
    EXPECT_EQ(of_session[2], "open");
    EXPECT_EQ(of_session[3].rfind("closed; received 1 messages", 0), 0U) << of_session[3];
}

TEST(ws_log, info_shows_reconnections_with_their_pause) {
    const heard_log heard(log_level::info);
    ws_client_config config;
    config.auto_reconnect = true;
    config.reconnect.initial_delay = 1ms;
    config.reconnect.max_delay = 1ms;
    ws_test_client client(config);
    ws_test_server server;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    ASSERT_TRUE(eventually([&] { return !heard.find("(attempt 2)").text.empty(); }));
    ASSERT_TRUE(is_ok(client.client.stop_client()));
    const heard_line told = heard.find("(attempt 2)");
    EXPECT_EQ(told.text.rfind("reconnecting in ", 0), 0U) << told.text;
    EXPECT_EQ(told.component, "messaging_ws_client");
    EXPECT_EQ(told.level, log_level::info);
}

}  // namespace
}  // namespace ws
