// Through proxies that others have written, to servers of this library. Each test runs where its
// program is.
#include "client/proxies/running_proxies.h"
#include "support/secure.h"
#include "websocket/real_peers.h"

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <tuple>

namespace loopback {
namespace {

using secure::secure_client;
using secure::secure_server;
using websocket_peers::carrier;
using websocket_peers::messaging_ws_client;
using websocket_peers::messaging_ws_server;
using websocket_peers::ws_client_config;
using websocket_peers::ws_message;

enum class access { open, asking };

struct proxy_case {
    const char* program;
    proxy_kind kind;
    access how;

    friend std::ostream& operator<<(std::ostream& to, const proxy_case& each) {
        return to << each.program << (each.kind == proxy_kind::https_connect ? "_over_tls" : "")
                  << (each.how == access::open ? "" : "_that_asks");
    }
};

/// Signed by the root: squid sends no chain.
secure::issued_certificate certificate_of_proxy() {
    secure::certificate_wishes wishes;
    wishes.common_name = "proxy";
    wishes.names = {"DNS:localhost", "IP:127.0.0.1"};
    return secure::issued_certificate(wishes, &secure::authority().root());
}

/// The proxies that run, for all tests of the suite: to start one takes longer than to use it.
class proxies_of_tests {
public:
    /// The port; 0 where the program does not listen.
    std::uint16_t start(const proxy_case& which, const std::string& program) {
        const std::string name = which.program;
        const bool asks = which.how == access::asking;
        if (name == "squid") {
            if (!squid_) {
                const auto of_proxy = certificate_of_proxy();
                squid_ =
                    std::make_unique<running_squid>(program, of_proxy.pem(), of_proxy.key_pem());
            }
            return squid_->is_listening()
                       ? squid_->port(asks, which.kind == proxy_kind::https_connect)
                       : std::uint16_t{0};
        }
        auto& place = others_[{name, asks}];
        if (!place && name == "tinyproxy") {
            place = std::make_unique<running_tinyproxy>(program, asks);
        } else if (!place && name == "microsocks") {
            place = std::make_unique<running_microsocks>(program, asks);
        } else if (!place) {
            place = std::make_unique<running_dante>(program);
        }
        return place->is_listening() ? place->port() : std::uint16_t{0};
    }

private:
    std::unique_ptr<running_squid> squid_;
    std::map<std::pair<std::string, bool>, std::unique_ptr<running_proxy>> others_;
};

std::optional<proxies_of_tests> all_proxies;

/// Ends them while there are still tests to be told of what goes wrong.
class end_of_proxies final : public testing::Environment {
public:
    void SetUp() override { all_proxies.emplace(); }
    void TearDown() override { all_proxies.reset(); }
};
const auto* const proxies_end = testing::AddGlobalTestEnvironment(new end_of_proxies);

/// Servers are mostly in directories that are not on the path of users.
std::string proxy_program(const std::string& name) {
    for (const std::string& each : {"/usr/sbin/" + name, "/usr/local/sbin/" + name}) {
        if (std::filesystem::exists(each)) {
            return each;
        }
    }
    return integration::find_program({name});
}

/// A test that goes through a proxy.
class through_real_proxy : public testing::Test {
protected:
    void use(const proxy_case& which) {
        const std::string program = proxy_program(which.program);
        SKIP_WITHOUT_PROGRAM(program, which.program)
        which_ = which;
        port_ = all_proxies->start(which, program);
        ASSERT_NE(port_, 0) << which.program << " does not listen";
    }
    [[nodiscard]] proxy_options proxy(const std::string& password = known_password) const {
        proxy_options options = proxy_at(port_, which_.kind);
        if (which_.how == access::asking && !password.empty()) {
            options.user = known_user;
            options.password = password;
        }
        if (which_.kind == proxy_kind::https_connect) {
            options.tls =
                std::make_shared<const network_system::core::tls_config>(secure::for_client());
        }
        return options;
    }
    [[nodiscard]] client_options through(const proxy_options& proxy) const {
        client_options options;
        options.proxy = proxy;
        return options;
    }

