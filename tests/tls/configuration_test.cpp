// Configurations that make no sense, files that cannot be loaded, and what both sides negotiate.
#include "support/secure.h"

#include <fstream>
#include <functional>
#include <sstream>

namespace secure {
namespace {

using config_change = std::function<void(tls_config&)>;

struct refused_case {
    const char* name;
    config_change change_config;
    const char* reason;
};

class refused_server : public testing::TestWithParam<refused_case> {};
class refused_client : public testing::TestWithParam<refused_case> {};

TEST_P(refused_server, is_not_started) {
    tls_config config = for_server();
    GetParam().change_config(config);
    secure_server server(config);
    const auto started = server.server.start_server(0);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    EXPECT_NE(started.error().message.find(GetParam().reason), std::string::npos)
        << started.error().message;
    EXPECT_FALSE(server.server.is_running());
}

TEST_P(refused_client, is_not_started) {
    tls_config config = for_client();
    GetParam().change_config(config);
    secure_client client(config);
    const auto started = client.client.start_client("localhost", 1);
    ASSERT_TRUE(fails_with(started, errc::invalid_argument));
    EXPECT_NE(started.error().message.find(GetParam().reason), std::string::npos)
        << started.error().message;
}

std::string name_of_case(const testing::TestParamInfo<refused_case>& each) {
    return each.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    all, refused_server,
    testing::Values(
        refused_case{"no_certificate", [](tls_config& one) { one.identity = {}; },
                     "needs a certificate"},
        refused_case{"no_key", [](tls_config& one) { one.identity.key_file.clear(); },
                     "needs its key"},
        refused_case{
            "asks_without_authorities",
            [](tls_config& one) { one.client_certificate_mode = client_certificates::required; },
            "ca_file"},
        refused_case{"authorities_without_asking",
                     [](tls_config& one) { one.ca_file = authority().ca_file(); },
                     "nothing would be verified"},
        refused_case{"pins_without_asking",
                     [](tls_config& one) { one.pinned_certificates = {std::string(64, '0')}; },
                     "nothing would be verified"},
        refused_case{"not_verifying", [](tls_config& one) { one.verify_peer = false; },
                     "verify_peer"},
        refused_case{"server_name", [](tls_config& one) { one.server_name = "here"; },
                     "for clients"},
        refused_case{"versions",
                     [](tls_config& one) {
                         one.min_version = tls_version::tls_1_3;
                         one.max_version = tls_version::tls_1_2;
                     },
                     "min_version"},
        refused_case{"no_time", [](tls_config& one) { one.handshake_timeout = 0ms; },
                     "handshake_timeout"},
        refused_case{"no_session_lifetime", [](tls_config& one) { one.session_lifetime = 0s; },
                     "session_lifetime must be 1 s to 7 days"},
        refused_case{"session_lifetime_of_more_than_a_week",
                     [](tls_config& one) { one.session_lifetime = 7 * 24h + 1s; },
                     "session_lifetime must be 1 s to 7 days"},
        refused_case{"required_staple", [](tls_config& one) { one.require_ocsp_staple = true; },
                     "for clients"},
        refused_case{
            "crls_required_without_asking",
            [](tls_config& one) { one.crl_policy = network_system::core::crl_policy::require; },
            "nothing would be verified"},
        refused_case{"empty_protocol", [](tls_config& one) { one.application_protocols = {""}; },
                     "application protocol"},
        refused_case{"unknown_cipher", [](tls_config& one) { one.ciphers = "ROT13"; }, "ciphers"},
        refused_case{"unknown_suite", [](tls_config& one) { one.cipher_suites = "ROT13"; },
                     "cipher_suites"},
        refused_case{"anonymous", [](tls_config& one) { one.ciphers = "aNULL:@SECLEVEL=0"; },
                     "encrypt or authenticate"},
        refused_case{"unencrypted", [](tls_config& one) { one.ciphers = "eNULL:@SECLEVEL=0"; },
                     "encrypt or authenticate"},
        refused_case{"identity_without_key",
                     [](tls_config& one) {
                         one.identities_by_name = {{"a.pem", "", "", ""}};
                     },
                     "needs its key"}),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    all, refused_client,
    testing::Values(refused_case{"authorities_without_verifying",
                                 [](tls_config& one) { one.verify_peer = false; },
                                 "verify nothing"},
                    refused_case{"required_staple_without_verifying",
                                 [](tls_config& one) {
                                     one = {};
                                     one.verify_peer = false;
                                     one.require_ocsp_staple = true;
                                 },
                                 "verify nothing"},
                    refused_case{"mode",
                                 [](tls_config& one) {
                                     one.client_certificate_mode = client_certificates::required;
                                 },
                                 "for servers"},
                    refused_case{"certificate_without_key",
                                 [](tls_config& one) { one.identity.certificate_file = "a.pem"; },
                                 "needs its key"},
                    refused_case{"password_without_key",
                                 [](tls_config& one) { one.identity.key_password = "secret"; },
                                 "without a certificate"},
                    refused_case{"short_pin",
                                 [](tls_config& one) { one.pinned_certificates = {"abcd"}; },
                                 "SHA-256"}),
    name_of_case);

TEST(certificate_files, that_cannot_be_loaded_are_named) {
    const auto good = authority().issue_local("good");
    const auto other = authority().issue_local("other");
    const std::string garbage = authority().write_text("garbage.pem", "no certificate\n");
    const auto start_with = [](const tls_identity& identity) {
        tls_config config;
        config.identity = identity;
        return secure_server(config).server.start_server(0);
    };
    for (const auto& [identity, file] : std::vector<std::pair<tls_identity, std::string>>{
             {{"/does/not/exist.pem", good.key, "", ""}, "/does/not/exist.pem"},
             {{garbage, good.key, "", ""}, garbage},
             {{good.certificate, "/does/not/exist.key", "", ""}, "/does/not/exist.key"},
             {{good.certificate, other.key, "", ""}, other.key},
             {{good.certificate, good.key, "", "/does/not/exist.der"}, "/does/not/exist.der"}}) {
        const auto started = start_with(identity);
        ASSERT_TRUE(fails_with(started, errc::certificate_load_failed)) << file;
        EXPECT_NE(started.error().message.find(file), std::string::npos) << started.error().message;
        EXPECT_FALSE(started.error().details.empty());
    }
    tls_config client = for_client();
    client.ca_file = garbage;
    EXPECT_TRUE(fails_with(secure_client(client).client.start_client("localhost", 1),
                           errc::certificate_load_failed));
    client = {};
    client.ca_pem = "no certificate";
    EXPECT_TRUE(fails_with(secure_client(client).client.start_client("localhost", 1),
                           errc::certificate_load_failed));
}

TEST(certificate_files, keys_may_be_encrypted) {
    certificate_wishes wishes;
    wishes.names = {"DNS:localhost"};
    const issued_certificate leaf(wishes, &authority().intermediate());
    const auto files =
        authority().write("encrypted", leaf, authority().intermediate().pem(), "open sesame");
    tls_config config;
    config.identity = identity_of(files);
    EXPECT_TRUE(
        fails_with(secure_server(config).server.start_server(0), errc::certificate_load_failed));
    config.identity.key_password = "open barley";
    const auto refused = secure_server(config).server.start_server(0);
    ASSERT_TRUE(fails_with(refused, errc::certificate_load_failed));
    EXPECT_EQ(refused.error().message.find("barley"), std::string::npos);
    config.identity.key_password = "open sesame";
    secure_server server(config);
    secure_client client(for_client());
    EXPECT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
}

TEST(negotiation, without_a_version_in_common_both_sides_say_so) {
    tls_config newer = for_server();
    newer.min_version = tls_version::tls_1_3;
    secure_server server(newer);
    tls_config older = for_client();
    older.max_version = tls_version::tls_1_2;
    const auto started = secure_client(older).client.start_client("localhost", server.start());
    ASSERT_TRUE(fails_with(started, errc::tls_handshake_failed));
    EXPECT_NE(started.error().message.find("alert 70"), std::string::npos)
        << started.error().message;
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0).code, errc::tls_handshake_failed);
    EXPECT_EQ(server.server.metrics().tls.protocol_failures, 1U);
}

