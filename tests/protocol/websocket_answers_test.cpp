// What a server answers to a handshake, and what it must not be made to say.
#include "support/bytes.h"

#include <network_system/internal/websocket_handshake.h>
#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::websocket {
namespace {

using namespace network_system::testing;

handshake_request request_for(std::string_view subprotocols) {
    request_parser parser;
    (void)parser.consume(text_bytes("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                                    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                    "Sec-WebSocket-Protocol: " +
                                    std::string(subprotocols) + "\r\n\r\n"));
    EXPECT_EQ(parser.state(), request_parser::status::upgrade);
    return parser.take_request();
}

TEST(websocket_answers, further_fields) {
    const handshake_request request = request_for("chat, superchat");
    const std::vector<header_field> cookies{{"Set-Cookie", "a=b"}, {"set-cookie", "c=d"}};
    const auto answer = encode_accept(request, {}, cookies);
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer.value().ends_with("\r\nSet-Cookie: a=b\r\nset-cookie: c=d\r\n\r\n"));
    EXPECT_EQ(answer.value().find("Protocol:"), std::string::npos);
}

void expect_invalid(const Result<std::string>& result) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, static_cast<int>(errc::invalid_argument));
    EXPECT_FALSE(result.error().message.empty());
}

TEST(websocket_answers, refuses_what_would_say_something_else) {
    const handshake_request request = request_for("chat, superchat");
    expect_invalid(encode_accept(request, "another"));
    expect_invalid(encode_accept(request, "CHAT"));
    expect_invalid(encode_accept(request, "chat\r\nX: y"));
    const std::vector<header_field> bad{
        {"X", "a\r\nSet-Cookie: b"},
        {"X", "a\nb"},
        {"X", "a\rb"},
        {"X", std::string("a\0b", 3)},
        {"X: y", "a"},
        {"X\r\nY", "a"},
        {"", "a"},
        {"X Y", "a"},
        {"Upgrade", "h2c"},
        {"CONNECTION", "close"},
        {"Content-Length", "5"},
        {"transfer-encoding", "chunked"},
        {"Sec-WebSocket-Accept", "x"},
        {"Sec-WebSocket-Protocol", "x"},
        {"Sec-WebSocket-Extensions", "x"},
        {"sec-websocket-version", "13"},
        {"Host", "a"},
        {"Keep-Alive", "5"},
        {"Proxy-Connection", "close"},
        {"TE", "trailers"},
        {"Trailer", "X"},
        {"Expect", "100-continue"},
        {"X", std::string(70'000, 'x')},
        {std::string(70'000, 'x'), "a"},
    };
    for (const header_field& each : bad) {
        expect_invalid(encode_accept(request, "chat", {&each, 1}));
    }
}

TEST(websocket_answers, answers_to_plain_requests) {
    EXPECT_EQ(encode_response(http_response{200, {{"X", "y"}}, "hello"}).value(),
              "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n"
              "Content-Type: text/plain; charset=utf-8\r\nX: y\r\n\r\nhello");
    EXPECT_EQ(encode_response(http_response{200, {}, "hello"}, true).value(),
              "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n"
              "Content-Type: text/plain; charset=utf-8\r\n\r\n");
    EXPECT_EQ(encode_response(http_response{200, {{"content-type", "text/html"}}, "<p>"}).value(),
              "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n"
              "content-type: text/html\r\n\r\n<p>");
    EXPECT_EQ(encode_response(http_response{204, {}, {}}).value(),
              "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(encode_response(http_response{404, {}, {}}).value(),
              "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(encode_response(http_response{599, {}, {}}).value(),
              "HTTP/1.1 599 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    expect_invalid(encode_response(http_response{101, {}, {}}));
    expect_invalid(encode_response(http_response{600, {}, {}}));
    expect_invalid(encode_response(http_response{204, {}, "body"}));
    expect_invalid(encode_response(http_response{205, {}, "body"}));
    expect_invalid(encode_response(http_response{304, {}, "body"}));
    expect_invalid(encode_response(http_response{200, {{"X", "a\r\n"}}, {}}));
    expect_invalid(encode_response(http_response{200, {{"Connection", "keep-alive"}}, {}}));
    expect_invalid(encode_response(http_response{200, {{"content-length", "9"}}, {}}));
}

TEST(websocket_answers, fields_that_contradict_each_other) {
    for (const char* name : {"Content-Type", "Location", "Origin", "Authorization"}) {
        const std::vector<header_field> once{{name, "a"}, {"X", "y"}};
        const std::vector<header_field> twice{{name, "a"}, {"X", "y"}, {name, "b"}};
        EXPECT_TRUE(encode_response(http_response{404, once, {}})) << name;
        expect_invalid(encode_response(http_response{404, twice, {}}));
    }
    EXPECT_TRUE(encode_response(http_response{404, {{"Vary", "a"}, {"Vary", "b"}}, {}}));
}

TEST(websocket_answers, a_rejection_is_no_success) {
    for (const unsigned status : {300U, 304U, 403U, 418U, 500U, 599U}) {
        EXPECT_TRUE(encode_rejection(http_response{status, {}, {}})) << status;
    }
    for (const unsigned status :
         {0U, 1U, 100U, 101U, 199U, 200U, 204U, 299U, 600U, 4'294'967'295U}) {
        const auto answer = encode_rejection(http_response{status, {}, {}});
        expect_invalid(answer);
        EXPECT_NE(answer.error().message.find("not with status " + std::to_string(status)),
                  std::string::npos)
            << answer.error().message;
    }
    expect_invalid(encode_rejection(http_response{304, {}, "body"}));
    EXPECT_EQ(encode_rejection(http_response{403, {}, "no"}).value(),
              encode_response(http_response{403, {}, "no"}).value());
}

TEST(websocket_answers, answers_to_what_was_refused) {
    EXPECT_EQ(encode_response(http_error{400, "why"}),
              "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 4\r\n"
              "Content-Type: text/plain; charset=utf-8\r\n\r\nwhy\n");
    // Section 4.4, and RFC 9110 section 15.5.22.
    EXPECT_TRUE(encode_response(http_error{426, "why"})
                    .starts_with("HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade, close\r\n"
                                 "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"));
    EXPECT_NE(encode_response(http_error{405, "why"}).find("\r\nAllow: GET, HEAD\r\n"),
              std::string::npos);
}

}  // namespace
}  // namespace network_system::websocket
