#include <network_system/core/proxy_options.h>

#include <gtest/gtest.h>

#include <string>

namespace network_system::inline v0_1::core {
namespace {

struct url_row {
    const char* url;
    proxy_kind kind;
    const char* host;
    std::uint16_t port;
    const char* user = "";
    const char* password = "";
};

TEST(parse_proxy, takes_the_parts_of_a_url) {
    using enum proxy_kind;
    for (const url_row& each : {
             url_row{"http://proxy", http_connect, "proxy", 80},
             url_row{"HTTP://Proxy.Example.org:3128", http_connect, "Proxy.Example.org", 3128},
             url_row{"http://proxy/", http_connect, "proxy", 80},
             url_row{"http://proxy:/", http_connect, "proxy", 80},
             url_row{"https://proxy", https_connect, "proxy", 443},
             url_row{"https://192.0.2.1:8443", https_connect, "192.0.2.1", 8443},
             url_row{"socks5h://proxy", socks5h, "proxy", 1080},
             url_row{"Socks5H://[2001:db8::1]:1", socks5h, "2001:db8::1", 1},
             url_row{"http://[::1]", http_connect, "::1", 80},
             url_row{"http://user:pass@proxy:1", http_connect, "proxy", 1, "user", "pass"},
             url_row{"http://user@proxy", http_connect, "proxy", 80, "user", ""},
             url_row{"http://user:@proxy", http_connect, "proxy", 80, "user", ""},
             url_row{"http://a%40b:%3a%2F%25%c3%a4@proxy", http_connect, "proxy", 80, "a@b",
                     ":/%\xc3\xa4"},
             url_row{"http://user:a:b@c@proxy", http_connect, "proxy", 80, "user", "a:b@c"},
             url_row{"socks5h://user:pass@[::1]:65535", socks5h, "::1", 65535, "user", "pass"},
         }) {
        const auto parsed = parse_proxy(each.url);
        ASSERT_TRUE(parsed.is_ok()) << each.url << ": " << parsed.error().message;
        EXPECT_EQ(parsed.value().kind, each.kind) << each.url;
        EXPECT_EQ(parsed.value().host, each.host) << each.url;
        EXPECT_EQ(parsed.value().port, each.port) << each.url;
        EXPECT_EQ(parsed.value().user, each.user) << each.url;
        EXPECT_EQ(parsed.value().password, each.password) << each.url;
        EXPECT_TRUE(parsed.value().headers.empty());
        EXPECT_EQ(parsed.value().tls, nullptr);
    }
}

TEST(parse_proxy, refuses_what_is_wrong_and_repeats_no_secret) {
    struct row {
        const char* url;
        const char* expected;
    };
    for (const row& each : {
             row{"", "begins with http://, https:// or socks5h://"},
             row{"secret:3128", "begins with"},
             row{"ftp://secret", "begins with"},
             row{"socks4://secret", "begins with"},
             row{"socks5://user:secret@proxy", "write socks5h://"},
             row{"SOCKS5://proxy", "write socks5h://"},
             row{"http://", "the host of the URL"},
             row{"http://user:secret@", "the host of the URL"},
             row{"http://user:secret@:80", "the host of the URL"},
             row{"http://secret host", "the host of the URL"},
             row{"http://::1", "the host of the URL"},
             row{"http://[secret]", "the host of the URL"},
             row{"http://[192.0.2.1]", "the host of the URL"},
             row{"http://[::1", "the host of the URL"},
             row{"http://unix:secret", "the port of the URL"},
             row{"http://proxy:0", "the port of the URL"},
             row{"http://proxy:65536", "the port of the URL"},
             row{"http://proxy:secret", "the port of the URL"},
             row{"http://proxy:+1", "the port of the URL"},
             row{"http://proxy/secret", "no path, query or fragment"},
             row{"http://proxy?secret", "no path, query or fragment"},
             row{"http://proxy#secret", "no path, query or fragment"},
             row{"http://user:se/cret@proxy", "'/', '?' and '#' have to be percent-encoded"},
             row{"http://user:se#cret@proxy", "'/', '?' and '#' have to be percent-encoded"},
             row{"http://user:secret%@proxy", "'%' is not followed"},
             row{"http://secret%2@proxy", "'%' is not followed"},
             row{"http://secret%zz@proxy", "'%' is not followed"},
             row{"http://:secret@proxy", "a password, but no user"},
             row{"http://@proxy", "a password, but no user"},
         }) {
        const auto parsed = parse_proxy(each.url);
        ASSERT_TRUE(parsed.is_err()) << each.url;
        EXPECT_EQ(parsed.error(), errc::invalid_argument);
        EXPECT_NE(parsed.error().message.find(each.expected), std::string::npos)
            << each.url << ": " << parsed.error().message;
        EXPECT_EQ((parsed.error().message + parsed.error().details).find("cret"),
                  std::string::npos);
    }
}

}  // namespace
}  // namespace network_system::core
