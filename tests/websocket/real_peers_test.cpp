// Peers that others have written: Python's websockets, npm's ws, curl, and the conformance driver
// beside this file. Each test runs where its program is.
#include "websocket/real_peers.h"

#include "support/loopback.h"
#include "support/programs.h"

#include <algorithm>
#include <sstream>
#include <tuple>

namespace websocket_peers {
namespace {

using namespace loopback;

using integration::child_process;
using integration::find_programs;
using integration::finished;
using integration::run;

const std::string scripts = WEBSOCKET_TESTS_DIRECTORY;

/// A peer: its interpreter and its script.
struct peer_program {
    std::string name;
    std::string interpreter;
    std::string script;
};

std::ostream& operator<<(std::ostream& to, const peer_program& peer) {
    return to << peer.name;
}

/// The first interpreter on the path that has what the script needs; none: empty.
std::string interpreter_of(const peer_program& peer) {
    for (const std::string& each : find_programs(peer.interpreter)) {
        if (run(each, {scripts + peer.script, "check"}).status == 0) {
            return each;
        }
    }
    return {};
}

std::uint16_t port_of(child_process& program) {
    const auto line = program.hear();
    if (!line || !line->starts_with("port ")) {
        return 0;
    }
    return static_cast<std::uint16_t>(std::stoul(line->substr(5)));
}

/// "close CODE REASON" as the other peers take it; whether it was one.
template <typename Connection>
bool close_as_wished(const Connection& connection, const ws_message& message) {
    std::istringstream words{std::string(message.text())};
    std::string word;
    std::uint16_t code = 0;
    std::string reason;
    if (!message.is_text() || !(words >> word >> code) || word != "close") {
        return false;
    }
    std::getline(words >> std::ws, reason);
    EXPECT_TRUE(is_ok(connection->close(static_cast<ws_close_code>(code), reason)));
    return true;
}

class real_websocket_peers
    : public testing::TestWithParam<std::tuple<peer_program, std::string /* carrier */>> {
protected:
    void SetUp() override {
        interpreter_ = interpreter_of(peer());
        SKIP_WITHOUT_PROGRAM(interpreter_, peer().name)
    }
    [[nodiscard]] static const peer_program& peer() { return std::get<0>(GetParam()); }
    /// `files` are for the carrier that needs some.
    [[nodiscard]] std::vector<std::string> arguments(std::vector<std::string> words,
                                                     const std::vector<std::string>& files) const {
        words.insert(words.begin(), scripts + peer().script);
        if (over_.is_secure) {
            words.insert(words.end(), files.begin(), files.end());
        }
        return words;
    }

    const carrier over_ = carrier::of(std::get<1>(GetParam()));
    std::string interpreter_;
};

TEST_P(real_websocket_peers, as_client) {
    messaging_ws_server server("echo");
    collector<closed_as> closed;
    ASSERT_TRUE(
        is_ok(server.set_message_callback([](const auto& connection, const ws_message& message) {
            if (close_as_wished(connection, message)) {
                return;
            }
            EXPECT_TRUE(is_ok(message.is_text() ? connection->send_text(message.text())
                                                : connection->send_binary(message.data)));
        })));
    ASSERT_TRUE(is_ok(server.set_disconnection_callback(
        [&](const std::string&, ws_close_code code, std::string_view reason) {
            closed.add({static_cast<unsigned>(code), std::string(reason)});
        })));
    ASSERT_TRUE(is_ok(server.start_server(over_.server_config())));

    const std::string url = over_.url("ws", server.local_port()) + "/";
    const finished result = run(interpreter_, arguments({"talk", url}, {over_.ca}));
    EXPECT_EQ(result.status, 0);
    // A close is answered with its code alone.
    EXPECT_EQ(result.output, "text same\nbinary same\nempty same\nlarge same\nfragmented same\n"
                             "pong token\nclosed 4001\nclosed 4002 as you wish\n");
    ASSERT_TRUE(closed.wait_for(2));
    EXPECT_EQ(closed.at(0), (closed_as{4001, "goodbye"}));
    EXPECT_EQ(closed.at(1), (closed_as{4002, "as you wish"}));
    EXPECT_TRUE(is_ok(server.stop_server()));
}

/// A client with what it has been told.
struct talking_client {
    messaging_ws_client client{"client"};
    collector<std::string> received;  // "text: …" or "binary: …"
    collector<closed_as> closed;

