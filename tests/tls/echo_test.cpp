// Secure servers and clients over the real loopback.
#include "support/secure.h"
#include "tls/versions.h"

namespace secure {
namespace {

class secure_echo_test : public testing::TestWithParam<tls_version> {
protected:
    [[nodiscard]] static tls_config limited(tls_config config) {
        config.min_version = config.max_version = GetParam();
        return config;
    }
};

TEST_P(secure_echo_test, messages_of_every_size_return_unchanged) {
    secure_server server(limited(for_server()));
    secure_client client(limited(for_client()));
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    for (const std::size_t size :
         {1U, 5U, 64U, 2048U, 16379U, 16384U, 16385U, 65536U, 65537U, 300'000U, 5'000'017U}) {
        EXPECT_TRUE(client.exchange(pattern(size, static_cast<std::uint32_t>(size))))
            << size << " bytes";
    }
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    EXPECT_EQ(client.errors.size(), 0U);
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.errors.size(), 0U);
    const auto counted = server.server.metrics().tls;
    EXPECT_EQ(counted.handshakes, 1U);
    EXPECT_EQ(counted.disconnects + counted.truncations, 0U);
}

TEST_P(secure_echo_test, both_sides_know_what_was_agreed_on) {
    secure_server server(limited(for_server()));
    secure_client client(limited(for_client()));
    std::string seen_by_server;
    server.on_connect = [&](const session_ptr& session) {
        const auto agreed = session->tls();
        seen_by_server = agreed ? agreed.value().protocol + " " + agreed.value().server_name : "?";
    };
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    const bool is_newer = GetParam() == tls_version::tls_1_3;
    const auto agreed = client.client.get_session().value()->tls();
    ASSERT_TRUE(is_ok(agreed));
    EXPECT_EQ(agreed.value().protocol, is_newer ? "TLSv1.3" : "TLSv1.2");
    EXPECT_EQ(agreed.value().cipher,
              is_newer ? "TLS_AES_128_GCM_SHA256" : "ECDHE-ECDSA-AES128-GCM-SHA256");
    const auto certificate = client.client.get_session().value()->peer_certificate();
    ASSERT_TRUE(is_ok(certificate));
    EXPECT_EQ(certificate.value().subject, "CN=server");
    EXPECT_EQ(certificate.value().issuer, "CN=Test Intermediate");
    EXPECT_EQ(certificate.value().subject_alternative_names,
              (std::vector<std::string>{"DNS:localhost", "IP:127.0.0.1", "IP:0:0:0:0:0:0:0:1"}));
    EXPECT_EQ(certificate.value().fingerprint.size(), 64U);
    EXPECT_LT(certificate.value().not_before, std::chrono::system_clock::now());
    EXPECT_GT(certificate.value().not_after, std::chrono::system_clock::now());
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(seen_by_server, is_newer ? "TLSv1.3 localhost" : "TLSv1.2 localhost");
}

TEST_P(secure_echo_test, an_unknown_authority_is_refused_with_the_reason) {
    secure_server server(limited(for_server()));
    tls_config config = limited(for_client());
    const test_authority other;
    config.ca_file = other.ca_file();
    secure_client client(config);
    const auto started = client.client.start_client("localhost", server.start());
    ASSERT_TRUE(fails_with(started, errc::certificate_verification_failed));
    EXPECT_NE(started.error().details.find("depth"), std::string::npos) << started.error().message;
    EXPECT_EQ(client.client.metrics().tls.verification_failures, 1U);
}

struct preference {
    const char* name;
    const char* of_server;
    const char* of_client;
    const char* agreed;
};

class secure_cipher_test : public testing::TestWithParam<preference> {};

// A client whose machine has no instructions for AES puts ChaCha20 first.
TEST_P(secure_cipher_test, the_server_prefers_except_for_cha_cha20) {
    tls_config of_server = for_server();
    of_server.cipher_suites = GetParam().of_server;
    tls_config of_client = for_client();
    of_client.cipher_suites = GetParam().of_client;
    secure_server server(of_server);
    secure_client client(of_client);
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    EXPECT_EQ(client.client.get_session().value()->tls().value().cipher, GetParam().agreed);
}

INSTANTIATE_TEST_SUITE_P(
    suites, secure_cipher_test,
    testing::Values(
        preference{"default", "", "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
                   "TLS_AES_128_GCM_SHA256"},
        preference{"strongest_only", "", "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"},
        preference{"configured", "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", "",
                   "TLS_AES_256_GCM_SHA384"},
        preference{"chacha20_first", "", "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
                   "TLS_CHACHA20_POLY1305_SHA256"}),
    [](const auto& each) { return std::string(each.param.name); });

INSTANTIATE_TEST_SUITE_P(versions, secure_echo_test, network_system::testing::both_versions(),
                         network_system::testing::version_of);

}  // namespace
}  // namespace secure
