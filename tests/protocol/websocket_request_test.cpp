// The server's side of the opening handshake (RFC 6455 section 4.2, RFC 9112).
#include "support/bytes.h"

#include <network_system/internal/websocket_handshake.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::websocket {
namespace {

using namespace network_system::testing;
using namespace std::string_view_literals;
using request_status = request_parser::status;

/// The example of section 1.2.
constexpr std::string_view example = "GET /chat HTTP/1.1\r\n"
                                     "Host: server.example.com\r\n"
                                     "Upgrade: websocket\r\n"
                                     "Connection: Upgrade\r\n"
                                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                     "Origin: http://example.com\r\n"
                                     "Sec-WebSocket-Protocol: chat, superchat\r\n"
                                     "Sec-WebSocket-Version: 13\r\n"
                                     "\r\n";

/// The example with one thing exchanged for another.
std::string with(std::string_view what, std::string_view instead) {
    std::string request(example);
    const std::size_t at = request.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return request.replace(at, what.size(), instead);
}
/// The example with a further line.
std::string with_line(std::string_view line) {
    return with("\r\n\r\n", "\r\n" + std::string(line) + "\r\n\r\n");
}

struct answer {
    request_status state = request_status::incomplete;
    unsigned http_status = 0;
    std::size_t used = 0;
    friend bool operator==(const answer&, const answer&) = default;
};

answer feed(request_parser& parser, std::string_view bytes, std::size_t first_chunk) {
    const byte_string all = text_bytes(bytes);
    answer seen;
    for (std::size_t chunk = first_chunk;
         seen.used < all.size() && parser.state() == request_status::incomplete;
         chunk = all.size()) {
        const auto rest = byte_span(all).subspan(seen.used);
        seen.used += parser.consume(rest.first(std::min(chunk, rest.size())));
    }
    seen.state = parser.state();
    seen.http_status = seen.state == request_status::refused ? parser.error().status : 0;
    return seen;
}

/// The answer to a request, the same for every split in two.
answer answer_to(std::string_view bytes, const handshake_limits& limits = {}) {
    request_parser whole(limits);
    const answer expected = feed(whole, bytes, bytes.size());
    for (std::size_t at = 1; at < bytes.size(); ++at) {
        request_parser parser(limits);
        EXPECT_EQ(feed(parser, bytes, at), expected) << at << " of " << bytes;
    }
    request_parser bytewise(limits);
    std::size_t used = 0;
    for (const char each : bytes) {
        const auto byte = static_cast<std::uint8_t>(each);
        used += bytewise.consume({&byte, 1});
    }
    EXPECT_EQ(used, expected.used);
    EXPECT_EQ(bytewise.state(), expected.state);
    return expected;
}

handshake_request parse(std::string_view bytes) {
    request_parser parser;
    EXPECT_EQ(parser.consume(text_bytes(bytes)), bytes.size());
    EXPECT_TRUE(parser.state() == request_status::upgrade ||
                parser.state() == request_status::plain);
    return parser.take_request();
}

TEST(websocket_request, the_example_of_section_1_2) {
    const handshake_request request = parse(example);
    EXPECT_EQ(request.method(), "GET");
    EXPECT_EQ(request.target(), "/chat");
    EXPECT_EQ(request.path(), "/chat");
    EXPECT_EQ(request.query(), "");
    EXPECT_EQ(request.host(), "server.example.com");
    EXPECT_EQ(request.origin(), "http://example.com");
    EXPECT_EQ(request.subprotocols(), (std::vector{"chat"sv, "superchat"sv}));
    EXPECT_EQ(request.head().field_count(), 7U);
    EXPECT_EQ(request.head().find("sec-websocket-KEY"), "dGhlIHNhbXBsZSBub25jZQ==");

    EXPECT_EQ(encode_accept(request, "chat").value(),
              "HTTP/1.1 101 Switching Protocols\r\n"
              "Upgrade: websocket\r\n"
              "Connection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
              "Sec-WebSocket-Protocol: chat\r\n"
              "\r\n");
}

TEST(websocket_request, stays_valid_when_it_is_moved) {
    request_parser parser;
    (void)parser.consume(text_bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    handshake_request first = parser.take_request();
    const handshake_request second = std::move(first);
    EXPECT_EQ(second.host(), "a");
    EXPECT_EQ(second.path(), "/");
}

TEST(websocket_request, what_follows_belongs_to_the_stream) {
    const std::string more = std::string(example) + "\x81\x80";
    EXPECT_EQ(answer_to(more), (answer{request_status::upgrade, 0, example.size()}));
}

struct accepted_case {
    std::string_view what;
    std::string bytes;
    request_status state = request_status::upgrade;
};
TEST(websocket_request, what_the_rfcs_allow) {
    const std::vector<accepted_case> all{
        {"4.2.1: upgrade in any case", with("Upgrade: websocket", "UPGRADE: WebSocket")},
        {"4.2.1: connection in any case", with("Connection: Upgrade", "connection: uPGRADE")},
        {"4.2.1: a token among others",
         with("Connection: Upgrade", "Connection: keep-alive, Upgrade")},
        {"4.2.1: other protocols too", with("Upgrade: websocket", "Upgrade: h2c, websocket")},
        {"4.2.1: tokens on several lines",
         with("Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade")},
        {"4.2.1: subprotocols on several lines", with_line("Sec-WebSocket-Protocol: third")},
        {"4.2.1: no origin", with("Origin: http://example.com\r\n", "")},
        {"4.2.1: no subprotocols", with("Sec-WebSocket-Protocol: chat, superchat\r\n", "")},
        {"4.2.1: extensions", with_line("Sec-WebSocket-Extensions: permessage-deflate; x=\"a,b\"")},
        {"4.2.1: a later HTTP/1", with("HTTP/1.1", "HTTP/1.2")},
        {"9112 2.2: an empty line in front", "\r\n" + std::string(example)},
        {"9112 3.2.2: an absolute target", with("/chat", "http://server.example.com/chat")},
        {"9112 3.2.2: of any known scheme", with("/chat", "WSS://server.example.com:80/chat?a")},
        {"9110 5.5: no white space before a value", with("Host: ", "Host:")},
        {"9110 5.5: much white space around a value", with("websocket\r", " \t websocket \t \r")},
        {"9110 5.5: an empty value", with_line("X-Empty:")},
        {"9110 5.5: a value beyond ASCII", with_line("X-Name: Gr\xC3\xBC\xC3\x9F"
                                                     "e")},
        {"9110 5.6.1: empty elements of a list",
         with("Connection: Upgrade", "Connection: ,,Upgrade ,")},
        {"9112 6.3: no body, and said so", with_line("Content-Length: 0")},
        {"a host with a port", with("server.example.com", "[::1]:8080")},
        {"a query with characters that browsers leave as they are",
         with("/chat", "/chat?q={\"a\":[1|2]}^`\\<>")},
        {"a double slash", with("/chat", "//chat")},
        {"key bits that no byte has", with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZR==")},

        {"no upgrade", with("Upgrade: websocket\r\n", ""), request_status::plain},
        {"another upgrade", with("Upgrade: websocket", "Upgrade: h2c"), request_status::plain},
        {"a plain request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", request_status::plain},
        {"a plain HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", request_status::plain},
        {"9110 7.8: an upgrade of HTTP/1.0", with("HTTP/1.1", "HTTP/1.0"), request_status::plain},
        {"HTTP/1.0 without a host", "GET / HTTP/1.0\r\n\r\n", request_status::plain},
    };
    for (const accepted_case& each : all) {
        EXPECT_EQ(answer_to(each.bytes), (answer{each.state, 0, each.bytes.size()})) << each.what;
    }
}

struct refused_case {
    std::string_view what;
    std::string bytes;
    unsigned http_status = 400;
};
TEST(websocket_request, what_is_refused) {
    const std::vector<refused_case> all{
        {"4.2.1: no upgrade in connection", with("Connection: Upgrade", "Connection: keep-alive")},
        {"4.2.1: no connection", with("Connection: Upgrade\r\n", "")},
        {"4.2.1: a part of a token", with("Connection: Upgrade", "Connection: Upgraded")},
        {"4.2.1: no key", with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "")},
        {"4.2.1: a short key", with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j")},
        {"4.2.1: a long key", with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZWFh")},
        {"4.2.1: a long key with an end",
         with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZWFhYQ==")},
        {"4.2.1: a key that is not base64", with("dGhlIHNhb", "dGhl*HNhb")},
        {"4.2.1: an empty key", with("dGhlIHNhbXBsZSBub25jZQ==", "")},
        {"11.3.1: two keys", with_line("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")},
        {"4.4: no version", with("Sec-WebSocket-Version: 13\r\n", ""), 426},
        {"4.4: another version", with("Version: 13", "Version: 8"), 426},
        {"4.4: several versions at once", with("Version: 13", "Version: 13, 8"), 426},
        {"11.3.5: two versions", with_line("Sec-WebSocket-Version: 13")},
        {"two origins", with_line("Origin: http://evil.example")},
        {"4.1: a subprotocol that is no token", with("superchat", "super chat")},
        {"4.1: a subprotocol twice", with("superchat", "chat")},
        {"4.1: a subprotocol twice on two lines", with_line("Sec-WebSocket-Protocol: chat")},
        {"4.1: HEAD does not upgrade", with("GET", "HEAD"), 405},
        {"4.2.1: no host", with("Host: server.example.com\r\n", "")},
        {"9112 3.2: two hosts", with_line("Host: server.example.com")},
        {"9112 3.2: an empty host", with("server.example.com", "")},
        {"9112 3.2: a host with a path", with("server.example.com", "a/b")},
        {"9112 3.2: a host with a user", with("server.example.com", "user@a")},
        {"9112 3.2: a host with a space", with("server.example.com", "a b")},

        {"9110 9.1: another method", with("GET", "POST"), 405},
        {"9110 9.1: an asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405},
        {"9110 9.1: a tunnel", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 405},
        {"9110 9.1: an unknown method", with("GET", "BREW"), 501},
        {"9110 9.1: a method in lower case", with("GET", "get"), 501},
        {"9112 2.3: HTTP/2", with("HTTP/1.1", "HTTP/2.0"), 505},
        {"9112 2.3: the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"9112 2.3: lower case", with("HTTP/1.1", "http/1.1")},
        {"9112 2.3: two digits", with("HTTP/1.1", "HTTP/1.10")},
        {"9112 2.3: no version", with(" HTTP/1.1", "")},
        {"9112 3: two spaces", with("GET /chat", "GET  /chat")},
        {"9112 3: a space at the end", with("HTTP/1.1", "HTTP/1.1 ")},
        {"9112 3: a tab", with("GET /chat", "GET\t/chat")},
        {"9112 3: a space in front", with("GET", " GET")},
        {"9112 2.2: two empty lines in front", "\r\n\r\n" + std::string(example)},
        {"9112 2.2: a bare line feed in front", "\n" + std::string(example)},
        {"9112 2.2: a bare carriage return in front", "\r" + std::string(example)},
        {"9112 2.2: a space and an empty line in front", " \r\n" + std::string(example)},
        {"9112 3.2: an asterisk for GET", with("/chat", "*")},
        {"9112 3.2: no slash", with("/chat", "chat")},
        {"9112 3.2: a scheme nobody knows", with("/chat", "ftp://a/chat")},
        {"9112 3.2: a scheme without a host", with("/chat", "http:///chat")},
        {"9112 3.2: a user in the target", with("/chat", "http://user@a/chat")},
        {"9112 3.2: a fragment", with("/chat", "/chat#part")},
        {"9112 3.2: beyond ASCII", with("/chat", "/ch\xC3\xA4t")},

        {"9112 5.2: a folded line", with_line("X-Long: one\r\n two")},
        {"9112 5.2: folded with a tab", with_line("X-Long: one\r\n\ttwo")},
        {"9112 5.2: a first line that is folded", with("Host:", " Host:")},
        {"9112 5.1: white space before the colon", with_line("X-Space : a")},
        {"9112 5.1: a tab before the colon", with_line("X-Tab\t: a")},
        {"9112 5.1: no colon", with_line("X-Nothing")},
        {"9112 5.1: no name", with_line(": a")},
        {"9110 5.1: a name that is no token", with_line("X(Name): a")},
        {"9110 5.1: a name beyond ASCII", with_line("X-N\xC3\xA4me: a")},
        {"9112 2.2: a bare line feed", with("/chat HTTP/1.1\r\n", "/chat HTTP/1.1\n")},
        {"9112 2.2: a bare line feed in a value", with_line("X-Value: a\nb")},
        {"9112 2.2: bare line feeds at the end", with("13\r\n\r\n", "13\n\n")},
        {"9112 2.2: a bare carriage return", with_line("X-Value: a\rb")},
        {"9112 2.2: two carriage returns", with("HTTP/1.1\r\n", "HTTP/1.1\r\r\n")},
        {"9110 5.5: a zero", with_line("X-Value: a\0b"sv)},
        {"9110 5.5: a control character", with_line("X-Value: a\x01"
                                                    "b")},
        {"9110 5.5: a delete", with_line("X-Value: a\x7F"
                                         "b")},
        {"a zero in the path", with("/chat", "/ch\0at"sv)},

        {"9112 6.1: a coded body", with_line("Transfer-Encoding: chunked")},
        {"9112 6.1: a body coded as itself", with_line("Transfer-Encoding: identity")},
        {"9112 6.2: a body", with_line("Content-Length: 5")},
        {"9112 6.2: two lengths", with_line("Content-Length: 0\r\nContent-Length: 5")},
        {"9112 6.2: a length that is a list", with_line("Content-Length: 0, 0")},
        {"9112 6.2: a signed length", with_line("Content-Length: +0")},
        {"a body of a plain request", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"},
        {"a TLS client", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"sv)},
    };
    for (const refused_case& each : all) {
        const answer seen = answer_to(each.bytes);
        EXPECT_EQ(seen.state, request_status::refused) << each.what;
        EXPECT_EQ(seen.http_status, each.http_status) << each.what;
    }
}

TEST(websocket_request, ends_with_the_byte_that_breaks_a_line) {
    const std::string bytes = "GET / HTTP/1.1\r\nHost: a\x01 more of this";
    EXPECT_EQ(answer_to(bytes), (answer{request_status::refused, 400, bytes.find('\x01') + 1}));
}

TEST(websocket_request, limits) {
    const std::string line = "X-Long: " + std::string(100, 'a');
    const std::string request = with_line(line);
    const handshake_limits exact{request.size(), line.size(), 8};
    EXPECT_EQ(answer_to(request, exact).state, request_status::upgrade);

    handshake_limits less = exact;
    less.max_head_bytes -= 1;
    EXPECT_EQ(answer_to(request, less).http_status, 431U);
    less = exact;
    less.max_line_bytes -= 1;
    EXPECT_EQ(answer_to(request, less).http_status, 431U);
    less = exact;
    less.max_fields -= 1;
    EXPECT_EQ(answer_to(request, less).http_status, 431U);
    less = exact;
    less.max_line_bytes = 10;
    EXPECT_EQ(answer_to(request, less).http_status, 414U);
    less = exact;
    less.max_head_bytes = 5;
    EXPECT_EQ(answer_to(request, less).http_status, 414U);
}

TEST(websocket_request, nothing_is_unlimited) {
    handshake_limits none;
    none.max_head_bytes = none.max_line_bytes = none.max_fields = std::string::npos;
    request_parser parser(none);
    const byte_string piece(10'000, 'a');
    std::size_t used = 0;
    while (parser.state() == request_status::incomplete) {
        used += parser.consume(piece);
    }
    EXPECT_EQ(used, 65'536U);
    EXPECT_EQ(parser.error().status, 414U);
}

TEST(websocket_request, paths_and_queries) {
    struct {
        std::string_view target, path, query, host;
    } const all[] = {
        {"/", "/", "", "server.example.com"},
        {"/a/b?c=d&e", "/a/b", "c=d&e", "server.example.com"},
        {"/?", "/", "", "server.example.com"},
        {"/?a?b", "/", "a?b", "server.example.com"},
        {"/%2F/../x", "/%2F/../x", "", "server.example.com"},
        {"http://other:81/a?b", "/a", "b", "other:81"},
        {"http://other", "/", "", "other"},
        {"http://other?b", "/", "b", "other"},
    };
    for (const auto& each : all) {
        const handshake_request request = parse(with("/chat", each.target));
        EXPECT_EQ(request.target(), each.target);
        EXPECT_EQ(request.path(), each.path) << each.target;
        EXPECT_EQ(request.query(), each.query) << each.target;
        EXPECT_EQ(request.host(), each.host) << each.target;
    }
}

TEST(websocket_request, fields) {
    const handshake_request request = parse(with_line("X-A: one\r\nx-a: two, ,three\r\nX-B:"));
    const http_head& head = request.head();
    EXPECT_EQ(head.find("X-A"), "one");
    EXPECT_EQ(head.find("X-B"), "");
    EXPECT_EQ(head.find("X-C"), std::nullopt);
    EXPECT_EQ(head.count("x-A"), 2U);
    EXPECT_EQ(head.find_all("X-A"), (std::vector{"one"sv, "two, ,three"sv}));
    EXPECT_EQ(head.list("X-A"), (std::vector{"one"sv, "two"sv, "three"sv}));
    EXPECT_TRUE(head.list_contains("X-A", "THREE"));
    EXPECT_FALSE(head.list_contains("X-A", "four"));
    EXPECT_EQ(head.field_at(7).name, "X-A");
    EXPECT_EQ(head.field_at(8).value, "two, ,three");
    EXPECT_EQ(head.start_line(), "GET /chat HTTP/1.1");
}

TEST(websocket_request, an_empty_request_has_empty_parts) {
    const handshake_request none;
    EXPECT_EQ(none.method(), "");
    EXPECT_EQ(none.path(), "");
    EXPECT_EQ(none.host(), "");
    EXPECT_TRUE(none.subprotocols().empty());
}

}  // namespace
}  // namespace network_system::websocket