    proxy_case which_{};
    std::uint16_t port_ = 0;
};

class real_proxies_test
    : public through_real_proxy,
      public testing::WithParamInterface<std::tuple<proxy_case, std::string /* carrier */>> {
protected:
    void SetUp() override { use(std::get<0>(GetParam())); }
    [[nodiscard]] static const std::string& over() { return std::get<1>(GetParam()); }

    /// What a connection to a server over the carrier of the test brings. Whether it ends in order,
    /// or with a reset, is the proxy's.
    template <typename Server, typename Client>
    void exchange(Server& server, Client& client, const std::string& host) {
        const auto port = server.start();
        ASSERT_TRUE(is_ok(client.client.start_client(host, port)));
        EXPECT_TRUE(client.exchange("through a proxy"));
        EXPECT_TRUE(client.exchange(pattern(300'000)));
        EXPECT_EQ(client.client.remote_endpoint().port(), port_);
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        EXPECT_TRUE(is_ok(server.server.stop_server()));
    }
    void exchange_messages(const std::string& host) {
        if (over() == "tls") {
            secure_server server(secure::for_server());
            secure_client client(secure::for_client(), through(proxy()));
            exchange(server, client, host);
            EXPECT_EQ(client.client.metrics().tls.handshakes, 1U);
        } else {
            test_server server;
            test_client client(through(proxy()));
            exchange(server, client, host);
        }
    }
    void exchange_websocket_messages(const std::string& host) {
        const carrier by = carrier::of(over());
        messaging_ws_server server("echo");
        websocket_peers::echo_all(server);
        ASSERT_TRUE(is_ok(server.start_server(by.server_config())));
        messaging_ws_client client("client");
        collector<std::string> received;
        (void)client.set_message_callback(
            [&](const ws_message& message) { received.add(std::string(message.text())); });
        ws_client_config config = by.client_config(server.local_port());
        config.host = host;
        config.proxy = proxy();
        ASSERT_TRUE(is_ok(client.start_client(config)));
        const std::string large(300'000, 'x');
        ASSERT_TRUE(is_ok(client.send_text("through a proxy")));
        ASSERT_TRUE(is_ok(client.send_text(large)));
        ASSERT_TRUE(received.wait_for(2));
        EXPECT_EQ(received.at(0), "through a proxy");
        EXPECT_EQ(received.at(1), large);
        EXPECT_TRUE(is_ok(client.stop_client()));
        EXPECT_TRUE(is_ok(server.stop_server()));
    }
    void exchange_with(const std::string& host) {
        if (over().starts_with("ws")) {
            exchange_websocket_messages(host);
        } else {
            exchange_messages(host);
        }
    }
};

TEST_P(real_proxies_test, carry_a_connection) {
    exchange_with("127.0.0.1");
}

TEST_P(real_proxies_test, resolve_names) {
    exchange_with("localhost");
}

class real_proxies_that_refuse : public through_real_proxy,
                                 public testing::WithParamInterface<proxy_case> {
protected:
    void SetUp() override { use(GetParam()); }
};

TEST_P(real_proxies_that_refuse, say_when_nobody_listens) {
    const refusing_port nobody;
    test_client client(through(proxy()));
    const auto started = client.client.start_client("127.0.0.1", nobody.number());
    ASSERT_TRUE(started.is_err());
    EXPECT_NE(started.error().message.find("through the proxy"), std::string::npos);
    // What HTTP proxies say of it is a status each of its own; SOCKS has a number for it.
    EXPECT_EQ(started.error(), which_.kind == proxy_kind::socks5h ? errc::connection_refused
                                                                  : errc::connection_failed)
        << started.error().message;
}

TEST_P(real_proxies_that_refuse, refuse_who_is_not_known) {
    if (which_.how == access::open) {
        return;  // it asks nobody
    }
    test_server server;
    const auto port = server.start();
    for (const std::string& password : {std::string(), std::string("wrong")}) {
        test_client client(through(proxy(password)));
        const auto started = client.client.start_client("127.0.0.1", port);
        ASSERT_TRUE(fails_with(started, errc::handshake_rejected));
        const char* const reason = which_.kind == proxy_kind::socks5h ? "the proxy "
                                   : password.empty()                 ? "no user was given; the "
                                                                        "proxy asks for Basic"
                                                      : "were refused; the proxy asks for Basic";
        EXPECT_NE(started.error().message.find(reason), std::string::npos)
            << started.error().message;
        EXPECT_EQ(started.error().message.find("wrong"), std::string::npos);
    }
    EXPECT_EQ(server.sessions.size(), 0U);
}

std::vector<proxy_case> proxy_cases() {
    return {proxy_case{"tinyproxy", proxy_kind::http_connect, access::open},
            proxy_case{"tinyproxy", proxy_kind::http_connect, access::asking},
            proxy_case{"squid", proxy_kind::http_connect, access::open},
            proxy_case{"squid", proxy_kind::http_connect, access::asking},
            proxy_case{"squid", proxy_kind::https_connect, access::open},
            proxy_case{"squid", proxy_kind::https_connect, access::asking},
            proxy_case{"microsocks", proxy_kind::socks5h, access::open},
            proxy_case{"microsocks", proxy_kind::socks5h, access::asking},
            // Its accounts are the system's users.
            proxy_case{"danted", proxy_kind::socks5h, access::open}};
}

INSTANTIATE_TEST_SUITE_P(all, real_proxies_test,
                         testing::Combine(testing::ValuesIn(proxy_cases()),
                                          testing::Values("tcp", "tls", "ws", "wss")),
                         [](const auto& each) {
                             return testing::PrintToString(std::get<0>(each.param)) + "_over_" +
                                    std::get<1>(each.param);
                         });
INSTANTIATE_TEST_SUITE_P(all, real_proxies_that_refuse, testing::ValuesIn(proxy_cases()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace loopback
