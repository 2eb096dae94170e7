// Certificates with several types of keys for one name: each client gets one that it can verify.
#include "support/secure.h"
#include "tls/versions.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <memory>

namespace secure {
namespace {

using names = std::vector<std::string>;

tls_identity rsa(const std::string& name, names covered, unsigned bits = 2048) {
    certificate_wishes wishes;
    wishes.common_name = name;
    wishes.names = std::move(covered);
    wishes.rsa_bits = bits;
    return identity_of(authority().issue(name, wishes));
}
tls_identity ecdsa(const std::string& name, names covered, const std::string& curve = "P-256") {
    certificate_wishes wishes;
    wishes.common_name = name;
    wishes.names = std::move(covered);
    wishes.curve = curve;
    return identity_of(authority().issue(name, wishes));
}

/// What a client of OpenSSL's asks for, and what it can verify.
struct hello {
    tls_version version = tls_version::tls_1_3;
    /// Empty = none.
    std::string name{};
    const char* signatures = "RSA-PSS+SHA256:RSA+SHA256:ECDSA+SHA256";
    const char* groups = "X25519:P-256:P-384";
};

constexpr const char* only_rsa = "RSA-PSS+SHA256:RSA+SHA256";
constexpr const char* only_ecdsa = "ECDSA+SHA256";

struct answer {
    /// The common name in the certificate; empty = the handshake failed.
    std::string subject;
    std::string status;
};

/// Verifies the chain; the server has to send the intermediate authority.
answer ask(std::uint16_t port, const hello& asked) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    const int version = asked.version == tls_version::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    EXPECT_EQ(SSL_CTX_set_min_proto_version(context.get(), version), 1);
    EXPECT_EQ(SSL_CTX_set_max_proto_version(context.get(), version), 1);
    EXPECT_EQ(SSL_CTX_set1_sigalgs_list(context.get(), asked.signatures), 1);
    EXPECT_EQ(SSL_CTX_set1_groups_list(context.get(), asked.groups), 1);
    EXPECT_EQ(SSL_CTX_load_verify_file(context.get(), authority().ca_file().c_str()), 1);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_tlsext_status_type(context.get(), TLSEXT_STATUSTYPE_ocsp);
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> stream(BIO_new_ssl_connect(context.get()),
                                                               &BIO_free_all);
    SSL* ssl = nullptr;
    BIO_get_ssl(stream.get(), &ssl);
    if (!asked.name.empty()) {
        EXPECT_EQ(SSL_set_tlsext_host_name(ssl, asked.name.c_str()), 1);
    }
    BIO_set_conn_hostname(stream.get(), ("127.0.0.1:" + std::to_string(port)).c_str());
    if (BIO_do_handshake(stream.get()) != 1) {
        ERR_clear_error();
        return {};
    }
    const std::unique_ptr<X509, decltype(&X509_free)> got(SSL_get1_peer_certificate(ssl),
                                                          &X509_free);
    std::array<char, 64> subject{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(got.get()), NID_commonName, subject.data(),
                              static_cast<int>(subject.size()));
    unsigned char* status = nullptr;
    const long size = SSL_get_tlsext_status_ocsp_resp(ssl, &status);
    return {subject.data(), size > 0 ? std::string(status, status + size) : std::string()};
}

class key_types : public testing::TestWithParam<tls_version> {
protected:
    [[nodiscard]] static std::string subject(std::uint16_t port, const std::string& name,
                                             const char* signatures) {
        return ask(port, {GetParam(), name, signatures}).subject;
    }
    /// Those that clients get who can verify RSA, ECDSA, or both.
    [[nodiscard]] static names subjects(std::uint16_t port, const std::string& name) {
        return {subject(port, name, only_rsa), subject(port, name, only_ecdsa),
                subject(port, name, hello().signatures)};
    }
};
INSTANTIATE_TEST_SUITE_P(all, key_types, network_system::testing::both_versions(),
                         network_system::testing::version_of);

TEST_P(key_types, one_name_with_an_rsa_and_an_ecdsa_certificate_serves_every_client) {
    const tls_identity of_rsa = rsa("both-rsa", {"DNS:both.test"});
    const tls_identity of_ecdsa = ecdsa("both-ecdsa", {"DNS:both.test"});
    for (const bool rsa_is_first : {true, false}) {
        tls_config config = for_server();
        config.identities_by_name =
            rsa_is_first ? std::vector{of_rsa, of_ecdsa} : std::vector{of_ecdsa, of_rsa};
        secure_server server(config);
        EXPECT_EQ(subjects(server.start(), "both.test"),
                  (names{"both-rsa", "both-ecdsa", "both-ecdsa"}));
    }
}

TEST_P(key_types, the_default_certificate_is_one_of_them) {
    tls_config config = for_server();
    config.identities_by_name = {rsa("local-rsa", {"DNS:localhost"})};
    secure_server server(config);
    EXPECT_EQ(subjects(server.start(), "localhost"), (names{"local-rsa", "server", "server"}));
}

TEST_P(key_types, clients_without_a_name_have_the_choice_too) {
    const names covered{"DNS:localhost", "IP:127.0.0.1"};
    tls_config config;
    config.identity = rsa("default-rsa", covered);
    config.identities_by_name = {
        ecdsa("elsewhere", {"DNS:elsewhere.test"}),
        ecdsa("default-ecdsa", {"IP:127.0.0.1", "DNS:LocalHost", "DNS:more.test"})};
    secure_server server(config);
    const std::uint16_t port = server.start();
    EXPECT_EQ(subjects(port, ""), (names{"default-rsa", "default-ecdsa", "default-ecdsa"}));
    EXPECT_EQ(subjects(port, "unknown.test"),
              (names{"default-rsa", "default-ecdsa", "default-ecdsa"}));
    // Ours asks for no name where it has a numeric address, and verifies that address.
    secure_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", port)));
    EXPECT_EQ(client.client.get_session().value()->peer_certificate().value().subject,
              "CN=default-ecdsa");
}

TEST_P(key_types, a_certificate_for_less_than_the_default_one_does_not_stand_in_for_it) {
    tls_config config;
    config.identity = rsa("default-rsa", {"DNS:localhost", "IP:127.0.0.1"});
    config.identities_by_name = {ecdsa("less", {"DNS:localhost"})};
    secure_server server(config);
    const std::uint16_t port = server.start();
    EXPECT_EQ(subjects(port, ""), (names{"default-rsa", "", "default-rsa"}));
    EXPECT_EQ(subjects(port, "localhost"), (names{"default-rsa", "less", "less"}));
}

TEST_P(key_types, names_that_overlap_are_served_by_those_that_cover_them) {
    tls_config config = for_server();
    config.identities_by_name = {rsa("xy", {"DNS:x.test", "DNS:y.test"}),
                                 ecdsa("yz", {"DNS:y.test", "DNS:z.test"})};
    secure_server server(config);
    const std::uint16_t port = server.start();
    EXPECT_EQ(subjects(port, "x.test"), (names{"xy", "", "xy"}));
    EXPECT_EQ(subjects(port, "y.test"), (names{"xy", "yz", "yz"}));
    EXPECT_EQ(subjects(port, "z.test"), (names{"", "yz", "yz"}));
    EXPECT_EQ(subjects(port, "unknown.test"), (names{"", "server", "server"}));
}

TEST_P(key_types, of_a_wildcard_and_a_name_the_first_of_each_type_is_served) {
    tls_config config = for_server();
    config.identities_by_name = {ecdsa("exact", {"DNS:a.wild.test"}),
                                 ecdsa("wild", {"DNS:*.wild.test"}),
                                 rsa("wild-rsa", {"DNS:*.wild.test"})};
    secure_server server(config);
    const std::uint16_t port = server.start();
    EXPECT_EQ(subjects(port, "a.wild.test"), (names{"wild-rsa", "exact", "exact"}));
    EXPECT_EQ(subjects(port, "b.wild.test"), (names{"wild-rsa", "wild", "wild"}));
}

TEST_P(key_types, the_curve_is_one_that_the_client_can_verify) {
    const names covered{"DNS:curves.test"};
    tls_config config = for_server();
    config.identities_by_name = {ecdsa("of-256", covered), ecdsa("of-384", covered, "P-384")};
    secure_server server(config);
    const std::uint16_t port = server.start();
    const auto with = [&](const char* signatures, const char* groups) {
        return ask(port, {GetParam(), "curves.test", signatures, groups}).subject;
    };
    EXPECT_EQ(with("ECDSA+SHA256", "P-256"), "of-256");
    EXPECT_EQ(with("ECDSA+SHA384", "P-384"), "of-384");
    EXPECT_EQ(with("ECDSA+SHA384:ECDSA+SHA256", "P-384:P-256"), "of-256");
}

TEST_P(key_types, ed25519_stands_beside_the_others) {
    const names covered{"DNS:ed.test"};
    tls_config config = for_server();
    config.identities_by_name = {ecdsa("ed", covered, "ED25519"), rsa("not-ed", covered)};
    secure_server server(config);
    const std::uint16_t port = server.start();
    // ECDSA: for the signature of the authority.
    EXPECT_EQ(subject(port, "ed.test", "ed25519:ECDSA+SHA256"), "ed");
    EXPECT_EQ(subject(port, "ed.test", "RSA-PSS+SHA256:RSA+SHA256:ECDSA+SHA256"), "not-ed");
}

TEST_P(key_types, the_stapled_status_is_that_of_the_certificate_chosen) {
    tls_config config = for_server();
    tls_identity of_rsa = rsa("status-rsa", {"DNS:status.test"});
    tls_identity of_ecdsa = ecdsa("status-ecdsa", {"DNS:status.test"});
    of_rsa.ocsp_response_file = authority().write_text("rsa.der", "status of RSA");
    of_ecdsa.ocsp_response_file = authority().write_text("ecdsa.der", "status of ECDSA");
    config.identities_by_name = {of_rsa, of_ecdsa};
    secure_server server(config);
    const std::uint16_t port = server.start();
    EXPECT_EQ(ask(port, {GetParam(), "status.test", only_rsa}).status, "status of RSA");
    EXPECT_EQ(ask(port, {GetParam(), "status.test", only_ecdsa}).status, "status of ECDSA");
    EXPECT_EQ(ask(port, {GetParam(), ""}).status, "");
}

TEST_P(key_types, reloading_keeps_them_all) {
    tls_config config = for_server();
    config.min_version = config.max_version = GetParam();
    const tls_identity of_rsa = rsa("live-rsa", {"DNS:live.test"});
    const tls_identity of_ecdsa = ecdsa("live-ecdsa", {"DNS:live.test"});
    config.identities_by_name = {of_rsa, of_ecdsa};
    secure_server server(config);
    const std::uint16_t port = server.start();
    tls_config asking = for_client();
    asking.server_name = "live.test";
    secure_client client(asking);
    const auto resumes = [&] {
        EXPECT_TRUE(is_ok(client.client.start_client("localhost", port)));
        EXPECT_TRUE(client.exchange("hello"));
        const bool is_resumed = client.client.get_session().value()->tls().value().is_resumed;
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        return is_resumed;
    };
    EXPECT_FALSE(resumes());
    const auto install = [](const tls_identity& from, const tls_identity& to) {
        std::filesystem::copy_file(from.certificate_file, to.certificate_file,
                                   std::filesystem::copy_options::overwrite_existing);
        std::filesystem::copy_file(from.key_file, to.key_file,
                                   std::filesystem::copy_options::overwrite_existing);
    };
    install(rsa("new-rsa", {"DNS:live.test"}), of_rsa);
    install(ecdsa("new-ecdsa", {"DNS:live.test"}), of_ecdsa);
    ASSERT_TRUE(is_ok(server.server.reload_certificates()));
    EXPECT_EQ(subjects(port, "live.test"), (names{"new-rsa", "new-ecdsa", "new-ecdsa"}));
    EXPECT_TRUE(resumes());
}

TEST_P(key_types, the_rest_of_the_configuration_holds_for_each_of_them) {
    tls_config config = for_server();
    config.min_version = config.max_version = GetParam();
    config.client_certificate_mode = client_certificates::required;
    config.ca_file = authority().ca_file();
    config.application_protocols = {"chat"};
    config.identities_by_name = {rsa("strict-rsa", {"DNS:strict.test"}),
                                 ecdsa("strict-ecdsa", {"DNS:strict.test"})};
    secure_server server(config);
    const std::uint16_t port = server.start();
    tls_config asking = for_client();
    asking.server_name = "strict.test";
    asking.application_protocols = {"chat"};
    // The server may refuse a client of TLS 1.3 after that has done its part of the handshake.
    secure_client anonymous(asking);
    (void)anonymous.client.start_client("localhost", port);
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0).code, errc::certificate_verification_failed);
    asking.identity = for_server().identity;
    secure_client known(asking);
    ASSERT_TRUE(is_ok(known.client.start_client("localhost", port)));
    EXPECT_EQ(known.client.get_session().value()->tls().value().application_protocol, "chat");
    EXPECT_EQ(known.client.get_session().value()->peer_certificate().value().subject,
              "CN=strict-ecdsa");
}

