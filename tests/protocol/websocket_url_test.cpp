// WebSocket URLs (RFC 6455 section 3): each part is taken, or the URL is refused by what is wrong.
#include "protocol/websocket/url.h"

#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::websocket {
namespace {

struct good_url {
    std::string_view text;
    bool is_secure;
    std::string_view host;
    std::uint16_t port;
    std::string_view target;
};

TEST(websocket_url, has_its_parts) {
    for (const good_url& each : {
             good_url{"ws://example.org", false, "example.org", 80, "/"},
             good_url{"wss://example.org", true, "example.org", 443, "/"},
             good_url{"WsS://example.org/", true, "example.org", 443, "/"},
             good_url{"ws://example.org:8080/chat?room=1&x=/?", false, "example.org", 8080,
                      "/chat?room=1&x=/?"},
             good_url{"ws://example.org?room=1", false, "example.org", 80, "/?room=1"},
             good_url{"ws://example.org:/", false, "example.org", 80, "/"},
             good_url{"ws://h:1/", false, "h", 1, "/"},
             good_url{"ws://h:65535", false, "h", 65535, "/"},
             good_url{"ws://h:00080", false, "h", 80, "/"},
             good_url{"wss://192.0.2.1:444/a%20b", true, "192.0.2.1", 444, "/a%20b"},
             good_url{"ws://[::1]", false, "::1", 80, "/"},
             good_url{"ws://[2001:db8::1]:9/x", false, "2001:db8::1", 9, "/x"},
             good_url{"ws://[fe80::1%25eth0]:9", false, "fe80::1%eth0", 9, "/"},
             good_url{"ws://h/a:b@c[d]", false, "h", 80, "/a:b@c[d]"},
         }) {
        const auto parsed = parse_url(each.text, "test");
        ASSERT_TRUE(parsed.is_ok()) << each.text << ": " << parsed.error().message;
        EXPECT_EQ(parsed.value().is_secure, each.is_secure) << each.text;
        EXPECT_EQ(parsed.value().host, each.host) << each.text;
        EXPECT_EQ(parsed.value().port, each.port) << each.text;
        EXPECT_EQ(parsed.value().target, each.target) << each.text;
    }
}

struct bad_url {
    std::string_view text;
    std::string_view complaint;
};

TEST(websocket_url, is_refused_by_what_is_wrong) {
    using namespace std::string_view_literals;
    for (const bad_url& each : {
             bad_url{"", "begins with ws://"},
             bad_url{"example.org", "begins with ws://"},
             bad_url{"example.org:80", "begins with ws://"},
             bad_url{"http://example.org", "begins with ws://"},
             bad_url{"https://example.org", "begins with ws://"},
             bad_url{"wsss://example.org", "begins with ws://"},
             bad_url{" ws://example.org", "begins with ws://"},
             bad_url{"ws:example.org", "begins with ws://"},
             bad_url{"ws:/example.org", "begins with ws://"},
             bad_url{"://example.org", "begins with ws://"},
             bad_url{"ws://", "names no host"},
             bad_url{"ws:///chat", "names no host"},
             bad_url{"ws://:80/", "names no host"},
             bad_url{"ws://[]/", "no IPv6 address"},
             bad_url{"ws://user@h/", "user information"},
             bad_url{"ws://user:word@h:80/", "user information"},
             bad_url{"ws://h/#top", "fragment"},
             bad_url{"ws://h#top", "fragment"},
             bad_url{"ws://h/?a#", "fragment"},
             bad_url{"ws://h:0/", "1 to 65535"},
             bad_url{"ws://h:65536/", "1 to 65535"},
             bad_url{"ws://h:99999999999999999999/", "1 to 65535"},
             bad_url{"ws://h:8o/", "1 to 65535"},
             bad_url{"ws://h:-1/", "1 to 65535"},
             bad_url{"ws://h:+1/", "1 to 65535"},
             bad_url{"ws://h: 1/", "1 to 65535"},
             bad_url{"ws://::1/", "in brackets"},
             bad_url{"ws://1::2:80/", "in brackets"},
             bad_url{"ws://[::1/", "not closed"},
             bad_url{"ws://[::1]80/", "a colon and the port"},
             bad_url{"ws://[h]/", "no IPv6 address"},
             bad_url{"ws://[fe80::1%eth0]/", "%25"},
             bad_url{"ws://h%41/", "not percent-encoded"},
             bad_url{"ws://h/a b", "percent-encode"},
             bad_url{"ws://h/\r\nX: y", "percent-encode"},
             bad_url{"ws://h/\xC3\xA4", "percent-encode"},
             bad_url{"ws://h/\0"sv, "percent-encode"},
         }) {
        const auto parsed = parse_url(each.text, "test");
        ASSERT_TRUE(parsed.is_err()) << each.text;
        EXPECT_EQ(parsed.error().code, static_cast<int>(errc::invalid_argument)) << each.text;
        EXPECT_NE(parsed.error().message.find(each.complaint), std::string::npos)
            << each.text << ": " << parsed.error().message;
    }
}

}  // namespace
}  // namespace network_system::websocket
