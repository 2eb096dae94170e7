// What an application may answer to a handshake or a request, and what becomes of answers that HTTP
// does not know: the client gets 500, the error callback invalid_argument, and the log the reason.
#include "support/websocket.h"

#include <algorithm>
#include <memory>

namespace ws {
namespace {

/// The errors that are logged while it lives.
class error_log {
public:
    error_log() {
        network_system::set_log_sink([lines = lines_](const network_system::log_record& record) {
            lines->add(to_string(record));
        });
        network_system::set_log_level(network_system::log_level::error);
    }
    error_log(const error_log&) = delete;
    error_log& operator=(const error_log&) = delete;
    ~error_log() {
        network_system::set_log_level(before_);
        network_system::set_log_sink({});
    }

    [[nodiscard]] bool has(std::string_view part) const {
        const auto all = lines_->all();
        return std::any_of(all.begin(), all.end(), [&](const std::string& each) {
            return each.find(part) != std::string::npos;
        });
    }

private:
    const network_system::log_level before_ = network_system::get_log_level();
    // A line may be on its way to the sink when the next one is set.
    const std::shared_ptr<collector<std::string>> lines_ =
        std::make_shared<collector<std::string>>();
};

struct wrong_answer {
    const char* name;
    std::function<void(ws_handshake_answer&)> give;
    /// A part of what the log says.
    const char* reason;
    bool is_rejection = false;

    friend void PrintTo(const wrong_answer& each, std::ostream* out) { *out << each.name; }
};

class wrong_answer_test : public testing::TestWithParam<wrong_answer> {};

TEST_P(wrong_answer_test, is_answered_with500_and_reported) {
    const error_log log;
    ws_test_server server;
    (void)server.server.set_handshake_callback(
        [](const ws_request&, const endpoint&, ws_handshake_answer& answer) {
            GetParam().give(answer);
        });
    auto peer = ws_peer::connect(server.start());
    EXPECT_EQ(peer.ask(upgrade_request("/", "Sec-WebSocket-Protocol: chat\r\n")), 500U);
    EXPECT_EQ(peer.field("X-Injected"), "") << peer.head();
    EXPECT_EQ(peer.field("Connection"), "close");
    EXPECT_EQ(peer.body(), "The server cannot answer.\n");
    EXPECT_EQ(server.server.connection_count(), 0U) << "though the client is still there";
    EXPECT_EQ(peer.drain(), stream_end::orderly);
    peer.close();
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0).code, errc::invalid_argument);
    EXPECT_NE(server.errors.at(0).id, "");
    EXPECT_TRUE(log.has(GetParam().reason));
    EXPECT_EQ(server.connections.size(), 0U);
    const auto all = server.server.metrics();
    EXPECT_EQ(all.handshakes, 0U);
    EXPECT_EQ(all.rejected_by_callback, GetParam().is_rejection ? 1U : 0U);
    EXPECT_EQ(all.rejected_request, GetParam().is_rejection ? 0U : 1U) << "counted once";
    EXPECT_EQ(server.errors.size(), 1U);
}

wrong_answer rejecting(const char* name, http_response response, const char* reason) {
    return {
        name,
        [response = std::move(response)](ws_handshake_answer& answer) { answer.reject(response); },
        reason, true};
}
wrong_answer accepting(const char* name, std::string subprotocol, std::vector<http_header> fields,
                       const char* reason) {
    return {name,
            [subprotocol = std::move(subprotocol), fields = std::move(fields)](
                ws_handshake_answer& answer) { answer.accept(subprotocol, fields); },
            reason};
}