TEST(key_types_of_our_client, follow_its_ciphers) {
    tls_config config = for_server();
    config.identities_by_name = {ecdsa("our-ecdsa", {"DNS:ours.test"}),
                                 rsa("our-rsa", {"DNS:ours.test"})};
    secure_server server(config);
    const std::uint16_t port = server.start();
    for (const auto& [ciphers, subject] : std::vector<std::pair<std::string, std::string>>{
             {"ECDHE-RSA-AES128-GCM-SHA256", "CN=our-rsa"},
             {"ECDHE-ECDSA-AES128-GCM-SHA256", "CN=our-ecdsa"}}) {
        tls_config asking = for_client();
        asking.server_name = "ours.test";
        asking.max_version = tls_version::tls_1_2;
        asking.ciphers = ciphers;
        secure_client client(asking);
        ASSERT_TRUE(is_ok(client.client.start_client("localhost", port))) << ciphers;
        EXPECT_EQ(client.client.get_session().value()->peer_certificate().value().subject, subject);
    }
}

void expect_refused(const tls_config& config, errc code, const std::string& reason) {
    const auto started = secure_server(config).server.start_server(0);
    ASSERT_TRUE(fails_with(started, code));
    EXPECT_NE(started.error().message.find(reason), std::string::npos) << started.error().message;
}

