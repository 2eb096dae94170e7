// What a client that is refused can be asked for, and the header fields of an answer that is not.
#include "support/websocket.h"

#include <network_system/config.h>

#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#if NETWORK_SYSTEM_WITH_TLS
#include "support/secure.h"
#endif

namespace ws {
namespace {

enum class after_answer { stays, ends, resets };

/// A server that answers one request with this, whatever it is.
class answering_server {
public:
    explicit answering_server(std::string answer, after_answer then = after_answer::stays)
        : server_([this, answer = std::move(answer), then] {
              ws_peer peer(listener_.accept());
              (void)peer.receive_head();
              EXPECT_TRUE(peer.say(answer));
              answered.add();
              if (then == after_answer::ends) {
                  peer.half_close();
              } else if (then == after_answer::resets) {
                  // What lies there unread would make the client's end a reset, not ours.
                  peer.reset();
                  return;
              }
              (void)peer.drain();
          }) {}
    answering_server(const answering_server&) = delete;
    answering_server& operator=(const answering_server&) = delete;
    ~answering_server() { server_.join(); }

    [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

    event_counter answered;

private:
    const raw_listener listener_;
    std::thread server_;
};

TEST(ws_rejections, have_status_fields_and_body) {
    ws_test_server server;
    (void)server.server.set_handshake_callback(
        [](const ws_request&, const endpoint&, ws_handshake_answer& answer) {
            answer.reject({401,
                           {{"WWW-Authenticate", "Bearer realm=\"x\""},
                            {"Set-Cookie", "a=1"},
                            {"Set-Cookie", "b=2"},
                            {"Retry-After", "7"}},
                           "who are\nyou?"});
        });
    ws_test_client client;
    const auto refused = client.connect(server.start());
    EXPECT_TRUE(fails_with(refused, errc::handshake_rejected));
    EXPECT_NE(refused.error().message.find(": HTTP 401 Unauthorized: who are you?"),
              std::string::npos)
        << refused.error().message;
    const auto answer = client.client.rejection();
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->status, 401U);
    EXPECT_EQ(answer->head.find("www-authenticate"), "Bearer realm=\"x\"");
    EXPECT_EQ(answer->head.find_all("set-cookie"), (std::vector<std::string_view>{"a=1", "b=2"}));
    EXPECT_EQ(answer->retry_after, 7s);
    EXPECT_EQ(answer->body, "who are\nyou?");
    EXPECT_FALSE(answer->is_body_truncated);
}

struct refused_row {
    const char* name;
    std::string answer;
    after_answer then;
    std::string body;
    bool is_truncated;
};

TEST(ws_rejections, keep_what_there_is_of_a_body) {
    const std::string begin = "HTTP/1.1 503 Service Unavailable\r\n";
    const std::string chunked = begin + "Transfer-Encoding: chunked\r\n\r\n";
    const std::string sized = begin + "Content-Length: 20480\r\n\r\n";
    const std::string unsized = begin + "\r\n";
    const std::string long_body(std::size_t{20} * 1024, 'x');
    const std::string first = long_body.substr(0, std::size_t{16} * 1024);
    for (const refused_row& each : std::vector<refused_row>{
             {"sized", begin + "Content-Length: 4\r\n\r\ndown", after_answer::stays, "down", false},
             {"chunked", chunked + "2;x\r\ndo\r\n2\r\nwn\r\n0\r\nA: b\r\n\r\n", after_answer::stays,
              "down", false},
             {"until the end", begin + "\r\ndown", after_answer::ends, "down", false},
             {"none", begin + "Content-Length: 0\r\n\r\n", after_answer::stays, "", false},
             {"too long", sized + long_body, after_answer::stays, first, true},
             {"too long, until the end", unsized + long_body, after_answer::ends, first, true},
             {"stalls", begin + "Content-Length: 40\r\n\r\ndown", after_answer::stays, "down",
              true},
             {"stalls, without a length", begin + "\r\ndown", after_answer::stays, "down", true},
             {"ends too early", begin + "Content-Length: 40\r\n\r\ndown", after_answer::ends,
              "down", true},
         }) {
        const answering_server server(each.answer, each.then);
        ws_client_config config;
        config.connect_timeout = each.then == after_answer::stays ? 500ms : 10'000ms;
        ws_test_client client(config);
        const auto refused = client.connect(server.port());
        EXPECT_TRUE(fails_with(refused, errc::handshake_rejected)) << each.name;
        const auto answer = client.client.rejection();
        ASSERT_NE(answer, nullptr) << each.name;
        EXPECT_EQ(answer->status, 503U) << each.name;
        EXPECT_EQ(answer->body, each.body) << each.name;
        EXPECT_EQ(answer->is_body_truncated, each.is_truncated) << each.name;
    }
}

TEST(ws_rejections, count_although_the_connection_is_reset) {
    const answering_server server("HTTP/1.1 403 Forbidden\r\nContent-Length: 40\r\n\r\nno",
                                  after_answer::resets);
    ws_test_client client;
    EXPECT_TRUE(fails_with(client.connect(server.port()), errc::handshake_rejected));
    const auto answer = client.client.rejection();
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->status, 403U);
    EXPECT_TRUE(answer->is_body_truncated);
}

TEST(ws_rejections, are_not_waited_for_by_a_stop) {
    answering_server server("HTTP/1.1 403 Forbidden\r\nContent-Length: 40\r\n\r\nno");
    ws_client_config config;
    config.port = server.port();
    ws_test_client client(config);
    collector<VoidResult> answers;
    ASSERT_TRUE(is_ok(client.client.start_client(
        client.config, [&](VoidResult answer) { answers.add(std::move(answer)); })));
    EXPECT_TRUE(server.answered.wait_for(1));
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_FALSE(client.client.is_connected());
}

TEST(ws_rejections, are_known_in_the_callbacks_of_a_reconnection) {
    ws_test_server server;
    (void)server.server.set_handshake_callback(
        [first = true](const ws_request&, const endpoint&, ws_handshake_answer& answer) mutable {
            if (!std::exchange(first, false)) {
                answer.reject(403, "not again");
            }
        });
    server.on_message = [](const connection_ptr& from, const ws_message&) {
        (void)from->close(ws_close_code::going_away);
    };
    ws_client_config config;
    config.auto_reconnect = true;
    config.reconnect.initial_delay = 1ms;
    ws_test_client client(config);
    collector<std::string> bodies;
    (void)client.client.set_error_callback([&](std::error_code why) {
        if (why == errc::handshake_rejected) {
            bodies.add(client.client.rejection()->body);
        }
    });
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(is_ok(client.client.send_text("go")));
    ASSERT_TRUE(bodies.wait_for(1));
    EXPECT_EQ(bodies.at(0), "not again");
}

TEST(ws_responses, of_101_are_kept_if_asked_for) {
    ws_test_server server;
    (void)server.server.set_handshake_callback(
        [](const ws_request&, const endpoint&, ws_handshake_answer& answer) {
            answer.accept({}, {{"Set-Cookie", "id=1"}, {"Set-Cookie", "id=2"}});
        });
    const auto port = server.start();
    for (const bool is_kept : {true, false}) {
        for (const bool keeps_request : {true, false}) {
            ws_client_config config;
            config.path = "/?x=1";
            config.keep_response = is_kept;
            config.keep_request = keeps_request;
            ws_test_client client(config);
            ASSERT_TRUE(is_ok(client.connect(port)));
            const auto connection = client.client.get_connection().value();
            const auto& response = connection->response();
            EXPECT_EQ(response.start_line(), is_kept ? "HTTP/1.1 101 Switching Protocols" : "");
            EXPECT_EQ(response.count("set-cookie"), is_kept ? 2U : 0U);
            EXPECT_EQ(connection->request().query(), keeps_request ? "x=1" : "");
            EXPECT_EQ(connection->url(), "ws://127.0.0.1:" + std::to_string(port) + "/?x=1");
            EXPECT_TRUE(is_ok(client.client.stop_client()));
            EXPECT_EQ(response.count("set-cookie"), is_kept ? 2U : 0U) << "as long as it lives";
        }
    }
    ASSERT_TRUE(server.connections.wait_for(1));
    EXPECT_EQ(server.connections.at(0)->response().start_line(), "");
    EXPECT_EQ(server.connections.at(0)->url(), "");
}

#if NETWORK_SYSTEM_WITH_TLS

TEST(ws_rejections, have_a_body_over_tls) {
    ws_server_config config;
    config.tls = secure::for_server();
    ws_test_server server(config);
    (void)server.server.set_handshake_callback(
        [](const ws_request&, const endpoint&, ws_handshake_answer& answer) {
            answer.reject(429, "slowly");
        });
    ws_client_config asking;
    asking.host = "localhost";
    asking.tls = secure::for_client();
    ws_test_client client(asking);
    EXPECT_TRUE(fails_with(client.connect(server.start()), errc::handshake_rejected));
    ASSERT_NE(client.client.rejection(), nullptr);
    EXPECT_EQ(client.client.rejection()->body, "slowly");
    EXPECT_FALSE(client.client.rejection()->is_body_truncated);
}

#endif

}  // namespace
}  // namespace ws
