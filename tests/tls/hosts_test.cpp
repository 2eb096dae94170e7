// Hosts over TLS: what a certificate has to be for, what is asked for (SNI), and what is refused.
#include "support/hosts.h"

#include "support/context_runner.h"
#include "support/secure.h"

#include <network_system/internal/secure_tcp_socket.h>

namespace secure {
namespace {

using network_system::internal::secure_tcp_socket;
using network_system::testing::find_link_local;
using network_system::testing::has_ipv6;
using network_system::testing::wrong_host;
using network_system::testing::wrong_hosts;

/// What a server hears of a client's name for it; "none" when it is not said.
std::string asked_name(secure_server& server) {
    if (!server.sessions.wait_for(1)) {
        return "no session";
    }
    const auto agreed = server.sessions.at(server.sessions.size() - 1)->tls();
    const std::string name = agreed ? agreed.value().server_name : "no TLS";
    return name.empty() ? "none" : name;
}

struct good_host {
    const char* name;
    const char* text;
    const char* asked;
    bool needs_ipv6 = false;

    friend void PrintTo(const good_host& each, std::ostream* out) { *out << each.name; }
};

class secure_host : public testing::TestWithParam<good_host> {};

TEST_P(secure_host, is_verified_and_asked_for_as_certificates_have_it) {
    const good_host& row = GetParam();
    if (row.needs_ipv6 && !has_ipv6()) {
        GTEST_SKIP() << "no IPv6 here";
    }
    secure_server server(for_server());
    const std::uint16_t port = server.start();
    secure_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client(row.text, port)));
    EXPECT_TRUE(client.exchange("hello"));
    EXPECT_EQ(asked_name(server), row.asked);
}

TEST_P(secure_host, is_the_same_as_a_server_name) {
    const good_host& row = GetParam();
    secure_server server(for_server());
    const std::uint16_t port = server.start();
    tls_config config = for_client();
    config.server_name = row.text;
    secure_client client(config);
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", port)));
    EXPECT_TRUE(client.exchange("hello"));
    EXPECT_EQ(asked_name(server), row.asked);
}

INSTANTIATE_TEST_SUITE_P(
    all, secure_host,
    testing::Values(good_host{"name", "localhost", "localhost"},
                    good_host{"dot_at_the_end", "localhost.", "localhost"},
                    good_host{"v4", "127.0.0.1", "none"},
                    good_host{"mapped", "::ffff:127.0.0.1", "none"},
                    good_host{"mapped_in_brackets", "[::ffff:127.0.0.1]", "none"},
                    good_host{"v6", "::1", "none", true},
                    good_host{"v6_in_brackets", "[::1]", "none", true},
                    good_host{"v6_at_length", "0:0:0:0:0:0:0:1", "none", true}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(secure_hosts, with_a_zone_are_verified_without_it) {
    const auto here = find_link_local();
    if (!here) {
        GTEST_SKIP() << "no link-local address here";
    }
    certificate_wishes wishes;
    wishes.names = {"IP:" + here->address};
    tls_config config;
    config.identity = identity_of(authority().issue("link_local", wishes));
    secure_server server(config);
    const std::uint16_t port = server.start();
    for (const std::string& host : {here->zoned(), '[' + here->zoned() + ']'}) {
        secure_client client(for_client());
        ASSERT_TRUE(is_ok(client.client.start_client(host, port))) << host;
        EXPECT_TRUE(client.exchange("zoned"));
        EXPECT_EQ(asked_name(server), "none");
    }
}

TEST(secure_hosts, that_are_the_same_share_their_sessions) {
    secure_server server(for_server());
    const std::uint16_t port = server.start();
    secure_client client(for_client());
    std::vector<bool> are_resumed;
    for (const char* host : {"127.0.0.1", "::ffff:127.0.0.1", "[::ffff:7f00:1]"}) {
        ASSERT_TRUE(is_ok(client.client.start_client(host, port))) << host;
        EXPECT_TRUE(client.exchange("the ticket comes along"));
        are_resumed.push_back(client.client.get_session().value()->tls().value().is_resumed);
        EXPECT_TRUE(is_ok(client.client.stop_client()));
    }
    EXPECT_EQ(are_resumed, (std::vector<bool>{false, true, true}));
}

TEST(secure_hosts, that_are_mapped_are_named_as_ipv4_in_a_refusal) {
    certificate_wishes wishes;
    wishes.names = {"DNS:localhost"};
    tls_config config;
    config.identity = identity_of(authority().issue("name_only", wishes));
    secure_server server(config);
    secure_client client(for_client());
    const auto refused = client.client.start_client("::ffff:127.0.0.1", server.start());
    ASSERT_TRUE(fails_with(refused, errc::certificate_verification_failed));
    EXPECT_NE(refused.error().message.find("not for 127.0.0.1"), std::string::npos)
        << refused.error().message;
}

class wrong_secure_host : public testing::TestWithParam<wrong_host> {};

TEST_P(wrong_secure_host, is_refused_by_name) {
    secure_client client(for_client());
    const auto started = client.client.start_client(GetParam().text, 80);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    EXPECT_NE(started.error().message.find(GetParam().reason), std::string::npos)
        << started.error().message;
}

TEST_P(wrong_secure_host, is_no_server_name_either) {
    tls_config config = for_client();
    config.server_name = GetParam().text;
    secure_client client(config);
    const auto started = client.client.start_client("127.0.0.1", 80);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    const std::string& message = started.error().message;
    EXPECT_NE(message.find("server_name"), std::string::npos) << message;
    EXPECT_NE(message.find(GetParam().reason), std::string::npos) << message;
}

TEST_P(wrong_secure_host, is_refused_over_a_socket_of_asios_too) {
    loopback::context_runner runner(1);
    auto [dialled, called] = runner.connected_pair();
    EXPECT_TRUE(fails_with(secure_tcp_socket::adopt_client(runner.context, std::move(dialled),
                                                           GetParam().text, for_client()),
                           errc::invalid_argument));
    EXPECT_TRUE(dialled.is_open());  // NOLINT(bugprone-use-after-move): that is the point
}

INSTANTIATE_TEST_SUITE_P(all, wrong_secure_host, testing::ValuesIn(wrong_hosts()),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(secure_hosts, that_are_not_said_cannot_be_verified_over_a_socket_of_asios) {
    loopback::context_runner runner(1);
    const auto adopt = [&runner](const tls_config& config) {
        auto [dialled, called] = runner.connected_pair();
        return secure_tcp_socket::adopt_client(runner.context, std::move(dialled), "", config)
            .map([](const auto&) { return std::monostate{}; });
    };
    tls_config config = for_client();
    const auto nameless = adopt(config);
    ASSERT_TRUE(fails_with(nameless, errc::invalid_argument));
    EXPECT_NE(nameless.error().message.find("the host is empty"), std::string::npos)
        << nameless.error().message;
    config.server_name = "[::1]";
    EXPECT_TRUE(is_ok(adopt(config)));
    tls_config careless;
    careless.verify_peer = false;
    EXPECT_TRUE(is_ok(adopt(careless)));
}

TEST(secure_hosts, of_unix_domain_sockets_are_no_server_names) {
    tls_config config = for_client();
    config.server_name = "unix:/tmp/x";
    secure_client client(config);
    const auto started = client.client.start_client("127.0.0.1", 80);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    EXPECT_NE(started.error().message.find("server_name"), std::string::npos)
        << started.error().message;
}

}  // namespace
}  // namespace secure