TEST(identities_by_name, that_nobody_could_get_are_refused) {
    const tls_identity first = ecdsa("first", {"DNS:a.test", "DNS:*.b.test"});
    tls_config config = for_server();
    for (const tls_identity& second :
         {first, ecdsa("equal", {"DNS:a.test", "DNS:*.b.test"}), ecdsa("less", {"DNS:a.test"}),
          ecdsa("under-the-wildcard", {"DNS:c.b.test"})}) {
        config.identities_by_name = {first, second};
        expect_refused(config, errc::invalid_argument,
                       "'" + second.certificate_file + "' would never be served");
    }
    // These could be got: for another name, with another key, or for more.
    for (const tls_identity& second :
         {ecdsa("other", {"DNS:b.test"}), rsa("other-key", {"DNS:a.test"}),
          ecdsa("other-curve", {"DNS:a.test"}, "P-384"),
          ecdsa("more", {"DNS:a.test", "DNS:c.test"})}) {
        config.identities_by_name = {first, second};
        EXPECT_TRUE(is_ok(secure_server(config).server.start_server(0)));
    }
    // The default one is for clients without a name, whatever comes before it.
    config.identities_by_name = {config.identity};
    EXPECT_TRUE(is_ok(secure_server(config).server.start_server(0)));
}

