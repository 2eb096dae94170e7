// What a client, and a server that asks, make of certificates: one row for each.
#include "support/secure.h"

#include <functional>

namespace secure {
namespace {

certificate_wishes local_wishes() {
    certificate_wishes wishes;
    wishes.names = {"DNS:localhost", "IP:127.0.0.1"};
    return wishes;
}

certificate_wishes with(const std::function<void(certificate_wishes&)>& change) {
    certificate_wishes wishes = local_wishes();
    change(wishes);
    return wishes;
}

struct verification_case {
    const char* name;
    certificate_wishes wishes;
    const char* host;
    /// Empty: accepted. Else a part of the reason.
    const char* reason;
};

class server_certificate : public testing::TestWithParam<verification_case> {};

TEST_P(server_certificate, is_accepted_or_refused_with_the_reason) {
    const verification_case& row = GetParam();
    tls_config config;
    config.identity = identity_of(authority().issue(row.name, row.wishes));
    secure_server server(config);
    tls_config trusting = for_client();
    trusting.server_name = row.host;
    secure_client client(trusting);
    const auto started = client.client.start_client("127.0.0.1", server.start());
    if (*row.reason == '\0') {
        EXPECT_TRUE(is_ok(started));
        EXPECT_TRUE(client.exchange("hello"));
        return;
    }
    ASSERT_TRUE(fails_with(started, errc::certificate_verification_failed));
    const std::string& message = started.error().message;
    EXPECT_NE(message.find(row.reason), std::string::npos) << message;
    EXPECT_NE(message.find("depth 0"), std::string::npos) << message;
    EXPECT_NE(message.find("CN=test"), std::string::npos) << message;
    EXPECT_EQ(client.client.metrics().tls.verification_failures, 1U);
    // The server is told why.
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0).code, errc::tls_handshake_failed);
    EXPECT_EQ(server.server.metrics().tls.peer_alerts, 1U);
    EXPECT_EQ(server.sessions.size(), 0U) << "the connected callback ran without a handshake";
}

