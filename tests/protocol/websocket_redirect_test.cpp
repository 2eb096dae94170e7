// Where redirects lead (RFC 3986 section 5, RFC 9110 sections 10.2.2 and 15.4), and which are not
// followed.
#include "protocol/websocket/redirect.h"
#include "support/bytes.h"

#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace network_system::inline v0_1::websocket {
namespace {

using namespace network_system::testing;

[[nodiscard]] url url_of(std::string_view text) {
    auto parsed = parse_url(text, "test");
    EXPECT_TRUE(parsed.is_ok()) << text;
    return parsed ? parsed.value() : url{};
}

[[nodiscard]] http_head head_with(std::string_view fields) {
    http_head_parser parser;
    (void)parser.consume(text_bytes("HTTP/1.1 302 Found\r\n" + std::string(fields) + "\r\n"));
    EXPECT_EQ(parser.state(), http_head_parser::status::complete);
    return parser.take_head();
}

struct location_row {
    std::string_view location;
    std::string_view wanted;
};

TEST(websocket_redirect, is_resolved_as_the_rfc_shows) {
    // RFC 3986 sections 5.4.1 and 5.4.2, without the parameters that belong to a path.
    const url from = url_of("ws://a/b/c/d;p?q");
    for (const location_row& each : {
             location_row{"g", "ws://a/b/c/g"},
             location_row{"./g", "ws://a/b/c/g"},
             location_row{"g/", "ws://a/b/c/g/"},
             location_row{"/g", "ws://a/g"},
             location_row{"//g", "ws://g/"},
             location_row{"?y", "ws://a/b/c/d;p?y"},
             location_row{"g?y", "ws://a/b/c/g?y"},
             location_row{"#s", "ws://a/b/c/d;p?q"},
             location_row{"g#s", "ws://a/b/c/g"},
             location_row{"g?y#s", "ws://a/b/c/g?y"},
             location_row{";x", "ws://a/b/c/;x"},
             location_row{"g;x?y#s", "ws://a/b/c/g;x?y"},
             location_row{".", "ws://a/b/c/"},
             location_row{"./", "ws://a/b/c/"},
             location_row{"..", "ws://a/b/"},
             location_row{"../", "ws://a/b/"},
             location_row{"../g", "ws://a/b/g"},
             location_row{"../..", "ws://a/"},
             location_row{"../../", "ws://a/"},
             location_row{"../../g", "ws://a/g"},
             location_row{"../../../g", "ws://a/g"},
             location_row{"../../../../g", "ws://a/g"},
             location_row{"/./g", "ws://a/g"},
             location_row{"/../g", "ws://a/g"},
             location_row{"g.", "ws://a/b/c/g."},
             location_row{".g", "ws://a/b/c/.g"},
             location_row{"g..", "ws://a/b/c/g.."},
             location_row{"..g", "ws://a/b/c/..g"},
             location_row{"./../g", "ws://a/b/g"},
             location_row{"./g/.", "ws://a/b/c/g/"},
             location_row{"g/./h", "ws://a/b/c/g/h"},
             location_row{"g/../h", "ws://a/b/c/h"},
             location_row{"g;x=1/./y", "ws://a/b/c/g;x=1/y"},
             location_row{"g;x=1/../y", "ws://a/b/c/y"},
             location_row{"g?y/./x", "ws://a/b/c/g?y/./x"},
             location_row{"g?y/../x", "ws://a/b/c/g?y/../x"},
             location_row{"g#s/../x", "ws://a/b/c/g"},
             location_row{"?", "ws://a/b/c/d;p?"},
             location_row{"/a//b/../c", "ws://a/a//c"},
             location_row{"//g/x/../y?z#f", "ws://g/y?z"},
             location_row{"/x:y", "ws://a/x:y"},
             location_row{"./x:y", "ws://a/b/c/x:y"},
             location_row{"?a:b", "ws://a/b/c/d;p?a:b"},
             location_row{"/x@y", "ws://a/x@y"},
             location_row{"/%2e%2e/x", "ws://a/%2e%2e/x"},
         }) {
        const auto to = resolve_location(from, each.location, "test");
        ASSERT_TRUE(to.is_ok()) << each.location << ": " << to.error().message;
        EXPECT_EQ(to_string(to.value()), each.wanted) << each.location;
    }
}

TEST(websocket_redirect, may_lead_to_other_schemes_hosts_and_ports) {
    const url from = url_of("ws://a:8080/b?c");
    for (const location_row& each : {
             location_row{"ws://b/x", "ws://b/x"},
             location_row{"WS://b", "ws://b/"},
             location_row{"http://b/x?y#z", "ws://b/x?y"},
             location_row{"http://b:80/", "ws://b/"},
             location_row{"http://b:443/", "ws://b:443/"},
             location_row{"https://b/x", "wss://b/x"},
             location_row{"HTTPS://b:443/x", "wss://b/x"},
             location_row{"wss://b:80/x", "wss://b:80/x"},
             location_row{"//b:9/x", "ws://b:9/x"},
             location_row{"//b", "ws://b/"},
             location_row{"?d", "ws://a:8080/b?d"},
             location_row{"/x", "ws://a:8080/x"},
             location_row{"ws://[2001:db8::1]:9/x", "ws://[2001:db8::1]:9/x"},
             location_row{"https://b#/x", "wss://b/"},
             location_row{"https://b?x", "wss://b/?x"},
         }) {
        const auto to = resolve_location(from, each.location, "test");
        ASSERT_TRUE(to.is_ok()) << each.location << ": " << to.error().message;
        EXPECT_EQ(to_string(to.value()), each.wanted) << each.location;
    }
    EXPECT_EQ(to_string(resolve_location(url_of("wss://a/b"), "//c/d", "test").value()),
              "wss://c/d");
    // A Unix domain socket stays what it is.
    const auto same = resolve_location({false, "unix:/run/a", 0, "/b"}, "/c", "test").value();
    EXPECT_EQ(same.host, "unix:/run/a");
    EXPECT_EQ(same.target, "/c");
}

TEST(websocket_redirect, that_is_wrong_says_so) {
    using namespace std::string_view_literals;
    const url from = url_of("ws://a/b");
    for (const location_row& each : {
             location_row{"", "visible ASCII"},
             location_row{"/a b", "visible ASCII"},
             location_row{"/a\0"sv, "visible ASCII"},
             location_row{"/\xC3\xA9", "visible ASCII"},
             location_row{"/a\tb", "visible ASCII"},
             location_row{"ftp://b/", "only ws, wss, http and https"},
             location_row{"file:///etc/passwd", "only ws, wss, http and https"},
             location_row{"javascript:alert(1)", "only ws, wss, http and https"},
             location_row{"unix:/run/a", "only ws, wss, http and https"},
             location_row{"ws+unix:/run/a", "only ws, wss, http and https"},
             location_row{"x:y", "only ws, wss, http and https"},
             location_row{"://b/", "only ws, wss, http and https"},
             location_row{"http:/b", "no host"},
             location_row{"http:b", "no host"},
             location_row{"ws:", "no host"},
             location_row{"ws://", "no host"},
             location_row{"//", "no host"},
             location_row{"///b", "no host"},
             location_row{"ws://:80/", "no host"},
             location_row{"ws://user@b/", "user name"},
             location_row{"ws://user:password@b/", "user name"},
             location_row{"//@b/", "user name"},
             location_row{"ws://b:0/", "1 to 65535"},
             location_row{"ws://b:65536/", "1 to 65535"},
             location_row{"ws://b:x/", "1 to 65535"},
             location_row{"ws://b:80:80/", "in brackets"},
             location_row{"ws://[::1/", "not closed"},
             location_row{"ws://[unix:x]/", "host"},
             location_row{"ws://[b]/", "no IPv6 address"},
             location_row{"ws://b%2f/", "percent-encoded"},
             location_row{"ws://b_%/", "percent-encoded"},
             location_row{"ws://127.1/", "host"},
             location_row{"ws://b..c/", "host"},
         }) {
        const auto to = resolve_location(from, each.location, "test");
        ASSERT_TRUE(to.is_err()) << each.location << ": " << to_string(to.value());
        EXPECT_EQ(to.error().code, static_cast<int>(errc::invalid_argument));
        EXPECT_NE(to.error().message.find(each.wanted), std::string::npos)
            << each.location << ": " << to.error().message;
    }
}

TEST(websocket_redirect, is_one_of_five_answers_with_a_location) {
    const auto with = head_with("Location: /x\r\n");
    const auto without = head_with("");
    for (unsigned status = 100; status < 600; ++status) {
        const bool is_one =
            status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
        EXPECT_EQ(is_redirect(status, with), is_one) << status;
        EXPECT_FALSE(is_redirect(status, without));
    }
    EXPECT_FALSE(is_redirect(302, head_with("Location:\r\n")));
}

struct follow_row {
    std::string_view from;
    std::string fields;
    redirect_count count;
    /// Of an error: what is in it.
    std::string_view wanted;
    bool is_followed;
};

TEST(websocket_redirect, is_followed_or_not) {
    for (const follow_row& each : {
             follow_row{"ws://a/", "Location: /b\r\n", {1, 0}, "ws://a/b", true},
             follow_row{"ws://a/", "Location: https://b/\r\n", {5, 4}, "wss://b/", true},
             follow_row{"wss://a/", "Location: https://b/\r\n", {5, 4}, "wss://b/", true},
             follow_row{"ws://a/", "Location: /b\r\n", {0, 0}, "redirects are not followed", false},
             follow_row{"ws://a/", "Location: /b\r\n", {2, 2}, "no more than 2", false},
             follow_row{"wss://a/", "Location: ws://a/\r\n", {2, 0}, "from wss to ws", false},
             follow_row{"wss://a/", "Location: http://b/\r\n", {2, 0}, "from wss to ws", false},
             follow_row{
                 "ws://a/", "Location: /b\r\nLocation: /b\r\n", {2, 0}, "exactly one", false},
             follow_row{"ws://a/", "Location: ftp://b/\r\n", {2, 0}, "only ws, wss", false},
         }) {
        const auto to =
            follow_redirect(url_of(each.from), head_with(each.fields), each.count, "test");
        ASSERT_EQ(to.is_ok(), each.is_followed) << each.fields;
        if (to) {
            EXPECT_EQ(to_string(to.value()), each.wanted);
        } else {
            EXPECT_EQ(to.error().code, static_cast<int>(errc::handshake_rejected));
            EXPECT_NE(to.error().message.find(each.wanted), std::string::npos)
                << to.error().message;
        }
    }
}

TEST(websocket_redirect, to_another_origin_is_known_as_one) {
    const url from = url_of("wss://example.org:444/a?b");
    for (const auto same : {"wss://example.org:444/", "wss://EXAMPLE.org:444/x?y"}) {
        EXPECT_TRUE(is_same_origin(from, url_of(same))) << same;
    }
    for (const auto other :
         {"wss://example.org/a?b", "ws://example.org:444/a?b", "wss://www.example.org:444/a?b",
          "wss://example.org.:444/a?b", "wss://example.com:444/a?b"}) {
        EXPECT_FALSE(is_same_origin(from, url_of(other))) << other;
    }
}

TEST(websocket_redirect, is_described_without_its_query) {
    EXPECT_EQ(describe(url_of("wss://b:9/x?token=secret")), "wss://b:9/x?...");
    EXPECT_EQ(describe(url_of("ws://b:80")), "ws://b/");
    EXPECT_EQ(describe({false, "unix:/run/a", 0, "/x"}), "ws://localhost/x");
    EXPECT_EQ(describe(url_of("wss://[::1]:443")), "wss://[::1]/");
}

}  // namespace
}  // namespace network_system::websocket