TEST(identities_by_name, with_a_key_that_does_not_fit_or_is_weak_are_named) {
    const tls_identity good = ecdsa("good-key", {"DNS:a.test"});
    tls_identity mixed = rsa("mixed", {"DNS:a.test"});
    mixed.key_file = good.key_file;
    tls_config config = for_server();
    config.identities_by_name = {good, mixed};
    expect_refused(config, errc::certificate_load_failed, "key '" + mixed.key_file + "'");
    const tls_identity weak = rsa("weak", {"DNS:a.test"}, 1024);
    config.identities_by_name = {good, weak};
    expect_refused(config, errc::certificate_load_failed,
                   "certificate '" + weak.certificate_file + "': ee key too small");
}

TEST(keys_without_a_cipher, are_refused_while_tls12_is_allowed) {
    tls_config config = for_server();
    config.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
    expect_refused(config, errc::invalid_argument, "none fits the key");
    config.identities_by_name = {rsa("fitting", {"DNS:a.test"})};
    EXPECT_TRUE(is_ok(secure_server(config).server.start_server(0)));
    config.identities_by_name.clear();
    config.min_version = tls_version::tls_1_3;
    EXPECT_TRUE(is_ok(secure_server(config).server.start_server(0)));
}

}  // namespace
}  // namespace secure
