#include "protocol/proxy/http_connect.h"
#include "support/bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace network_system::inline v0_1::protocol {
namespace {

using network_system::testing::text_bytes;
using tunnel_status = tunnel_request::status;

std::unique_ptr<http_connect> connect_request(
    const proxy_credentials& who = {}, const std::vector<websocket::header_field>& headers = {}) {
    return http_connect::to("example.org:443", who, headers).value();
}

std::string output_of(tunnel_request& request) {
    const auto output = request.take_output();
    return {output.begin(), output.end()};
}

TEST(http_connect, asks_for_the_authority) {
    const auto plain = connect_request();
    EXPECT_EQ(output_of(*plain),
              "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n");
    EXPECT_EQ(output_of(*plain), "");
    const auto v6 = http_connect::to("[2001:db8::1]:80", {}, {}).value();
    EXPECT_EQ(output_of(*v6),
              "CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n");
    // The example of RFC 7617, section 2.
    const auto known = connect_request({"Aladdin", "open sesame"}, {{"X-Trace", "7"}, {"Via", ""}});
    EXPECT_EQ(output_of(*known), "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n"
                                 "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"
                                 "X-Trace: 7\r\nVia: \r\n\r\n");
    EXPECT_NE(output_of(*connect_request({"user", ""})).find("Basic dXNlcjo=\r\n"),
              std::string::npos);
}

TEST(http_connect, refuses_what_would_be_another_request) {
    struct row {
        proxy_credentials who;
        std::vector<websocket::header_field> headers;
        const char* expected;
    };
    for (const row& each : {
             row{{"", "secret"}, {}, "proxy.password is given without a proxy.user"},
             row{{"se:cret", "x"}, {}, "proxy.user has a colon"},
             row{{"secret\r\n", "x"}, {}, "proxy.user has a control character"},
             row{{"x", "secret\n"}, {}, "proxy.password has a control character"},
             row{{}, {{"Host", "secret"}}, "proxy.headers: header field Host is set by"},
             row{{}, {{"Content-Length", "5"}}, "proxy.headers: header field Content-Length"},
             row{{}, {{"A", "secret\r\nB: c"}}, "proxy.headers: header field A with a control"},
             row{{}, {{"A B", "secret"}}, "proxy.headers: header field with an invalid name"},
             row{{}, {{"A", std::string(70'000, 's')}}, "proxy.headers: header fields of more"},
             row{{"user", "secret"}, {{"proxy-authorization", "secret"}}, "Proxy-Authorization"},
             row{{},
                 {{"Proxy-Authorization", "secret"}, {"Proxy-Authorization", "secret"}},
                 "Proxy-Authorization is there twice"},
         }) {
        const auto made = http_connect::to("example.org:443", each.who, each.headers);
        ASSERT_TRUE(made.is_err()) << each.expected;
        EXPECT_EQ(made.error(), errc::invalid_argument);
        EXPECT_EQ(made.error().source, "proxy");
        EXPECT_NE(made.error().message.find(each.expected), std::string::npos)
            << made.error().message;
        EXPECT_EQ(made.error().message.find("secret"), std::string::npos);
        EXPECT_EQ(made.error().message.find("cret"), std::string::npos);
    }
    EXPECT_TRUE(http_connect::to("a b:1", {}, {}).is_err());
    EXPECT_TRUE(http_connect::to("", {}, {}).is_err());
}

struct answer_row {
    const char* name;
    std::string answer;
    tunnel_status expected;
    errc code = {};
    std::string text = {};
};

[[nodiscard]] std::vector<answer_row> answers() {
    const std::string asks = "HTTP/1.1 407 secret\r\nProxy-Authenticate: ";
    const auto none = [](const char* schemes) {
        return std::string("407 Proxy Authentication Required (no user was given; the proxy asks "
                           "for ") +
               schemes + ")";
    };
    return {
        {"the shortest", "HTTP/1.1 200\r\n\r\n", tunnel_status::open},
        {"of HTTP/1.0", "HTTP/1.0 200 Connection established\r\n\r\n", tunnel_status::open},
        {"with fields", "HTTP/1.1 200 OK\r\nVia: a\r\nContent-Length: 5\r\n\r\n",
         tunnel_status::open},
        {"any 2xx", "HTTP/1.1 299 Fine\r\nTransfer-Encoding: chunked\r\n\r\n", tunnel_status::open},
        {"behind others",
         "HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 103 Wait\r\nA: b\r\n\r\n"
         "HTTP/1.1 200 OK\r\n\r\n",
         tunnel_status::open},
        {"a line break within", "HTTP/1.1 200 O\r\nA: b\r\nC:\r\n\r\n", tunnel_status::open},
        {"407", asks + "Basic realm=\"a, b\"\r\n\r\n", tunnel_status::failed,
         errc::handshake_rejected, none("Basic")},
        {"407 with several",
         asks + "Digest realm=\"x\", qop=\"auth\", basic realm=x\r\n"
                "proxy-authenticate: Negotiate\r\n\r\n",
         tunnel_status::failed, errc::handshake_rejected, none("Digest or Basic or Negotiate")},
        {"407 of a scheme that may be a secret", asks + "c2VjcmV0\r\n\r\n", tunnel_status::failed,
         errc::handshake_rejected, none("another scheme")},
        {"407 of nothing", "HTTP/1.1 407 secret\r\n\r\n", tunnel_status::failed,
         errc::handshake_rejected, none("nothing")},
        {"401", "HTTP/1.0 401 secret\r\nWWW-Authenticate: Basic realm=a\r\n\r\n",
         tunnel_status::failed, errc::handshake_rejected,
         "401 Unauthorized (no user was given; the proxy asks for Basic)"},
        {"403", "HTTP/1.1 403 secret\r\n\r\n", tunnel_status::failed, errc::handshake_rejected,
         "403 Forbidden"},
        {"101", "HTTP/1.1 101 secret\r\n\r\n", tunnel_status::failed, errc::handshake_rejected,
         "101"},
        {"302", "HTTP/1.1 302 secret\r\nLocation: /\r\n\r\n", tunnel_status::failed,
         errc::handshake_rejected, "302 Found"},
        {"408", "HTTP/1.1 408\r\n\r\n", tunnel_status::failed, errc::connection_timeout,
         "408 Request Timeout"},
        {"429", "HTTP/1.1 429\r\n\r\n", tunnel_status::failed, errc::connection_failed,
         "429 Too Many Requests"},
        {"502", "HTTP/1.1 502 secret\r\n\r\n", tunnel_status::failed, errc::connection_failed,
         "502 Bad Gateway"},
        {"503", "HTTP/1.1 503 secret\r\n\r\n", tunnel_status::failed, errc::connection_failed,
         "503 Service Unavailable"},
        {"504", "HTTP/1.1 504 secret\r\n\r\n", tunnel_status::failed, errc::connection_timeout,
         "504 Gateway Timeout"},
        {"599", "HTTP/1.1 599 secret\r\n\r\n", tunnel_status::failed, errc::connection_failed,
         "599"},
        {"not HTTP", "SSH-2.0-secret\r\n\r\n", tunnel_status::failed, errc::protocol_error,
         "the proxy does not speak HTTP/1.1"},
        {"no status", "HTTP/1.1 2x0 secret\r\n\r\n", tunnel_status::failed, errc::protocol_error,
         "the proxy does not speak HTTP/1.1"},
        {"HTTP/2", "HTTP/2 200\r\nA: b\r\n\r\n", tunnel_status::failed, errc::protocol_error,
         "the proxy does not speak HTTP/1.1"},
        {"a bare line feed", "HTTP/1.1 200 OK\n\n", tunnel_status::failed, errc::protocol_error,
         "the proxy's answer is malformed: line feed without a carriage return"},
        {"a control character", std::string("HTTP/1.1 200 \0OK\r\n\r\n", 19), tunnel_status::failed,
         errc::protocol_error, "the proxy's answer is malformed: control character"},
        {"a folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", tunnel_status::failed,
         errc::protocol_error, "the proxy's answer is malformed: folded header line"},
    };
}

/// Feeds the answer and what is the target's in pieces of `size`, or of what is wanted if that is
/// 0; how much was taken.
std::size_t feed(http_connect& request, const std::string& stream, std::size_t size) {
    const auto bytes = text_bytes(stream);
    std::size_t taken = 0;
    while (taken < bytes.size() && request.state() == tunnel_status::asking) {
        EXPECT_GT(request.wanted(), 0U);
        const std::size_t piece =
            std::min(size != 0 ? size : request.wanted(), bytes.size() - taken);
        taken += request.consume(std::span(bytes).subspan(taken, piece));
    }
    return taken;
}

TEST(http_connect, reads_answers_in_any_pieces) {
    for (const answer_row& each : answers()) {
        const std::string stream = each.answer + "SSH-2.0 of the target\r\n\r\n";
        for (std::size_t size = 0; size <= stream.size(); ++size) {
            const auto request = connect_request();
            const std::size_t taken = feed(*request, stream, size);
            ASSERT_EQ(request->state(), each.expected) << each.name << " in pieces of " << size;
            EXPECT_EQ(request->code(), each.code) << each.name;
            EXPECT_EQ(request->text(), each.text) << each.name;
            EXPECT_EQ(request->wanted(), 0U);
            if (each.expected == tunnel_status::open) {
                ASSERT_EQ(taken, each.answer.size()) << each.name << " in pieces of " << size;
            }
        }
    }
}

TEST(http_connect, waits_for_the_whole_answer_and_wants_no_more) {
    for (const answer_row& each : answers()) {
        if (each.expected != tunnel_status::open) {
            continue;
        }
        for (std::size_t cut = 0; cut < each.answer.size(); ++cut) {
            const auto request = connect_request();
            const auto bytes = text_bytes(each.answer.substr(0, cut));
            EXPECT_EQ(request->consume(bytes), cut);
            EXPECT_EQ(request->state(), tunnel_status::asking) << each.name << " cut at " << cut;
            EXPECT_GE(request->wanted(), 1U);
            EXPECT_LE(request->wanted(), each.answer.size() - cut) << each.name << " at " << cut;
        }
    }
}

TEST(http_connect, says_what_it_has_sent) {
    const std::string refusal = "HTTP/1.1 407\r\nProxy-Authenticate: Digest realm=x\r\n\r\n";
    const auto as_user = connect_request({"user", "secret"});
    (void)feed(*as_user, refusal, 0);
    EXPECT_EQ(as_user->text(),
              "407 Proxy Authentication Required (the user and password that were sent as Basic "
              "were refused; the proxy asks for Digest)");
    const auto by_field = connect_request({}, {{"Proxy-Authorization", "Bearer secret"}});
    (void)feed(*by_field, refusal, 0);
    EXPECT_EQ(by_field->text(),
              "407 Proxy Authentication Required (the Proxy-Authorization field that was sent was "
              "refused; the proxy asks for Digest)");
}

TEST(http_connect, bounds_the_answer) {
    std::string fields = "HTTP/1.1 200 OK\r\n";
    for (std::size_t i = 0; i < http_connect::max_fields; ++i) {
        fields += "A: b\r\n";
    }
    const auto full = connect_request();
    (void)feed(*full, fields + "\r\n", 0);
    EXPECT_EQ(full->state(), tunnel_status::open);
    const auto beyond = connect_request();
    (void)feed(*beyond, fields + "A: b\r\n\r\n", 0);
    EXPECT_EQ(beyond->code(), errc::protocol_error);
    EXPECT_EQ(beyond->text(), "the proxy's answer is malformed: too many header fields");

    // Of what precedes the answer, too.
    std::string endless;
    while (endless.size() <= http_connect::max_head_size) {
        endless += "HTTP/1.1 100 Continue\r\n\r\n";
    }
    const auto tired = connect_request();
    EXPECT_LE(feed(*tired, endless, 0), http_connect::max_head_size + 1);
    EXPECT_EQ(tired->code(), errc::protocol_error);
    const auto long_line = connect_request();
    EXPECT_LE(feed(*long_line, "HTTP/1.1 200 " + std::string(20'000, 'x'), 0), 8'200U);
    EXPECT_EQ(long_line->code(), errc::protocol_error);
}

}  // namespace
}  // namespace network_system::protocol