TEST(negotiation, application_protocols) {
    tls_config offering = for_server();
    offering.application_protocols = {"chat/2", "chat/1"};
    secure_server server(offering);
    const std::uint16_t port = server.start();
    tls_config asking = for_client();
    asking.application_protocols = {"chat/1", "chat/2"};
    secure_client client(asking);
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", port)));
    EXPECT_EQ(client.client.get_session().value()->tls().value().application_protocol, "chat/2");

    asking.application_protocols = {"mail"};
    const auto refused = secure_client(asking).client.start_client("localhost", port);
    ASSERT_TRUE(fails_with(refused, errc::tls_handshake_failed));
    EXPECT_NE(refused.error().message.find("no application protocol"), std::string::npos)
        << refused.error().message;

    // Who offers none is served without one.
    secure_client silent(for_client());
    ASSERT_TRUE(is_ok(silent.client.start_client("localhost", port)));
    EXPECT_EQ(silent.client.get_session().value()->tls().value().application_protocol, "");
}

TEST(negotiation, the_name_asked_for_chooses_the_certificate) {
    const auto named = [](const char* name, std::vector<std::string> names) {
        certificate_wishes wishes;
        wishes.common_name = name;
        wishes.names = std::move(names);
        return identity_of(authority().issue(name, wishes));
    };
    tls_config config = for_server();
    config.identities_by_name = {named("first", {"DNS:first.test"}),
                                 named("wild", {"DNS:*.wild.test"})};
    secure_server server(config);
    const std::uint16_t port = server.start();
    for (const auto& [asked, subject] : std::vector<std::pair<std::string, std::string>>{
             {"localhost", "CN=server"}, {"first.test", "CN=first"}, {"a.wild.test", "CN=wild"}}) {
        tls_config asking = for_client();
        asking.server_name = asked;
        secure_client client(asking);
        ASSERT_TRUE(is_ok(client.client.start_client("127.0.0.1", port))) << asked;
        EXPECT_EQ(client.client.get_session().value()->peer_certificate().value().subject, subject);
        EXPECT_EQ(client.client.get_session().value()->tls().value().server_name, asked);
    }
    // An unknown name gets the default certificate, which the client then refuses.
    tls_config asking = for_client();
    asking.server_name = "unknown.test";
    EXPECT_TRUE(fails_with(secure_client(asking).client.start_client("127.0.0.1", port),
                           errc::certificate_verification_failed));
}