INSTANTIATE_TEST_SUITE_P(
    all, wrong_answer_test,
    testing::Values(
        rejecting("status_200", {200, {}, "fine"}, "status 200"),
        rejecting("status_204", {204, {}, {}}, "status 204"),
        rejecting("status_299", {299, {}, {}}, "status 299"),
        rejecting("status_101", {101, {}, {}}, "status 101"),
        rejecting("status_100", {100, {}, {}}, "status 100"),
        rejecting("status_0", {0, {}, {}}, "status 0"),
        rejecting("status_600", {600, {}, {}}, "status 600"),
        rejecting("status_1000", {1000, {}, {}}, "status 1000"),
        rejecting("body_of_304", {304, {}, "body"}, "304"),
        rejecting("line_break_in_a_value", {403, {{"X", "a\r\nX-Injected: b"}}, {}}, "X"),
        rejecting("line_break_in_a_name", {403, {{"X: a\r\nX-Injected", "b"}}, {}}, "name"),
        rejecting("length", {403, {{"Content-Length", "99"}}, "short"}, "Content-Length"),
        rejecting("coding", {403, {{"transfer-encoding", "chunked"}}, "x"}, "transfer-encoding"),
        rejecting("connection", {403, {{"Connection", "keep-alive"}}, {}}, "Connection"),
        rejecting("keep_alive", {403, {{"Keep-Alive", "timeout=5"}}, {}}, "Keep-Alive"),
        rejecting("trailer", {403, {{"Trailer", "X"}}, {}}, "Trailer"),
        rejecting("accept_value", {403, {{"Sec-WebSocket-Accept", "x"}}, {}},
                  "Sec-WebSocket-Accept"),
        rejecting("two_types",
                  {403, {{"Content-Type", "text/html"}, {"content-type", "text/plain"}}, "x"},
                  "twice"),
        accepting("subprotocol_not_offered", "other", {}, "subprotocol"),
        accepting("subprotocol_in_other_case", "CHAT", {}, "subprotocol"),
        accepting("two_subprotocols", "chat, chat", {}, "subprotocol"),
        accepting("accept_of_its_own", "chat", {{"Sec-WebSocket-Accept", "x"}},
                  "Sec-WebSocket-Accept"),
        accepting("upgrade_of_its_own", "chat", {{"upgrade", "h2c"}}, "upgrade"),
        accepting("extension", "chat", {{"Sec-WebSocket-Extensions", "permessage-deflate"}},
                  "Sec-WebSocket-Extensions"),
        accepting("version", "chat", {{"Sec-WebSocket-Version", "13"}}, "Sec-WebSocket-Version"),
        accepting("line_break", "chat", {{"Set-Cookie", "a=b\r\nX-Injected: c"}}, "Set-Cookie"),
        accepting("too_long", "chat", {{"X", std::string(70'000, 'x')}}, "65535")),
    [](const auto& each) { return std::string(each.param.name); });

TEST(answers, to_plain_requests_that_http_does_not_know_are500_and_reported) {
    const std::vector<http_response> wrong{
        {100, {}, {}},
        {101, {}, {}},
        {199, {}, {}},
        {600, {}, {}},
        {204, {}, "body"},
        {205, {}, "body"},
        {304, {}, "body"},
        {200, {{"X", "a\r\nX-Injected: b"}}, {}},
        {200, {{"", "a"}}, {}},
        {200, {{"Content-Length", "4"}}, "body"},
        {200, {{"TE", "gzip"}}, {}},
    };
    ws_test_server server;
    std::size_t next = 0;
    (void)server.server.set_http_callback(
        [&](const ws_request&, const endpoint&, http_response& answer) { answer = wrong[next++]; });
    const auto port = server.start();
    for (std::size_t i = 0; i < wrong.size(); ++i) {
        auto peer = ws_peer::connect(port);
        EXPECT_EQ(peer.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 500U) << i << peer.head();
        EXPECT_EQ(peer.field("X-Injected"), "");
        peer.close();
        ASSERT_TRUE(server.errors.wait_for(i + 1)) << i;
        EXPECT_EQ(server.errors.at(i).code, errc::invalid_argument);
    }
}

TEST(answers, that_are_wrong_are_reported_whatever_the_client_does) {
    ws_server_config config;
    config.drain_timeout = 50ms;
    ws_test_server server(config);
    (void)server.server.set_handshake_callback(
        [](const ws_request&, const endpoint&, ws_handshake_answer& answer) {
            answer.reject(200);
        });
    const auto port = server.start();
    auto lingering = ws_peer::connect(port);
    EXPECT_EQ(lingering.ask(upgrade_request()), 500U);
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0).code, errc::invalid_argument);
    ws_test_client client;
    const auto refused = client.connect(port);
    ASSERT_TRUE(fails_with(refused, errc::handshake_rejected));
    EXPECT_NE(refused.error().message.find("500"), std::string::npos) << refused.error().message;
    ASSERT_TRUE(server.errors.wait_for(2));
    EXPECT_EQ(server.errors.at(1).code, errc::invalid_argument);
}

TEST(answers, of_every_status_that_rejects_are_given) {
    for (const unsigned status : {300U, 304U, 307U, 400U, 404U, 418U, 426U, 503U, 599U}) {
        ws_test_server server;
        (void)server.server.set_handshake_callback(
            [&](const ws_request&, const endpoint&, ws_handshake_answer& answer) {
                answer.reject(status);
            });
        EXPECT_EQ(ws_peer::connect(server.start()).ask(upgrade_request()), status);
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        EXPECT_EQ(server.errors.size(), 0U) << "a rejection is no failure";
    }
}

struct wrong_fields {
    const char* name;
    std::vector<http_header> fields;
    const char* reason;

    friend void PrintTo(const wrong_fields& each, std::ostream* out) { *out << each.name; }
};

class wrong_client_fields : public testing::TestWithParam<wrong_fields> {};

TEST_P(wrong_client_fields, are_refused_by_name) {
    ws_client_config config;
    config.host = "127.0.0.1";
    config.port = 1;
    config.headers = GetParam().fields;
    messaging_ws_client client("client");
    const auto started = client.start_client(config);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    EXPECT_NE(started.error().message.find(GetParam().reason), std::string::npos)
        << started.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    all, wrong_client_fields,
    testing::Values(
        wrong_fields{"host", {{"HOST", "a"}}, "HOST"},
        wrong_fields{"key", {{"Sec-WebSocket-Key", "x"}}, "Sec-WebSocket-Key"},
        wrong_fields{"accept", {{"Sec-WebSocket-Accept", "x"}}, "Sec-WebSocket-Accept"},
        wrong_fields{"extensions", {{"sec-websocket-extensions", "x"}}, "sec-websocket-extensions"},
        wrong_fields{"length", {{"Content-Length", "5"}}, "Content-Length"},
        wrong_fields{"coding", {{"Transfer-Encoding", "chunked"}}, "Transfer-Encoding"},
        wrong_fields{"keep_alive", {{"Keep-Alive", "5"}}, "Keep-Alive"},
        wrong_fields{"proxy_connection", {{"Proxy-Connection", "close"}}, "Proxy-Connection"},
        wrong_fields{"te", {{"TE", "trailers"}}, "TE"},
        wrong_fields{"expect", {{"Expect", "100-continue"}}, "Expect"},
        wrong_fields{"two_origins", {{"Origin", "a"}, {"origin", "b"}}, "twice"},
        wrong_fields{"line_break", {{"Cookie", "a\r\nX: b"}}, "Cookie"},
        wrong_fields{"too_long", {{"Cookie", std::string(70'000, 'x')}}, "65535"}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace ws
