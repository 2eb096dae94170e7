// Hosts of WebSocket clients: what is connected to, what the Host field says, what is refused.
#include "support/hosts.h"

#include "support/websocket.h"

#include <network_system/config.h>

#if NETWORK_SYSTEM_WITH_TLS
#include "support/secure.h"
#endif

namespace ws {
namespace {

using network_system::testing::find_link_local;
using network_system::testing::has_ipv6;
using network_system::testing::wrong_host;
using network_system::testing::wrong_hosts;

/// A server that notes what the Host fields of its clients say.
class hosts_server : public ws_test_server {
public:
    explicit hosts_server(ws_server_config with = {}) : ws_test_server(std::move(with)) {
        (void)server.set_handshake_callback(
            [this](const ws_request& request, const endpoint&, ws_handshake_answer&) {
                fields.add(std::string(request.host()));
            });
    }

    collector<std::string> fields;
};

/// What the Host field says of a host; the port, which is the server's, is left out.
std::string host_field(hosts_server& server, ws_client_config config) {
    const auto port = server.server.local_port();
    ws_test_client client(std::move(config));
    const auto started = client.connect(port);
    if (!started) {
        return started.error().message;
    }
    EXPECT_TRUE(client.exchange("hello"));
    const std::string field = server.fields.at(server.fields.size() - 1);
    const std::string end = ":" + std::to_string(port);
    EXPECT_TRUE(field.ends_with(end)) << field;
    return field.substr(0, field.size() - end.size());
}

struct good_ws_host {
    const char* name;
    const char* text;
    const char* field;
    bool needs_ipv6 = false;

    friend void PrintTo(const good_ws_host& each, std::ostream* out) { *out << each.name; }
};

class ws_host : public testing::TestWithParam<good_ws_host> {};

TEST_P(ws_host, is_connected_to_and_said_in_the_host_field) {
    if (GetParam().needs_ipv6 && !has_ipv6()) {
        GTEST_SKIP() << "no IPv6 here";
    }
    hosts_server server;
    (void)server.start();
    ws_client_config config;
    config.host = GetParam().text;
    EXPECT_EQ(host_field(server, config), GetParam().field);
}

#if NETWORK_SYSTEM_WITH_TLS
TEST_P(ws_host, is_verified_with_tls) {
    if (GetParam().needs_ipv6 && !has_ipv6()) {
        GTEST_SKIP() << "no IPv6 here";
    }
    ws_server_config serving;
    serving.tls = secure::for_server();
    hosts_server server(serving);
    (void)server.start();
    ws_client_config config;
    config.host = GetParam().text;
    config.tls = secure::for_client();
    EXPECT_EQ(host_field(server, config), GetParam().field);
}
#endif

INSTANTIATE_TEST_SUITE_P(
    all, ws_host,
    testing::Values(good_ws_host{"name", "localhost", "localhost"},
                    good_ws_host{"dot_at_the_end", "localhost.", "localhost"},
                    good_ws_host{"v4", "127.0.0.1", "127.0.0.1"},
                    good_ws_host{"mapped", "::ffff:127.0.0.1", "127.0.0.1"},
                    good_ws_host{"mapped_in_brackets", "[::ffff:127.0.0.1]", "127.0.0.1"},
                    good_ws_host{"v6", "::1", "[::1]", true},
                    good_ws_host{"v6_in_brackets", "[::1]", "[::1]", true},
                    good_ws_host{"v6_at_length", "[0:0:0:0:0:0:0:1]", "[::1]", true}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(ws_hosts, with_a_zone_say_nothing_of_it_to_the_server) {
    const auto here = find_link_local();
    if (!here) {
        GTEST_SKIP() << "no link-local address here";
    }
    hosts_server server;
    (void)server.start();
    for (const std::string& host : {here->zoned(), '[' + here->zoned() + ']'}) {
        ws_client_config config;
        config.host = host;
        EXPECT_EQ(host_field(server, config), '[' + here->address + ']');
    }
}

class wrong_ws_host : public testing::TestWithParam<wrong_host> {};

TEST_P(wrong_ws_host, is_refused_by_name) {
    ws_client_config config;
    config.host = GetParam().text;
    config.port = 80;
    messaging_ws_client client("client");
    const auto started = client.start_client(config);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    EXPECT_NE(started.error().message.find(GetParam().reason), std::string::npos)
        << started.error().message;
}

TEST_P(wrong_ws_host, is_no_bind_address_either) {
    ws_server_config config;
    config.bind_address = GetParam().text;
    messaging_ws_server server("server");
    const auto started = server.start_server(config);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    EXPECT_NE(started.error().message.find(GetParam().reason), std::string::npos)
        << started.error().message;
}

INSTANTIATE_TEST_SUITE_P(all, wrong_ws_host, testing::ValuesIn(wrong_hosts()),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(ws_hosts, of_a_host_header_are_ones_of_http) {
    const auto start = [](std::string header) {
        ws_client_config config;
        config.host = "127.0.0.1";
        config.port = 1;
        config.host_header = std::move(header);
        messaging_ws_client client("client");
        return client.start_client(config);
    };
    for (const char* wrong : {"::1", "[::1", "[::1]80", "[fe80::1%lo]", "[localhost]", "a:b",
                              "a:70000", "a:", ":80", "a:80:90", "a..b", "127.1", "http://a",
                              "b\xC3\xBC"
                              "cher.example",
                              "unix:/tmp/x"}) {
        EXPECT_TRUE(fails_with(start(wrong), errc::invalid_argument)) << wrong;
    }
    for (const char* right : {"example.org", "example.org:8080", "example.org.", "[::1]",
                              "[2001:db8::1]:443", "192.0.2.1:80", "a_b-c"}) {
        EXPECT_FALSE(fails_with(start(right), errc::invalid_argument)) << right;
    }
}

}  // namespace
}  // namespace ws
