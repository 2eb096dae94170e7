#include "client/engine.h"
#include "client/proxy.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace network_system::inline v0_1::core {
namespace {

using enum proxy_kind;

proxy_options proxy_with(proxy_kind kind, std::string host = "proxy") {
    proxy_options proxy;
    proxy.kind = kind;
    proxy.host = std::move(host);
    return proxy;
}

template <typename Change>
proxy_options changed(proxy_options proxy, const Change& change) {
    change(proxy);
    return proxy;
}

TEST(proxy_options, name_the_option_that_is_wrong) {
    struct row {
        proxy_options proxy;
        const char* expected;
    };
    const proxy_options empty;
    const proxy_options http = proxy_with(http_connect);
    const proxy_options socks = proxy_with(socks5h);
    const proxy_options of_environment = proxy_with(from_environment, "");
    for (const row& each : {
             row{changed(empty, [](auto& p) { p.host = "secret"; }), "proxy.host is given, but "
                                                                     "proxy.kind is none"},
             row{changed(empty, [](auto& p) { p.port = 1; }), "proxy.port is given"},
             row{changed(empty, [](auto& p) { p.user = "secret"; }), "proxy.user is given"},
             row{changed(empty, [](auto& p) { p.password = "secret"; }), "proxy.password is given"},
             row{changed(empty,
                         [](auto& p) {
                             p.headers = {{"A", "secret"}};
                         }),
                 "proxy.headers is given"},
             row{changed(empty, [](auto& p) { p.tls = std::make_shared<const tls_config>(); }),
                 "proxy.tls is given"},
             row{changed(of_environment, [](auto& p) { p.port = 1; }),
                 "proxy.port is given, but proxy.kind is from_environment"},
             row{proxy_with(http_connect, ""), "proxy.host is neither"},
             row{proxy_with(http_connect, "http://user:secret@proxy"), "proxy.host is neither"},
             row{proxy_with(http_connect, "unix:/secret"), "proxy.host is neither"},
             row{proxy_with(socks5h, "proxy:1"), "proxy.host is neither"},
             row{changed(http, [](auto& p) { p.password = "secret"; }), "proxy.password"},
             row{changed(http, [](auto& p) { p.user = "se:cret"; }), "proxy.user has a colon"},
             row{changed(http,
                         [](auto& p) {
                             p.headers = {{"A", "secret\n"}};
                         }),
                 "proxy.headers"},
             row{changed(http, [](auto& p) { p.tls = std::make_shared<const tls_config>(); }),
                 "proxy.tls is for HTTPS"},
             row{changed(socks, [](auto& p) { p.user = "secret"; }), "proxy.password"},
             row{changed(socks,
                         [](auto& p) {
                             p.headers = {{"A", "secret"}};
                         }),
                 "proxy.headers are"},
         }) {
        client_options options;
        options.proxy = each.proxy;
        const auto checked = validate(options, false, "client");
        ASSERT_TRUE(checked.is_err()) << each.expected;
        EXPECT_EQ(checked.error(), errc::invalid_argument);
        EXPECT_EQ(checked.error().source, "client");
        EXPECT_NE(checked.error().message.find(each.expected), std::string::npos)
            << checked.error().message;
        EXPECT_EQ(checked.error().message.find("cret"), std::string::npos)
            << checked.error().message;
    }
    for (const proxy_options& each :
         {empty, http, socks, of_environment, proxy_with(http_connect, "[::1]"),
          changed(http, [](auto& p) { p.user = "user"; }), changed(http, [](auto& p) {
              p.headers = {{"Proxy-Authorization", "Bearer x"}};
          })}) {
        client_options options;
        options.proxy = each;
        EXPECT_TRUE(validate(options, false, "client").is_ok());
    }
}

client_options with_proxy(proxy_options proxy) {
    client_options options;
    options.proxy = std::move(proxy);
    return options;
}

std::shared_ptr<const proxy_options> found(const proxy_options& options, const std::string& host) {
    const auto proxy = proxy_for(with_proxy(options), host, 443, true, "client");
    EXPECT_TRUE(proxy.is_ok());
    return proxy.value_or(nullptr);
}

TEST(proxy_for, knows_the_ports_of_its_kinds) {
    EXPECT_EQ(found({}, "target"), nullptr);
    EXPECT_EQ(found(proxy_with(http_connect), "target")->port, 80);
    EXPECT_EQ(found(proxy_with(socks5h), "::1")->port, 1080);
    EXPECT_EQ(found(changed(proxy_with(socks5h), [](auto& p) { p.port = 7; }), "target")->port, 7);
    EXPECT_EQ(found(proxy_with(socks5h, "[::1]"), "target")->host, "::1");
    EXPECT_EQ(describe_proxy(*found(proxy_with(socks5h, "::1"), "target")), "the proxy [::1]:1080");
}

TEST(proxy_for, refuses_targets_that_no_proxy_reaches) {
    for (const auto& [host, expected] :
         {std::pair{"unix:/run/app", "proxy: a Unix domain socket"},
          std::pair{"fe80::1%eth0", "proxy: the target has a zone"}}) {
        const auto refused =
            proxy_for(with_proxy(proxy_with(http_connect)), host, 443, true, "client");
        ASSERT_TRUE(refused.is_err()) << host;
        EXPECT_EQ(refused.error(), errc::invalid_argument);
        EXPECT_NE(refused.error().message.find(expected), std::string::npos);
    }
}

}  // namespace
}  // namespace network_system::core
