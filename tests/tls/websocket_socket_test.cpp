// internal::websocket_socket over TLS, beyond what loopback_tests do over either.
#include "support/secure.h"
#include "support/websocket_pair.h"

#include <optional>
#include <string>

namespace secure {
namespace {

class secure_websocket_socket : public websocket_pair {
protected:
    secure_websocket_socket() {
        server_.options.tls = for_server();
        client_.options.tls = for_client();
    }
};

TEST_F(secure_websocket_socket, is_encrypted_and_says_how) {
    ASSERT_NO_FATAL_FAILURE(open());
    const auto agreed = client_.connection().tls();
    ASSERT_TRUE(is_ok(agreed));
    EXPECT_EQ(agreed.value().application_protocol, "http/1.1");
    EXPECT_EQ(agreed.value().peer->subject, "CN=server");
    ASSERT_TRUE(is_ok(client_.connection().send_text("over TLS")));
    ASSERT_TRUE(is_ok(server_.connection().send_binary({'b'})));
    ASSERT_TRUE(server_.messages.wait_for(1));
    ASSERT_TRUE(client_.messages.wait_for(1));
    EXPECT_EQ(server_.messages.at(0), "t:over TLS");
    EXPECT_EQ(client_.messages.at(0), "b:b");
    client_.socket->close();
    for (side* each : {&server_, &client_}) {
        ASSERT_TRUE(each->closed.wait_for(1));
        EXPECT_EQ(each->closed.at(0), std::error_code{});
    }
}

struct host_case {
    const char* name;
    const char* host;
};

class secure_websocket_name : public secure_websocket_socket,
                              public testing::WithParamInterface<host_case> {};

TEST_P(secure_websocket_name, is_the_one_in_the_host_field) {
    asks_.host = GetParam().host;
    open();
}

INSTANTIATE_TEST_SUITE_P(names, secure_websocket_name,
                         testing::Values(host_case{"name", "localhost"},
                                         host_case{"v4_and_port", "127.0.0.1:443"},
                                         host_case{"dot_at_the_end", "localhost.:443"},
                                         host_case{"mapped", "[::ffff:127.0.0.1]:443"},
                                         host_case{"v6", "[::1]"},
                                         host_case{"v6_and_port", "[::1]:8080"}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_F(secure_websocket_socket, refuses_a_host_field_that_is_none) {
    for (const char* field : {"", "::1", "[::1", "[localhost]", "a:b", "[fe80::1%lo]", "127.1"}) {
        auto [dialled, called] = runner_.connected_pair();
        asks_.host = field;
        EXPECT_TRUE(fails_with(websocket_socket::adopt_client(runner_.context, std::move(dialled),
                                                              asks_, client_.options),
                               errc::invalid_argument))
            << field;
    }
}

TEST_F(secure_websocket_socket, refuses_a_server_of_another_name) {
    asks_.host = "example.org:443";
    ASSERT_NO_FATAL_FAILURE(connect());
    ASSERT_NO_FATAL_FAILURE(start());
    for (side* each : {&server_, &client_}) {
        ASSERT_TRUE(each->closed.wait_for(1));
        EXPECT_EQ(each->opened.count(), 0U);
    }
    EXPECT_EQ(client_.closed.at(0), errc::certificate_verification_failed);
    EXPECT_EQ(server_.closed.at(0), errc::tls_handshake_failed);
}

TEST_F(secure_websocket_socket, leaves_the_socket_alone_when_the_configuration_makes_no_sense) {
    auto [dialled, called] = runner_.connected_pair();
    websocket_socket_options without_identity;
    without_identity.tls.emplace();
    EXPECT_TRUE(fails_with(
        websocket_socket::adopt_server(runner_.context, std::move(called), without_identity),
        errc::invalid_argument));
    EXPECT_TRUE(called.is_open());  // NOLINT(bugprone-use-after-move): that is the point
}

}  // namespace
}  // namespace secure