    void start(const ws_client_config& config) {
        ASSERT_TRUE(is_ok(client.set_message_callback([this](const ws_message& message) {
            received.add((message.is_text() ? "text: " : "binary: ") + std::string(message.text()));
        })));
        ASSERT_TRUE(is_ok(
            client.set_disconnected_callback([this](ws_close_code code, std::string_view reason) {
                closed.add({static_cast<unsigned>(code), std::string(reason)});
            })));
        ASSERT_TRUE(is_ok(client.start_client(config)));
    }
};

TEST_P(real_websocket_peers, as_server) {
    child_process server(interpreter_, arguments({"serve"}, {over_.certificate, over_.key}));
    const std::uint16_t port = port_of(server);
    ASSERT_NE(port, 0);

    talking_client wished;
    wished.start(over_.client_config(port));
    const std::vector<std::uint8_t> large(std::size_t{1} << 20U, 0xa5);
    std::string fragmented;
    for (int i = 0; i < 1000; ++i) {
        fragmented += "0123456789";
    }
    ASSERT_TRUE(is_ok(wished.client.send_text("Größe, Привет, 你好, 😀")));
    ASSERT_TRUE(is_ok(wished.client.send_binary({0, 1, 0xff})));
    ASSERT_TRUE(is_ok(wished.client.send_text("")));
    ASSERT_TRUE(is_ok(wished.client.send_binary(large)));
    ASSERT_TRUE(is_ok(wished.client.send_text("fragments")));
    ASSERT_TRUE(wished.received.wait_for(5));
    EXPECT_EQ(wished.received.at(0), "text: Größe, Привет, 你好, 😀");
    EXPECT_EQ(wished.received.at(1), std::string("binary: \0\1\xff", 11));
    EXPECT_EQ(wished.received.at(2), "text: ");
    EXPECT_EQ(wished.received.at(3), "binary: " + std::string(large.begin(), large.end()));
    EXPECT_EQ(wished.received.at(4), "text: " + fragmented);
    ASSERT_TRUE(is_ok(wished.client.send_text("ping")));
    EXPECT_EQ(server.hear(), "pong are you there?");
    ASSERT_TRUE(is_ok(wished.client.send_text("close 4002 as you wish")));
    ASSERT_TRUE(wished.closed.wait_for(1));
    EXPECT_EQ(wished.closed.at(0), (closed_as{4002, "as you wish"}));
    EXPECT_EQ(server.hear(), "closed 4002");

    talking_client own;
    own.start(over_.client_config(port));
    ASSERT_TRUE(is_ok(own.client.close(static_cast<ws_close_code>(4001), "goodbye")));
    EXPECT_EQ(server.hear(), "closed 4001 goodbye");
    ASSERT_TRUE(own.closed.wait_for(1));
    EXPECT_EQ(own.closed.at(0), (closed_as{4001, "goodbye"}));
    EXPECT_EQ(server.wait(), 0);
}

TEST_P(real_websocket_peers, as_server_that_redirects_and_refuses) {
    child_process server(interpreter_, arguments({"serve"}, {over_.certificate, over_.key}));
    const std::uint16_t port = port_of(server);
    ASSERT_NE(port, 0);
    ws_client_config config = over_.client_config(port);
    config.path = "/moved";
    config.max_redirects = 1;
    talking_client moved;
    moved.start(config);
    ASSERT_TRUE(is_ok(moved.client.send_text("hello")));
    ASSERT_TRUE(moved.received.wait_for(1));
    EXPECT_EQ(moved.client.get_connection().value()->url(), over_.url("ws", port) + "/");
    EXPECT_TRUE(is_ok(moved.client.stop_client()));

    config.path = "/denied";
    messaging_ws_client denied("denied");
    EXPECT_TRUE(fails_with(denied.start_client(config), errc::handshake_rejected));
    const auto answer = denied.rejection();
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->status, 403U);
    EXPECT_EQ(answer->head.list("Set-Cookie"), (std::vector<std::string_view>{"a=1", "b=2"}));
    EXPECT_EQ(answer->body.substr(0, 7), "not you");
    EXPECT_FALSE(answer->is_body_truncated);
}

INSTANTIATE_TEST_SUITE_P(
    all, real_websocket_peers,
    testing::Combine(testing::Values(peer_program{"Python_websockets", "python3",
                                                  "/peers/websockets_peer.py"},
                                     peer_program{"npm_ws", "node", "/peers/ws_peer.js"}),
                     testing::ValuesIn(carriers())),
    [](const auto& each) {
        return std::get<0>(each.param).name + "_over_" + std::get<1>(each.param);
    });

class real_websocket_peers_of_http : public testing::TestWithParam<std::string> {};

TEST_P(real_websocket_peers_of_http, curl_is_answered) {
    NEEDS_PROGRAM(curl, "curl")
    const carrier over = carrier::of(GetParam());
    messaging_ws_server server("echo");
    ASSERT_TRUE(is_ok(server.set_http_callback(
        [](const auto& request, const auto&, network_system::http_response& answer) {
            if (request.path() == "/health") {
                answer = {200, {}, "well\n"};
            }
        })));
    ASSERT_TRUE(is_ok(server.start_server(over.server_config())));
    const std::string url = over.url("http", server.local_port());
    const auto get = [&](const std::string& path, std::vector<std::string> more = {}) {
        more.insert(more.end(), {"--silent", "--noproxy", "*", "--max-time", "10", "--write-out",
                                 "%{http_code}\n", url + path});
        if (over.is_secure) {
            more.insert(more.end(), {"--cacert", over.ca});
        }
        return run(curl, more).output;
    };
    EXPECT_EQ(get("/health"), "well\n200\n");
    EXPECT_NE(get("/other").find("426"), std::string::npos);
    EXPECT_NE(
        get("/", {"--header", "Connection: Upgrade", "--header", "Upgrade: websocket", "--header",
                  "Sec-WebSocket-Version: 13", "--header", "Sec-WebSocket-Key: short"})
            .find("400"),
        std::string::npos);
    EXPECT_TRUE(is_ok(server.stop_server()));
}

INSTANTIATE_TEST_SUITE_P(all, real_websocket_peers_of_http, testing::ValuesIn(carriers()),
                         [](const auto& each) { return each.param; });

/// The lines that are not about a passed case.
std::string misses_in(const std::string& output) {
    std::istringstream lines(output);
    std::string misses;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("passed ")) {
            misses += line + '\n';
        }
    }
    return misses;
}

