// The client's side of the opening handshake (RFC 6455 section 4.1).
#include "support/bytes.h"

#include <network_system/internal/websocket_handshake.h>
#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::websocket::response_tests {
namespace {

using namespace network_system::testing;
using namespace std::string_view_literals;
using response_status = response_parser::status;

/// "the sample nonce", the key of section 1.3.
constexpr handshake_key key{'t', 'h', 'e', ' ', 's', 'a', 'm', 'p',
                            'l', 'e', ' ', 'n', 'o', 'n', 'c', 'e'};

constexpr std::string_view example = "HTTP/1.1 101 Switching Protocols\r\n"
                                     "Upgrade: websocket\r\n"
                                     "Connection: Upgrade\r\n"
                                     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                                     "Sec-WebSocket-Protocol: chat\r\n"
                                     "\r\n";

client_handshake chat() {
    client_handshake handshake;
    handshake.host = "server.example.com";
    handshake.target = "/chat";
    handshake.subprotocols = {"chat", "superchat"};
    return handshake;
}

std::string with(std::string_view what, std::string_view instead) {
    std::string response(example);
    const std::size_t at = response.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return response.replace(at, what.size(), instead);
}

struct answer {
    response_status state = response_status::incomplete;
    std::string reason;
    unsigned http_status = 0;
    std::size_t used = 0;
    friend bool operator==(const answer&, const answer&) = default;
};

answer read(std::string_view bytes, std::size_t chunk, const handshake_limits& limits) {
    response_parser parser(chat(), key, limits);
    const byte_string all = text_bytes(bytes);
    answer seen;
    while (seen.used < all.size() && parser.state() == response_status::incomplete) {
        const auto rest = byte_span(all).subspan(seen.used);
        seen.used += parser.consume(rest.first(std::min(chunk, rest.size())));
    }
    seen.state = parser.state();
    seen.reason = parser.reason();
    seen.http_status = parser.http_status();
    return seen;
}

/// The answer, the same for every chunk size.
answer answer_to(std::string_view bytes, const handshake_limits& limits = {}) {
    const answer expected = read(bytes, bytes.size(), limits);
    for (std::size_t chunk = 1; chunk < bytes.size(); ++chunk) {
        EXPECT_EQ(read(bytes, chunk, limits), expected) << chunk << " of " << bytes;
    }
    return expected;
}

TEST(websocket_response, the_request_of_section_1_2) {
    client_handshake handshake = chat();
    handshake.headers = {{"Origin", "http://example.com"}};
    EXPECT_EQ(encode_request(handshake, key).value(),
              "GET /chat HTTP/1.1\r\n"
              "Host: server.example.com\r\n"
              "Upgrade: websocket\r\n"
              "Connection: Upgrade\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
              "Sec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Protocol: chat, superchat\r\n"
              "Origin: http://example.com\r\n"
              "\r\n");
}

TEST(websocket_response, a_server_understands_the_request) {
    client_handshake handshake;
    handshake.host = "a:1";
    request_parser server;
    (void)server.consume(text_bytes(encode_request(handshake, key).value()));
    ASSERT_EQ(server.state(), request_parser::status::upgrade);
    response_parser client(handshake, key);
    const byte_string answer = text_bytes(encode_accept(server.request()).value());
    EXPECT_EQ(client.consume(answer), answer.size());
    EXPECT_EQ(client.state(), response_status::accepted);
    EXPECT_EQ(client.subprotocol(), "");
}

TEST(websocket_response, requests_that_would_say_something_else) {
    const auto expect_invalid = [](const auto& change) {
        client_handshake handshake = chat();
        change(handshake);
        const auto result = encode_request(handshake, key);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, static_cast<int>(errc::invalid_argument));
    };
    for (const std::string_view host :
         {""sv, "a b"sv, "a\r\nX: y"sv, "a/b"sv, "u@a"sv, "a\0"sv, "::1"sv, "[::1"sv, "[a]"sv,
          "a:b"sv, "[fe80::1%lo]"sv, "a..b"sv}) {
        expect_invalid([&](client_handshake& to) { to.host = host; });
    }
    for (const std::string_view target :
         {""sv, "chat"sv, "/a b"sv, "/a\r\nX: y"sv, "/a#b"sv, "/\xC3\xA4"sv, "/a\0"sv, "*"sv}) {
        expect_invalid([&](client_handshake& to) { to.target = target; });
    }
    for (const std::string_view name :
         {""sv, "a b"sv, "a,b"sv, "a\r\n"sv, "chat"sv, "\xC3\xA4"sv}) {
        expect_invalid([&](client_handshake& to) { to.subprotocols.emplace_back(name); });
    }
    for (const std::string_view name :
         {"Host"sv, "upgrade"sv, "Connection"sv, "Sec-WebSocket-Key"sv, "Sec-WebSocket-Version"sv,
          "Sec-WebSocket-Protocol"sv, "Sec-WebSocket-Extensions"sv, "Content-Length"sv,
          "Transfer-Encoding"sv, "X Y"sv, ""sv, "X\r\n"sv}) {
        expect_invalid([&](client_handshake& to) {
            to.headers.push_back({std::string(name), "a"});
        });
    }
    for (const std::string_view value : {"a\r\nX: y"sv, "a\n"sv, "a\r"sv, "a\0b"sv, "\x7F"sv}) {
        expect_invalid([&](client_handshake& to) {
            to.headers.push_back({"X", std::string(value)});
        });
    }
}

