#include <network_system/core/secure_messaging_client.h>
#include <network_system/core/secure_messaging_server.h>
#include <network_system/testing/certificates.h>
#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>

namespace {

using namespace std::chrono_literals;
using network_system::errc;
using network_system::Result;
using network_system::core::client_certificates;
using network_system::core::secure_messaging_client;
using network_system::core::secure_messaging_server;
using network_system::core::tls_config;
using network_system::core::tls_identity;
using network_system::testing::certificate_authority;
using network_system::testing::certificate_options;

certificate_authority make_authority() {
    auto made = certificate_authority::create();
    EXPECT_TRUE(made) << made.error().message;
    return std::move(made).value();
}

tls_config identified_by(const Result<tls_identity>& identity) {
    tls_config config;
    config.identity = identity.value();
    return config;
}

tls_config trusting(const certificate_authority& authority) {
    tls_config config;
    config.ca_file = authority.ca_file();
    return config;
}

/// What becomes of a client that connects to a server: 0 or an error code.
int outcome(const tls_config& of_server, const tls_config& of_client,
            std::string_view host = "localhost") {
    secure_messaging_server server("server", of_server);
    const auto listening = server.start_server(0);
    EXPECT_TRUE(listening) << listening.error().message;
    secure_messaging_client client("client", of_client);
    const auto started = client.start_client(host, server.local_port());
    return started ? 0 : started.error().code;
}

constexpr int refused = static_cast<int>(errc::certificate_verification_failed);

TEST(certificates, verify_a_server_of_their_authority) {
    const auto authority = make_authority();
    const auto server = identified_by(authority.issue_server());
    EXPECT_EQ(outcome(server, trusting(authority)), 0);
    EXPECT_EQ(outcome(server, trusting(authority), "127.0.0.1"), 0);
}

TEST(certificates, are_trusted_by_nobody_else) {
    const auto authority = make_authority();
    const auto other = make_authority();
    EXPECT_EQ(outcome(identified_by(authority.issue_server()), trusting(other)), refused);
}

TEST(certificates, say_who_a_client_is) {
    const auto authority = make_authority();
    tls_config of_server = identified_by(authority.issue_server());
    of_server.ca_file = authority.ca_file();
    of_server.client_certificate_mode = client_certificates::required;
    secure_messaging_server server("server", of_server);
    ASSERT_TRUE(server.start_server(0));

    tls_config of_client = trusting(authority);
    of_client.identity = authority.issue_client("alice").value();
    secure_messaging_client client("client", of_client);
    const auto started = client.start_client("localhost", server.local_port());
    ASSERT_TRUE(started) << started.error().message;
    const auto sessions = server.get_sessions();
    ASSERT_EQ(sessions.size(), 1U);
    EXPECT_NE(sessions[0]->peer_certificate().value().subject.find("alice"), std::string::npos);
}

TEST(certificates, of_a_client_are_none_of_a_server) {
    const auto authority = make_authority();
    certificate_options options;
    options.hosts = {"localhost"};
    options.is_for_client = true;
    EXPECT_EQ(outcome(identified_by(authority.issue(options)), trusting(authority)), refused);
}

TEST(certificates, hold_for_their_hosts_only) {
    const auto authority = make_authority();
    const auto server = identified_by(authority.issue_server({"*.example.org", "127.0.0.1"}));
    EXPECT_EQ(outcome(server, trusting(authority)), refused);
    EXPECT_EQ(outcome(server, trusting(authority), "127.0.0.1"), 0);
    tls_config named = trusting(authority);
    named.server_name = "www.example.org";
    EXPECT_EQ(outcome(server, named), 0);
}

TEST(certificates, hold_for_their_time_only) {
    const auto authority = make_authority();
    certificate_options options;
    options.hosts = {"localhost"};
    options.begins = -48h;
    options.ends = -1h;
    EXPECT_EQ(outcome(identified_by(authority.issue(options)), trusting(authority)), refused);
    options.begins = 1h;
    options.ends = 48h;
    EXPECT_EQ(outcome(identified_by(authority.issue(options)), trusting(authority)), refused);
}

TEST(certificates, are_not_made_of_what_makes_no_sense) {
    const auto authority = make_authority();
    constexpr int invalid = static_cast<int>(errc::invalid_argument);
    for (const char* host :
         {"", "a b", "localhost,IP:1.2.3.4", "unix:/tmp/socket", "*.127.0.0.1"}) {
        const auto made = authority.issue_server({host});
        ASSERT_TRUE(made.is_err()) << host;
        EXPECT_EQ(made.error().code, invalid) << host;
    }
    EXPECT_EQ(authority.issue_client("").error().code, invalid);
    EXPECT_EQ(authority.issue_client(std::string(65, 'a')).error().code, invalid);
    certificate_options endless;
    endless.ends = std::chrono::seconds::max();
    EXPECT_EQ(authority.issue(endless).error().code, invalid);
}

TEST(certificates, are_gone_with_their_authority) {
    std::filesystem::path directory;
    {
        auto first = make_authority();
        const auto identity = first.issue_server().value();
        const auto authority = std::move(first);
        directory = std::filesystem::path(authority.ca_file()).parent_path();
        EXPECT_TRUE(std::filesystem::exists(identity.key_file));
        EXPECT_EQ(std::filesystem::path(identity.key_file).parent_path(), directory);
        EXPECT_EQ(std::filesystem::status(directory).permissions(),
                  std::filesystem::perms::owner_all);
    }
    EXPECT_FALSE(std::filesystem::exists(directory));
}

}  // namespace
