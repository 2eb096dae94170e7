#include "client/proxy_environment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

namespace network_system::inline v0_1::core {
namespace {

using variables = std::map<std::string, std::string>;

Result<proxy_options> choose(const variables& environment, std::string_view host,
                             std::uint16_t port, bool is_secure) {
    return proxy_in_environment(
        [&](const char* name) {
            const auto found = environment.find(name);
            return found != environment.end() ? found->second : std::string();
        },
        host, port, is_secure);
}

/// The host of the proxy; "none" without one.
std::string chosen(const variables& environment, std::string_view host = "example.org",
                   std::uint16_t port = 443, bool is_secure = true) {
    const auto proxy = choose(environment, host, port, is_secure);
    if (!proxy) {
        return proxy.error().message;
    }
    return proxy.value().kind == proxy_kind::none ? "none" : proxy.value().host;
}

TEST(proxy_from_environment, asks_the_variables_of_the_target) {
    const variables all{{"HTTPS_PROXY", "http://upper"},   {"https_proxy", "http://lower"},
                        {"ALL_PROXY", "http://all.upper"}, {"all_proxy", "http://all.lower"},
                        {"HTTP_PROXY", "http://never"},    {"http_proxy", "http://never"}};
    const auto without = [&](std::initializer_list<const char*> names) {
        variables fewer = all;
        for (const char* const each : names) {
            fewer.erase(each);
        }
        return fewer;
    };
    struct row {
        variables environment;
        const char* secure;
        const char* plain;
    };
    for (const row& each : {
             row{all, "lower", "all.lower"},
             row{without({"https_proxy"}), "upper", "all.lower"},
             row{without({"https_proxy", "HTTPS_PROXY"}), "all.lower", "all.lower"},
             row{without({"https_proxy", "HTTPS_PROXY", "all_proxy"}), "all.upper", "all.upper"},
             row{without({"all_proxy", "ALL_PROXY"}), "lower", "none"},
             row{{{"HTTP_PROXY", "http://never"}, {"http_proxy", "http://never"}}, "none", "none"},
             row{{{"https_proxy", ""}, {"HTTPS_PROXY", "http://upper"}}, "upper", "none"},
             row{{}, "none", "none"},
         }) {
        EXPECT_EQ(chosen(each.environment, "example.org", 443, true), each.secure);
        EXPECT_EQ(chosen(each.environment, "example.org", 80, false), each.plain);
    }
}

TEST(proxy_from_environment, takes_urls_and_bare_addresses) {
    const auto whole =
        choose({{"ALL_PROXY", "socks5h://us%65r:p%40ss@proxy:9"}}, "example.org", 1, false);
    ASSERT_TRUE(whole.is_ok());
    EXPECT_EQ(whole.value().kind, proxy_kind::socks5h);
    EXPECT_EQ(whole.value().user, "user");
    EXPECT_EQ(whole.value().password, "p@ss");
    EXPECT_EQ(whole.value().port, 9);
    const auto bare = choose({{"ALL_PROXY", "proxy:3128"}}, "example.org", 1, false);
    ASSERT_TRUE(bare.is_ok());
    EXPECT_EQ(bare.value().kind, proxy_kind::http_connect);
    EXPECT_EQ(bare.value().host, "proxy");
    EXPECT_EQ(bare.value().port, 3128);
}

TEST(proxy_from_environment, names_the_variable_that_is_wrong) {
    EXPECT_EQ(chosen({{"https_proxy", "socks5://user:secret@proxy"}}),
              "the environment's https_proxy: socks5:// resolves names before the proxy is asked; "
              "write socks5h:// for the proxy to resolve them");
    EXPECT_EQ(chosen({{"ALL_PROXY", "http://user:secret@proxy/path"}}),
              "the environment's ALL_PROXY: the URL of a proxy has no path, query or fragment");
    EXPECT_EQ(choose({{"ALL_PROXY", "http://proxy"}}, "", 1, false).error(),
              errc::invalid_argument);
    // Nobody looks at it.
    EXPECT_EQ(chosen({{"ALL_PROXY", "nonsense://"}, {"NO_PROXY", "*"}}), "none");
}

TEST(proxy_from_environment, leaves_out_what_no_proxy_lists) {
    struct row {
        const char* list;
        const char* host;
        std::uint16_t port;
        bool is_excepted;
    };
    for (const row& each : {
             row{"", "example.org", 443, false},
             row{"*", "example.org", 443, true},
             row{" * ", "192.0.2.1", 443, true},
             row{"other.org,*", "::1", 443, true},
             row{"example.org", "example.org", 443, true},
             row{"example.org", "EXAMPLE.Org", 443, true},
             row{"Example.ORG", "example.org.", 443, true},
             row{"example.org.", "example.org", 443, true},
             row{"example.org", "a.b.example.org", 443, true},
             row{"example.org", "notexample.org", 443, false},
             row{"example.org", "example.org.evil", 443, false},
             row{"example.org", "org", 443, false},
             row{".example.org", "a.example.org", 443, true},
             row{".example.org", "example.org", 443, true},
             row{"*.example.org", "a.example.org", 443, true},
             row{".", "example.org", 443, false},
             row{"*.", "example.org", 443, false},
             row{"a, b ,example.org\t,c", "example.org", 443, true},
             row{"a b example.org", "example.org", 443, true},
             row{",,", "example.org", 443, false},
             row{"example.org:443", "example.org", 443, true},
             row{"example.org:443", "a.example.org", 443, true},
             row{"example.org:443", "example.org", 80, false},
             row{"example.org:", "example.org", 443, false},
             row{"example.org:x", "example.org", 443, false},
             row{"example.org:65979", "example.org", 443, false},  // 443 + 65536
             row{"192.0.2.1", "192.0.2.1", 443, true},
             row{"192.0.2.1", "192.0.2.10", 443, false},
             row{"192.0.2.1:443", "192.0.2.1", 443, true},
             row{"192.0.2.1:444", "192.0.2.1", 443, false},
             row{"192.0.2.0/24", "192.0.2.77", 443, true},
             row{"192.0.2.9/24", "192.0.2.77", 443, true},
             row{"192.0.2.0/24", "192.0.3.77", 443, false},
             row{"192.0.2.0/33", "192.0.2.0", 443, false},
             row{"192.0.2.0/x", "192.0.2.0", 443, false},
             row{"0.0.0.0/0", "192.0.2.0", 443, true},
             row{"0.0.0.0/0", "::1", 443, false},
             row{"192.0.2.0/24", "::ffff:192.0.2.5", 443, true},
             row{"::1", "::1", 443, true},
             row{"::1", "[::1]", 443, true},
             row{"[::1]", "::1", 443, true},
             row{"[::1]:443", "::1", 443, true},
             row{"[::1]:444", "::1", 443, false},
             row{"2001:db8::/32", "2001:db8:1::1", 443, true},
             row{"[2001:db8::/32]", "2001:db9::1", 443, false},
             // An address is no name, nor a name an address.
             row{"2.1", "192.0.2.1", 443, false},
             row{"10.0.0.0/8", "example.org", 443, false},
             row{"localhost", "127.0.0.1", 443, false},
         }) {
        const std::string expected = each.is_excepted ? "none" : "proxy";
        for (const char* const name : {"NO_PROXY", "no_proxy"}) {
            EXPECT_EQ(
                chosen({{"ALL_PROXY", "http://proxy"}, {name, each.list}}, each.host, each.port),
                expected)
                << each.list << " and " << each.host << ' ' << each.port;
        }
    }
    EXPECT_EQ(chosen({{"ALL_PROXY", "http://proxy"}, {"NO_PROXY", "*"}, {"no_proxy", "other.org"}}),
              "proxy");
}

TEST(proxy_from_environment, knows_no_way_to_a_local_socket) {
    EXPECT_EQ(chosen({{"ALL_PROXY", "http://proxy"}}, "unix:/run/app", 0), "none");
}

#ifndef _WIN32
TEST(proxy_from_environment, reads_this_process) {
    // No other thread is here.
    for (const char* const each :
         {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"}) {
        ASSERT_EQ(::unsetenv(each), 0);  // NOLINT(concurrency-mt-unsafe)
    }
    EXPECT_EQ(proxy_from_environment("example.org", 443, true).value().kind, proxy_kind::none);
    ASSERT_EQ(::setenv("HTTPS_PROXY", "http://proxy:1", 1), 0);  // NOLINT(concurrency-mt-unsafe)
    EXPECT_EQ(proxy_from_environment("example.org", 443, true).value().port, 1);
    EXPECT_EQ(proxy_from_environment("example.org", 80, false).value().kind, proxy_kind::none);
    ASSERT_EQ(::unsetenv("HTTPS_PROXY"), 0);  // NOLINT(concurrency-mt-unsafe)
}
#endif

}  // namespace
}  // namespace network_system::core