TEST(negotiation, a_stapled_status_is_passed_through) {
    tls_config config = for_server();
    config.identity.ocsp_response_file = authority().write_text("status.der", "any bytes");
    secure_server server(config);
    const std::uint16_t port = server.start();
    tls_config asking = for_client();
    asking.request_ocsp = true;
    secure_client client(asking);
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", port)));
    EXPECT_EQ(text_of(client.client.get_session().value()->tls().value().ocsp_response),
              "any bytes");
    secure_client silent(for_client());
    ASSERT_TRUE(is_ok(silent.client.start_client("localhost", port)));
    EXPECT_TRUE(silent.client.get_session().value()->tls().value().ocsp_response.empty());
}

TEST(key_log, holds_the_secrets_of_every_connection) {
    tls_config config = for_server();
    config.key_log_file = (authority().directory() / "keys.log").string();
    secure_server server(config);
    secure_client client(for_client());
    ASSERT_TRUE(is_ok(client.client.start_client("localhost", server.start())));
    std::stringstream log;
    log << std::ifstream(config.key_log_file).rdbuf();
    EXPECT_NE(log.str().find("CLIENT_TRAFFIC_SECRET_0 "), std::string::npos) << log.str();
    const auto mode = std::filesystem::status(config.key_log_file).permissions();
    EXPECT_EQ(mode & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
              std::filesystem::perms::none);
}

TEST(plain_sessions, say_that_they_are_not_secure) {
    test_server server;
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    EXPECT_TRUE(fails_with(client.client.get_session().value()->tls(), errc::not_supported));
    EXPECT_TRUE(
        fails_with(client.client.get_session().value()->peer_certificate(), errc::not_supported));
}

}  // namespace
}  // namespace secure
