// Redirects over TLS: whom the certificate is checked for, and what another origin does not see.
#include <network_system/config.h>

#if NETWORK_SYSTEM_WITH_TLS

#include "support/secure.h"
#include "support/websocket.h"

#include <string>
#include <string_view>
#include <vector>

namespace ws {
namespace {

using secure::authority;
using secure::client_certificates;
using secure::identity_of;
using secure::tls_config;

/// What a server has seen of a client.
struct seen_client {
    std::string target;
    std::string certificate;
    bool is_resumed = false;
};

/// A server that asks for certificates, and sends those on who ask for "/from".
class secure_redirector : public ws_test_server {
public:
    explicit secure_redirector(const tls_config& tls = secure::for_server())
        : ws_test_server(with(tls)) {
        (void)server.set_handshake_callback(
            [this](const ws_request& request, const endpoint&, ws_handshake_answer& answer) {
                if (request.path() == "/from") {
                    answer.reject({307, {{"Location", location}}, {}});
                }
            });
        on_connect = [this](const connection_ptr& connection) {
            const auto certificate = connection->peer_certificate();
            seen.add({std::string(connection->request().target()),
                      certificate ? certificate.value().subject : "none",
                      connection->tls().value().is_resumed});
        };
    }

    std::string location;
    collector<seen_client> seen;

private:
    static ws_server_config with(tls_config tls) {
        tls.client_certificate_mode = client_certificates::optional;
        tls.ca_file = authority().ca_file();
        ws_server_config config;
        config.path.clear();
        config.tls = std::move(tls);
        return config;
    }
};

[[nodiscard]] std::string to(std::string_view scheme, std::string_view host, std::uint16_t port) {
    return std::string(scheme) + "://" + std::string(host) + ":" + std::to_string(port) + "/to";
}

/// A client with a certificate.
[[nodiscard]] ws_client_config known_client() {
    network_system::testing::certificate_wishes wishes;
    wishes.common_name = "alice";
    static const auto files = authority().issue("redirected_alice", wishes);
    ws_client_config config;
    config.host = "localhost";
    config.path = "/from";
    config.max_redirects = 2;
    config.tls = secure::for_client();
    config.tls->identity = identity_of(files);
    return config;
}

[[nodiscard]] tls_config server_named(const std::string& name) {
    network_system::testing::certificate_wishes wishes;
    wishes.names = {"DNS:" + name};
    tls_config config;
    config.identity = identity_of(authority().issue("redirect_" + name, wishes));
    return config;
}

TEST(wss_redirects, keep_the_certificate_for_their_own_origin) {
    secure_redirector server;
    const auto port = server.start();
    server.location = "/to";
    ws_test_client client(known_client());
    ASSERT_TRUE(is_ok(client.connect(port)));
    ASSERT_TRUE(server.seen.wait_for(1));
    EXPECT_NE(server.seen.at(0).certificate.find("alice"), std::string::npos);
    EXPECT_EQ(client.client.metrics().tls.handshakes, 2U);
}

TEST(wss_redirects, show_no_certificate_to_another_origin) {
    secure_redirector other;
    const auto elsewhere = other.start();
    secure_redirector server;
    server.location = to("https", "localhost", elsewhere);
    const auto port = server.start();
    ws_test_client client(known_client());
    for (const bool is_first : {true, false}) {
        ASSERT_TRUE(is_ok(client.connect(port)));
        ASSERT_TRUE(other.seen.wait_for(is_first ? 1 : 2));
        const auto seen = other.seen.at(is_first ? 0 : 1);
        EXPECT_EQ(seen.target, "/to");
        EXPECT_EQ(seen.certificate, "none");
        EXPECT_EQ(client.client.get_connection().value()->url(), to("wss", "localhost", elsewhere));
        EXPECT_TRUE(is_ok(client.client.stop_client()));
    }
    EXPECT_EQ(client.client.metrics().tls.handshakes, 2U) << "of the last start";

    // The session that was made without the certificate is not that of a start with it.
    ws_client_config direct = known_client();
    direct.path = "/to";
    ws_test_client known(direct);
    ASSERT_TRUE(is_ok(known.connect(elsewhere)));
    ASSERT_TRUE(other.seen.wait_for(3));
    EXPECT_NE(other.seen.at(2).certificate.find("alice"), std::string::npos);
    EXPECT_FALSE(other.seen.at(2).is_resumed);
}

TEST(wss_redirects, check_the_certificate_for_the_new_name) {
    secure_redirector other(server_named("b.example"));
    const auto elsewhere = other.start();
    secure_redirector server(server_named("a.example"));
    const auto port = server.start();
    ws_client_config config = known_client();
    config.tls->server_name = "a.example";
    config.host = "localhost";
    {
        server.location = to("wss", "localhost", elsewhere);
        ws_test_client client(config);
        const auto refused = client.connect(port);
        EXPECT_TRUE(fails_with(refused, errc::certificate_verification_failed));
        EXPECT_NE(refused.error().message.find("after 1 redirect, at " + server.location),
                  std::string::npos)
            << refused.error().message;
    }
    // Nor does the name that the application has given hold for another server.
    secure_redirector same_name(server_named("a.example"));
    server.location = to("wss", "localhost", same_name.start());
    ws_test_client client(config);
    EXPECT_TRUE(fails_with(client.connect(port), errc::certificate_verification_failed));
    server.location = "/to";
    EXPECT_TRUE(is_ok(client.connect(port)));
}

TEST(wss_redirects, hold_to_pins) {
    const auto pinned = authority().issue_local("redirect_pinned");
    tls_config pinned_server;
    pinned_server.identity = identity_of(pinned);
    secure_redirector server(pinned_server);
    secure_redirector other;
    const auto elsewhere = other.start();
    secure_redirector another(pinned_server);
    const auto with_pin = another.start();
    const auto port = server.start();
    ws_client_config config = known_client();
    config.tls->pinned_certificates = {pinned.fingerprint};
    ws_test_client client(config);
    server.location = to("wss", "localhost", elsewhere);
    EXPECT_TRUE(fails_with(client.connect(port), errc::certificate_verification_failed));
    EXPECT_EQ(other.seen.size(), 0U);
    server.location = to("wss", "localhost", with_pin);
    EXPECT_TRUE(is_ok(client.connect(port)));
}

TEST(wss_redirects, never_lead_from_wss_to_ws) {
    ws_server_config any;
    any.path.clear();
    ws_test_server plain(any);
    const auto in_the_clear = plain.start();
    secure_redirector server;
    const auto port = server.start();
    for (const auto scheme : {"ws", "http"}) {
        server.location = to(scheme, "localhost", in_the_clear);
        ws_test_client client(known_client());
        const auto refused = client.connect(port);
        EXPECT_TRUE(fails_with(refused, errc::handshake_rejected));
        EXPECT_NE(refused.error().message.find("redirects from wss to ws are not followed"),
                  std::string::npos)
            << refused.error().message;
    }
    EXPECT_EQ(plain.server.metrics().connections_accepted, 0U);
}

TEST(wss_redirects, lead_from_ws_to_wss_and_verify) {
    secure_redirector secure_server;
    const auto elsewhere = secure_server.start();
    ws_server_config any;
    any.path.clear();
    ws_test_server server(any);
    const std::string location = to("https", "localhost", elsewhere);
    (void)server.server.set_handshake_callback(
        [&](const ws_request&, const endpoint&, ws_handshake_answer& answer) {
            answer.reject({301, {{"Location", location}}, {}});
        });
    ws_client_config config;
    config.max_redirects = 1;
    ws_test_client client(config);
    const auto refused = client.connect(server.start());
    EXPECT_TRUE(fails_with(refused, errc::certificate_verification_failed))
        << "the system does not trust the authority of these tests";
    EXPECT_NE(refused.error().message.find("at " + to("wss", "localhost", elsewhere)),
              std::string::npos)
        << refused.error().message;
    EXPECT_EQ(client.client.metrics().tls.handshakes, 0U);
}

}  // namespace
}  // namespace ws

#endif