INSTANTIATE_TEST_SUITE_P(
    all, server_certificate,
    testing::Values(
        verification_case{"valid", local_wishes(), "localhost", ""},
        verification_case{"valid_address", local_wishes(), "127.0.0.1", ""},
        verification_case{"other_case", local_wishes(), "LOCALHOST", ""},
        verification_case{"dot_at_the_end", local_wishes(), "localhost.", ""},
        verification_case{"expired", with([](auto& one) { one.valid_to = -60; }), "localhost",
                          "expired"},
        verification_case{"not_yet_valid", with([](auto& one) { one.valid_from = 600; }),
                          "localhost", "not yet valid"},
        verification_case{"other_host", local_wishes(), "example.org",
                          "not for example.org, but for DNS:localhost"},
        verification_case{"other_address", local_wishes(), "127.0.0.2", "not for 127.0.0.2"},
        verification_case{"name_in_subject_only", with([](auto& one) {
                              one.common_name = "test";
                              one.names = {};
                          }),
                          "test", "not for test, it names nobody (no subject alternative name"},
        verification_case{"wildcard", with([](auto& one) { one.names = {"DNS:*.example.org"}; }),
                          "www.example.org", ""},
        verification_case{"wildcard_two_levels",
                          with([](auto& one) { one.names = {"DNS:*.example.org"}; }),
                          "a.b.example.org", "ostname mismatch"},
        verification_case{"wildcard_partial",
                          with([](auto& one) { one.names = {"DNS:w*.example.org"}; }),
                          "www.example.org", "ostname mismatch"},
        verification_case{"server_usage",
                          with([](auto& one) { one.extended_usage = "serverAuth"; }), "localhost",
                          ""},
        verification_case{"client_usage",
                          with([](auto& one) { one.extended_usage = "clientAuth"; }), "localhost",
                          "purpose"}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(server_certificate_chain, self_signed) {
    const issued_certificate alone(local_wishes());
    tls_config config;
    config.identity = identity_of(authority().write("self_signed", alone));
    secure_server server(config);
    secure_client client(for_client());
    const auto started = client.client.start_client("localhost", server.start());
    ASSERT_TRUE(fails_with(started, errc::certificate_verification_failed));
    EXPECT_NE(started.error().message.find("self-signed certificate"), std::string::npos)
        << started.error().message;

    tls_config trusting;
    trusting.ca_pem = alone.pem();
    secure_client friendly(trusting);
    EXPECT_TRUE(is_ok(friendly.client.start_client("localhost", server.server.local_port())));
}

TEST(server_certificate_chain, intermediate_missing) {
    const issued_certificate leaf(local_wishes(), &authority().intermediate());
    tls_config config;
    config.identity = identity_of(authority().write("no_intermediate", leaf));
    secure_server server(config);
    secure_client client(for_client());
    const auto started = client.client.start_client("localhost", server.start());
    ASSERT_TRUE(fails_with(started, errc::certificate_verification_failed));
    EXPECT_NE(started.error().message.find("unable to get local issuer"), std::string::npos)
        << started.error().message;
}

TEST(server_certificate_chain, authorities_in_a_file_in_memory_and_in_a_directory_are_the_same) {
    secure_server server(for_server());
    const std::uint16_t port = server.start();
    tls_config in_memory;
    in_memory.ca_pem = authority().root().pem();
    EXPECT_TRUE(is_ok(secure_client(in_memory).client.start_client("localhost", port)));
    tls_config in_directory;
    in_directory.ca_path = authority().directory().string();
    // Without `openssl rehash` nothing is found in it.
    EXPECT_TRUE(fails_with(secure_client(in_directory).client.start_client("localhost", port),
                           errc::certificate_verification_failed));
}

TEST(server_certificate_chain, nobody_is_trusted_by_default_but_whom_the_system_trusts) {
    secure_server server(for_server());
    secure_client client;
    EXPECT_TRUE(fails_with(client.client.start_client("localhost", server.start()),
                           errc::certificate_verification_failed));
}

TEST(server_certificate_chain, verification_can_be_switched_off) {
    secure_server server(for_server());
    secure_client client(false);
    EXPECT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    EXPECT_TRUE(client.exchange("anybody"));
}

TEST(server_certificate_chain, weak_key) {
    certificate_wishes wishes = local_wishes();
    wishes.rsa_bits = 1024;
    tls_config config;
    config.identity = identity_of(authority().issue("weak", wishes));
    secure_server server(config);
    const auto started = server.server.start_server(0);
    ASSERT_TRUE(fails_with(started, errc::certificate_load_failed));
    EXPECT_NE(started.error().message.find("key too small"), std::string::npos)
        << started.error().message;
}

TEST(pinned_certificates, decide_besides_the_chain) {
    const auto files = authority().issue_local("pinned");
    tls_config config;
    config.identity = identity_of(files);
    secure_server server(config);
    const std::uint16_t port = server.start();

    tls_config pinned = for_client();
    pinned.pinned_certificates = {std::string(64, '0'), files.fingerprint};
    EXPECT_TRUE(is_ok(secure_client(pinned).client.start_client("localhost", port)));

    tls_config revoked = for_client();
    revoked.pinned_certificates = {std::string(64, '0')};
    const auto refused = secure_client(revoked).client.start_client("localhost", port);
    ASSERT_TRUE(fails_with(refused, errc::certificate_verification_failed));
    EXPECT_NE(refused.error().message.find(files.fingerprint), std::string::npos)
        << refused.error().message;

    // The pin does not replace the chain …
    tls_config other_chain = pinned;
    const test_authority other;
    other_chain.ca_file = other.ca_file();
    EXPECT_TRUE(fails_with(secure_client(other_chain).client.start_client("localhost", port),
                           errc::certificate_verification_failed));
    // … unless the chain is not to be looked at.
    tls_config only_pinned;
    only_pinned.verify_peer = false;
    only_pinned.pinned_certificates = {files.fingerprint};
    EXPECT_TRUE(is_ok(secure_client(only_pinned).client.start_client("localhost", port)));
    only_pinned.pinned_certificates = {std::string(64, 'f')};
    EXPECT_TRUE(fails_with(secure_client(only_pinned).client.start_client("localhost", port),
                           errc::certificate_verification_failed));
}

struct mutual_case {
    const char* name;
    client_certificates mode;
    /// "none", "valid", "foreign", "expired".
    const char* client;
    bool is_accepted;
};

class mutual_tls : public testing::TestWithParam<std::tuple<mutual_case, tls_version>> {};

tls_identity client_identity(const std::string& kind) {
    if (kind == "none") {
        return {};
    }
    certificate_wishes wishes;
    wishes.common_name = "client-" + kind;
    wishes.extended_usage = "clientAuth";
    wishes.valid_to = kind == "expired" ? -60 : 3600;
    if (kind == "foreign") {
        static const test_authority other;
        return identity_of(other.issue("client", wishes));
    }
    return identity_of(authority().issue(wishes.common_name, wishes));
}

TEST_P(mutual_tls, follows_the_mode) {
    const auto& [row, version] = GetParam();
    tls_config config = for_server();
    config.client_certificate_mode = row.mode;
    config.max_version = version;
    if (row.mode != client_certificates::none) {
        config.ca_file = authority().ca_file();
    }
    secure_server server(config);
    std::string seen;
    server.on_connect = [&](const session_ptr& session) {
        const auto certificate = session->peer_certificate();
        seen = certificate ? certificate.value().subject : "nobody";
    };
    tls_config presenting = for_client();
    presenting.identity = client_identity(row.client);
    secure_client client(presenting);
    const auto started = client.client.start_client("localhost", server.start());
    if (row.is_accepted) {
        ASSERT_TRUE(is_ok(started));
        EXPECT_TRUE(client.exchange("hello"));
        const bool is_asked = row.mode != client_certificates::none;
        EXPECT_EQ(seen,
                  is_asked && row.client != std::string("none") ? "CN=client-valid" : "nobody");
        return;
    }
    // The server's alert tells the client why.
    ASSERT_TRUE(fails_with(started, errc::tls_handshake_failed));
    EXPECT_NE(started.error().message.find("the peer refused with alert"), std::string::npos)
        << started.error().message;
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0).code, errc::certificate_verification_failed);
    EXPECT_EQ(server.server.metrics().tls.verification_failures, 1U);
    EXPECT_EQ(server.sessions.size(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    all, mutual_tls,
    testing::Combine(
        testing::Values(
            mutual_case{"none_none", client_certificates::none, "none", true},
            mutual_case{"none_valid", client_certificates::none, "valid", true},
            mutual_case{"optional_none", client_certificates::optional, "none", true},
            mutual_case{"optional_valid", client_certificates::optional, "valid", true},
            mutual_case{"optional_foreign", client_certificates::optional, "foreign", false},
            mutual_case{"required_none", client_certificates::required, "none", false},
            mutual_case{"required_valid", client_certificates::required, "valid", true},
            mutual_case{"required_foreign", client_certificates::required, "foreign", false},
            mutual_case{"required_expired", client_certificates::required, "expired", false}),
        testing::Values(tls_version::tls_1_2, tls_version::tls_1_3)),
    [](const auto& each) {
        return std::string(std::get<0>(each.param).name) +
               (std::get<1>(each.param) == tls_version::tls_1_2 ? "_tls_1_2" : "_tls_1_3");
    });

}  // namespace
}  // namespace secure