TEST(websocket_response, hosts) {
    EXPECT_EQ(host_header("example.com", 80, false), "example.com");
    EXPECT_EQ(host_header("example.com", 443, true), "example.com");
    EXPECT_EQ(host_header("example.com", 443, false), "example.com:443");
    EXPECT_EQ(host_header("example.com", 80, true), "example.com:80");
    EXPECT_EQ(host_header("127.0.0.1", 9001, false), "127.0.0.1:9001");
    EXPECT_EQ(host_header("::1", 9001, false), "[::1]:9001");
    EXPECT_EQ(host_header("[::1]", 9001, false), "[::1]:9001");
    EXPECT_EQ(host_header("fe80::1%eth0", 80, false), "[fe80::1]");
    EXPECT_EQ(host_header("[fe80::1%eth0]", 9001, false), "[fe80::1]:9001");
    EXPECT_EQ(host_header("::ffff:127.0.0.1", 9001, false), "127.0.0.1:9001");
    EXPECT_EQ(host_header("example.com.", 9001, false), "example.com:9001");
    EXPECT_EQ(host_header("unix:/run/app", 0, false), "localhost");
}

TEST(websocket_response, accept_values) {
    EXPECT_EQ(accept_value("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(websocket_response, what_is_accepted) {
    for (const std::string& each : {
             std::string(example),
             with("websocket", "WebSocket"),
             with("Connection: Upgrade", "connection: keep-alive, UPGRADE"),
             with("Sec-WebSocket-Protocol: chat\r\n", ""),
             with("Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: superchat"),
             with("Switching Protocols", "whatever it is"),
             with(" Switching Protocols", ""),
             with("\r\n\r\n", "\r\nServer: x\r\nSec-WebSocket-Extensions:\r\n\r\n"),
             "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" +
                 std::string(example),
         }) {
        EXPECT_EQ(answer_to(each), (answer{response_status::accepted, "", 0, each.size()})) << each;
    }
}

TEST(websocket_response, what_was_chosen) {
    response_parser parser(chat(), key);
    (void)parser.consume(text_bytes(example));
    EXPECT_EQ(parser.subprotocol(), "chat");
    EXPECT_EQ(parser.head().find("connection"), "Upgrade");
}

TEST(websocket_response, what_follows_belongs_to_the_stream) {
    EXPECT_EQ(answer_to(std::string(example) + "\x81\x01z").used, example.size());
}

struct rejected_case {
    std::string what;
    std::string bytes;
    std::string_view reason;
    unsigned http_status = 0;
};
TEST(websocket_response, what_is_rejected) {
    const std::vector<rejected_case> all{
        {"4.1: another status", "HTTP/1.1 401 Unauthorized\r\nX: y\r\n\r\n",
         "HTTP 401 Unauthorized", 401},
        {"4.1: 200", "HTTP/1.1 200 OK\r\n\r\n", "HTTP 200 OK", 200},
        {"without a phrase", "HTTP/1.1 503\r\n\r\n", "HTTP 503 Service Unavailable", 503},
        {"with an unknown status", "HTTP/1.0 499 \r\n\r\n", "HTTP 499", 499},
        {"with a hostile phrase", "HTTP/1.1 400 \xFF\tx\r\n\r\n", "HTTP 400 ??x", 400},
        {"a redirection", "HTTP/1.1 301 Moved\r\nLocation: http://a/\r\n\r\n",
         "HTTP 301 Moved, Location: http://a/", 301},
        {"4.1: no upgrade", with("Upgrade: websocket\r\n", ""),
         "the server upgrades to something else"},
        {"4.1: another upgrade", with("websocket", "h2c"), "the server upgrades to something else"},
        {"4.1: two upgrades", with("websocket", "websocket, h2c"),
         "the server upgrades to something else"},
        {"4.1: no connection", with("Connection: Upgrade\r\n", ""),
         "no upgrade in the Connection field"},
        {"4.1: another connection", with("Connection: Upgrade", "Connection: close"),
         "no upgrade in the Connection field"},
        {"4.1: no accept", with("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", ""),
         "Sec-WebSocket-Accept does not answer the key"},
        {"4.1: another accept", with("s3pP", "s3pQ"),
         "Sec-WebSocket-Accept does not answer the key"},
        {"4.1: the accept in another case", with("s3pP", "S3pP"),
         "Sec-WebSocket-Accept does not answer the key"},
        {"11.3.3: two accepts",
         with("\r\n\r\n", "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
         "Sec-WebSocket-Accept does not answer the key"},
        {"4.1: an extension",
         with("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
         "the server uses an extension that was not offered"},
        {"4.1: another subprotocol", with("chat", "other"),
         "the server has chosen a subprotocol that was not offered"},
        {"4.1: a subprotocol in another case", with("chat", "Chat"),
         "the server has chosen a subprotocol that was not offered"},
        {"4.1: two subprotocols", with("chat", "chat, superchat"),
         "the server has chosen a subprotocol that was not offered"},
        {"11.3.4: two subprotocols on two lines",
         with("\r\n\r\n", "\r\nSec-WebSocket-Protocol: superchat\r\n\r\n"),
         "the server has chosen a subprotocol that was not offered"},
        {"4.1: an empty subprotocol", with("chat", ""),
         "the server has chosen a subprotocol that was not offered"},
        {"HTTP/1.0", with("HTTP/1.1", "HTTP/1.0"), "101 of HTTP/1.0"},
        {"something else", "SSH-2.0-OpenSSH_9.2\r\n\r\n",
         "the answer is not HTTP/1.1: SSH-2.0-OpenSSH_9.2"},
        {"HTTP/2", with("HTTP/1.1", "HTTP/2.0"),
         "the answer is not HTTP/1.1: HTTP/2.0 101 Switching Protocols"},
        {"a status of two digits", "HTTP/1.1 99 x\r\n\r\n",
         "the answer is not HTTP/1.1: HTTP/1.1 99 x"},
        {"a status under 100", "HTTP/1.1 099 x\r\n\r\n",
         "the answer is not HTTP/1.1: HTTP/1.1 099 x"},
        {"a bare line feed", with("101 Switching Protocols\r\n", "101\n"),
         "malformed response: line feed without a carriage return"},
        {"a folded line", with("Upgrade: websocket\r\n", "Upgrade:\r\n websocket\r\n"),
         "malformed response: folded header line"},
    };
    for (const rejected_case& each : all) {
        const answer seen = answer_to(each.bytes);
        EXPECT_EQ(seen.state, response_status::rejected) << each.what;
        EXPECT_EQ(seen.reason, each.reason) << each.what;
        EXPECT_EQ(seen.http_status, each.http_status) << each.what;
    }
}

TEST(websocket_response, a_long_phrase_is_cut) {
    const answer seen = answer_to("HTTP/1.1 500 " + std::string(500, 'x') + "\r\n\r\n");
    EXPECT_EQ(seen.reason, "HTTP 500 " + std::string(200, 'x'));
}

TEST(websocket_response, informational_responses_share_one_limit) {
    constexpr std::string_view hint = "HTTP/1.1 103 Early Hints\r\n\r\n";
    std::string many;
    while (many.size() <= 1000) {
        many += hint;
    }
    const answer seen = answer_to(many, {1000, 100, 100});
    EXPECT_EQ(seen.state, response_status::rejected);
    EXPECT_EQ(seen.used, 1001U);
}

/// A date is compared with the server's own, so that a clock that is wrong here does no harm.
TEST(websocket_response, retry_after_is_counted_from_the_answers_own_date) {
    using std::chrono::seconds;
    const auto now = std::chrono::system_clock::time_point{} + std::chrono::hours(24 * 365 * 40) +
                     std::chrono::milliseconds(700);
    struct {
        const char* what;
        std::string_view fields;
        std::optional<seconds> expected;
    } const cases[] = {
        {"none", "", {}},
        {"seconds", "Retry-After: 120\r\n", seconds(120)},
        {"in any case", "retry-after:  120 \r\n", seconds(120)},
        {"seconds, whatever the date", "Date: nonsense\r\nRetry-After: 120\r\n", seconds(120)},
        {"a date behind the server's",
         "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n",
         seconds(60)},
        {"a date, and none of the server's", "Retry-After: Thu, 22 Dec 2009 00:01:00 GMT\r\n",
         seconds(60)},
        {"a date that is past", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", seconds(0)},
        {"nonsense", "Retry-After: soon\r\n", {}},
    };
    for (const auto& each : cases) {
        response_parser parser(chat(), key);
        const byte_string all =
            text_bytes("HTTP/1.1 503 Later\r\n" + std::string(each.fields) + "\r\n");
        EXPECT_EQ(parser.consume(all), all.size());
        EXPECT_EQ(parser.retry_after(now), each.expected) << each.what;
    }
}

}  // namespace
}  // namespace network_system::websocket::response_tests