/// How the driver is run: with all its cases; under a sanitizer, which slows down every byte,
/// without the largest.
std::vector<std::string> conformance_arguments(const std::vector<std::string>& more) {
    std::vector<std::string> all{scripts + "/conformance", "--max-message-size",
                                 std::to_string(largest_message)};
#ifdef NETWORK_CONFORMANCE_QUICK
    all.emplace_back("--quick");
#endif
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

TEST(websocket_conformance, of_the_server) {
    NEEDS_PROGRAM(python, "python3")
    messaging_ws_server server("conformance");
    echo_all(server);
    ASSERT_TRUE(is_ok(server.start_server(echo_server_config())));
    const std::string address = "127.0.0.1:" + std::to_string(server.local_port());
    const finished result = run(python, conformance_arguments({"--verbose", "--server", address}));
    EXPECT_EQ(result.status, 0) << misses_in(result.output);
    EXPECT_TRUE(is_ok(server.stop_server()));
}

TEST(websocket_conformance, of_the_client) {
    NEEDS_PROGRAM(python, "python3")
    child_process driver(python, conformance_arguments({"--listen", "0"}));
    const std::uint16_t port = port_of(driver);
    ASSERT_NE(port, 0);
    EXPECT_GT(answer_all_cases("127.0.0.1", port), 0);
    std::string output;
    while (const auto line = driver.hear()) {
        output += *line + '\n';
    }
    EXPECT_EQ(driver.wait(), 0) << output;
}

}  // namespace
}  // namespace websocket_peers
