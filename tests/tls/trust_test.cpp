// Trust that is remembered, and what becomes of it when what it rested on changes.
#include "support/programs.h"
#include "support/secure.h"
#include "tls/versions.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace secure {
namespace {

using network_system::core::crl_policy;
using network_system::testing::crl_wishes;

namespace fs = std::filesystem;

certificate_wishes named(const std::string& name) {
    certificate_wishes wishes;
    wishes.common_name = name;
    wishes.names = {"DNS:localhost", "IP:127.0.0.1"};
    return wishes;
}

certificate_wishes authority_named(const std::string& name) {
    certificate_wishes wishes;
    wishes.common_name = name;
    wishes.is_authority = true;
    return wishes;
}

/// Connects, exchanges a message (which brings the ticket along) and stops. Empty: it failed.
std::string visit(secure_client& client, std::uint16_t port, const char* host = "localhost") {
    if (client.client.start_client(host, port).is_err()) {
        return {};
    }
    if (!client.exchange("hello")) {
        return {};
    }
    const auto agreed = client.client.get_session().value()->tls();
    EXPECT_TRUE(is_ok(client.client.stop_client()));
    return agreed && agreed.value().is_resumed ? "resumed" : "anew";
}

class remembered_trust : public testing::TestWithParam<tls_version> {
protected:
    [[nodiscard]] static tls_config limited(tls_config config) {
        config.min_version = config.max_version = GetParam();
        return config;
    }
    /// A directory of authorities, empty.
    [[nodiscard]] static fs::path make_directory() {
        static int count = 0;
        const auto made = authority().directory() / ("trust" + std::to_string(++count));
        fs::create_directory(made);
        return made;
    }
    static void write(const fs::path& path, const std::string& text) {
        std::ofstream(path, std::ios::binary) << text;
    }
    [[nodiscard]] static tls_config asking() {
        tls_config config = limited(for_server());
        config.client_certificate_mode = client_certificates::required;
        return config;
    }
    [[nodiscard]] static tls_config presenting(const issued_certificate& certificate,
                                               const std::string& name) {
        tls_config config = limited(for_client());
        config.identity = identity_of(authority().write(name, certificate));
        return config;
    }
};

TEST_P(remembered_trust, a_client_authority_removed_from_a_directory_ends_its_tickets) {
    const issued_certificate root(authority_named("Removed Root"));
    const issued_certificate other(authority_named("Other Root"));
    const auto directory = make_directory();
    write(directory / (root.hash_name() + "0"), root.pem());
    write(directory / (other.hash_name() + "0"), other.pem());
    tls_config config = asking();
    config.ca_path = directory.string();
    secure_server server(config);
    const std::uint16_t port = server.start();
    secure_client client(presenting(issued_certificate(named("removed"), &root), "removed"));
    EXPECT_EQ(visit(client, port), "anew");
    EXPECT_EQ(visit(client, port), "resumed");
    ASSERT_TRUE(is_ok(server.server.reload_certificates()));
    EXPECT_EQ(visit(client, port), "resumed") << "nothing has changed";

    fs::remove(directory / (root.hash_name() + "0"));
    ASSERT_TRUE(is_ok(server.server.reload_certificates()));
    EXPECT_EQ(visit(client, port), "") << "the ticket let in whom nobody trusts any more";
}

TEST_P(remembered_trust, a_client_authority_replaced_in_place_ends_its_tickets) {
    const issued_certificate first(authority_named("Same Name"));
    const issued_certificate second(authority_named("Same Name"));
    for (const bool uses_directory : {true, false}) {
        const auto directory = make_directory();
        const auto file = directory / (first.hash_name() + "0");
        write(file, first.pem());
        tls_config config = asking();
        (uses_directory ? config.ca_path : config.ca_file) =
            (uses_directory ? directory : file).string();
        secure_server server(config);
        const std::uint16_t port = server.start();
        secure_client client(presenting(issued_certificate(named("replaced"), &first), "replaced"));
        EXPECT_EQ(visit(client, port), "anew");
        EXPECT_EQ(visit(client, port), "resumed");
        write(file, second.pem());
        ASSERT_TRUE(is_ok(server.server.reload_certificates()));
        EXPECT_EQ(visit(client, port), "");
    }
}

TEST_P(remembered_trust, an_authority_of_a_clients_directory_replaced_in_place_is_read_again) {
    const issued_certificate first(authority_named("Same Name"));
    const issued_certificate second(authority_named("Same Name"));
    const auto directory = make_directory();
    const auto file = directory / (first.hash_name() + "0");
    write(file, first.pem());
    tls_config config = limited(for_server());
    config.identity =
        identity_of(authority().write("under_first", issued_certificate(named("server"), &first)));
    secure_server server(config);
    const std::uint16_t port = server.start();
    tls_config trusting = limited(tls_config{});
    trusting.ca_path = directory.string();
    secure_client client(trusting);
    EXPECT_EQ(visit(client, port), "anew");
    EXPECT_EQ(visit(client, port), "resumed");
    write(file, second.pem());
    EXPECT_EQ(visit(client, port), "") << "whom the directory does not name any more";
    secure_client another(trusting);
    EXPECT_EQ(visit(another, port), "");
    write(file, first.pem());
    EXPECT_NE(visit(client, port), "");
}

/// Whom the system trusts, for as long as this lives.
class system_trust {
public:
    explicit system_trust(const std::string& file) {
        (void)::setenv("SSL_CERT_FILE", file.c_str(), 1);
        (void)::setenv("SSL_CERT_DIR", "/does/not/exist", 1);
    }
    system_trust(const system_trust&) = delete;
    system_trust& operator=(const system_trust&) = delete;
    ~system_trust() {
        (void)::unsetenv("SSL_CERT_FILE");
        (void)::unsetenv("SSL_CERT_DIR");
    }
};

TEST_P(remembered_trust, whom_the_system_does_not_trust_any_more_is_not_resumed) {
    const std::string file = authority().write_text("system.pem", authority().root().pem());
    const system_trust set(file);
    secure_server server(limited(for_server()));
    const std::uint16_t port = server.start();
    secure_client client(limited(tls_config{}));
    EXPECT_EQ(visit(client, port), "anew");
    EXPECT_EQ(visit(client, port), "resumed");
    (void)authority().write_text("system.pem", issued_certificate(authority_named("New")).pem());
    EXPECT_EQ(visit(client, port), "");
}

TEST_P(remembered_trust, of_a_directory_only_hash_names_are_looked_at) {
    const issued_certificate root(authority_named("Hashed Root"));
    const auto directory = make_directory();
    write(directory / (root.hash_name() + "0"), "words before it\n" + root.pem());
    write(directory / "README", "no certificate");
    write(directory / "12345678.0.bak", "-----BEGIN GARBAGE-----");
    write(directory / "root.pem", "neither this");
    fs::create_symlink(directory / "gone.pem", directory / "12345678.0");
    tls_config config = limited(for_server());
    config.identity =
        identity_of(authority().write("under_hashed", issued_certificate(named("server"), &root)));
    secure_server server(config);
    tls_config trusting = limited(tls_config{});
    trusting.ca_path = directory.string();
    secure_client client(trusting);
    EXPECT_EQ(visit(client, server.start()), "anew");
    // A name that promises a certificate has to hold one.
    write(directory / "87654321.0", "garbage");
    const auto refused = client.client.start_client("localhost", server.server.local_port());
    ASSERT_TRUE(fails_with(refused, errc::certificate_load_failed));
    EXPECT_NE(refused.error().message.find("87654321.0"), std::string::npos)
        << refused.error().message;
}

TEST_P(remembered_trust, a_file_of_a_directory_is_taken_only_under_the_hash_of_its_certificate) {
    const issued_certificate root(authority_named("Misnamed Root"));
    const auto directory = make_directory();
    const auto right = directory / (root.hash_name() + "0");
    const auto wrong = directory / "12345678.0";
    tls_config config = limited(for_server());
    config.identity = identity_of(
        authority().write("under_misnamed", issued_certificate(named("server"), &root)));
    secure_server server(config);
    const std::uint16_t port = server.start();
    tls_config trusting = limited(tls_config{});
    trusting.ca_path = directory.string();
    secure_client client(trusting);
    write(wrong, root.pem());
    EXPECT_EQ(visit(client, port), "");
    fs::rename(wrong, right);
    EXPECT_EQ(visit(client, port), "anew");
    EXPECT_EQ(visit(client, port), "resumed");
    fs::rename(right, wrong);
    EXPECT_EQ(visit(client, port), "");
}

TEST_P(remembered_trust, a_session_is_not_resumed_under_another_server_name) {
    NEEDS_PROGRAM(openssl, "openssl")
    tls_config config = limited(for_server());
    config.identity = identity_of(authority().issue("two_names", [] {
        certificate_wishes wishes;
        wishes.names = {"DNS:a.test", "DNS:b.test"};
        return wishes;
    }()));
    for (const bool has_identities : {false, true}) {
        if (has_identities) {
            config.identities_by_name = {config.identity};
        }
        server_options raw;
        raw.session.frames = framing::raw;
        secure_server server(config, raw);
        const std::uint16_t port = server.start();
        const std::string to = "127.0.0.1:" + std::to_string(port);
        const std::string file =
            (authority().directory() / ("session" + std::to_string(port))).string();
        const auto handshake = [&](const char* name, const char* session) {
            std::vector<std::string> arguments{"s_client", "-connect", to, "-no_ign_eof"};
            if (*name != '\0') {
                arguments.insert(arguments.end(), {"-servername", name});
            } else {
                arguments.emplace_back("-noservername");
            }
            arguments.insert(arguments.end(), {session, file});
            return integration::run(openssl, arguments, "echo this").output;
        };
        EXPECT_NE(handshake("a.test", "-sess_out").find("New, TLS"), std::string::npos);
        EXPECT_NE(handshake("A.TEST", "-sess_in").find("Reused, TLS"), std::string::npos);
        EXPECT_NE(handshake("a.test", "-sess_out").find("New, TLS"), std::string::npos);
        EXPECT_NE(handshake("b.test", "-sess_in").find("New, TLS"), std::string::npos);
        EXPECT_NE(handshake("", "-sess_in").find("New, TLS"), std::string::npos);
    }
}

TEST_P(remembered_trust, client_sessions_are_kept_by_host_and_port) {
    tls_config other = limited(for_server());
    other.identity = identity_of(authority().issue_local("other_server"));
    secure_server first(limited(for_server()));
    secure_server second(other);
    const std::uint16_t first_port = first.start();
    const std::uint16_t second_port = second.start();
    secure_client client(limited(for_client()));
    EXPECT_EQ(visit(client, first_port), "anew");
    // Two servers on one host do not take each other's place.
    EXPECT_EQ(visit(client, second_port), "anew");
    EXPECT_EQ(visit(client, first_port), "resumed");
    EXPECT_EQ(visit(client, second_port), "resumed");
}

TEST_P(remembered_trust, client_sessions_outlive_the_last_client_of_their_configuration) {
    secure_server server(limited(for_server()));
    const std::uint16_t port = server.start();
    EXPECT_EQ(visit(*std::make_unique<secure_client>(limited(for_client())), port), "anew");
    EXPECT_EQ(visit(*std::make_unique<secure_client>(limited(for_client())), port), "resumed");
}

TEST_P(remembered_trust, a_new_list_of_revoked_certificates_ends_the_tickets_of_what_it_revokes) {
    const issued_certificate root(authority_named("Revoking Root"));
    const issued_certificate leaf(named("revoked-later"), &root);
    const auto crl_file = (make_directory() / "crl.pem").string();
    write(crl_file, root.crl());
    tls_config config = asking();
    config.ca_pem = root.pem();
    config.crl_file = crl_file;
    secure_server server(config);
    const std::uint16_t port = server.start();
    secure_client client(presenting(leaf, "revoked_later"));
    EXPECT_EQ(visit(client, port), "anew");
    EXPECT_EQ(visit(client, port), "resumed");
    write(crl_file, root.crl({{&leaf}}));
    ASSERT_TRUE(is_ok(server.server.reload_certificates()));
    EXPECT_EQ(visit(client, port), "");
    ASSERT_TRUE(server.errors.wait_for(1));
    EXPECT_EQ(server.errors.at(0).code, errc::certificate_verification_failed);
}

TEST_P(remembered_trust, a_client_hears_of_a_revoked_server_at_its_next_start) {
    const issued_certificate root(authority_named("Revoking Root"));
    const issued_certificate leaf(named("server"), &root);
    const auto crl_file = (make_directory() / "crl.pem").string();
    write(crl_file, root.crl());
    tls_config config = limited(for_server());
    config.identity = identity_of(authority().write("revoked_server", leaf));
    secure_server server(config);
    const std::uint16_t port = server.start();
    tls_config trusting = limited(tls_config{});
    trusting.ca_pem = root.pem();
    trusting.crl_file = crl_file;
    secure_client client(trusting);
    EXPECT_EQ(visit(client, port), "anew");
    EXPECT_EQ(visit(client, port), "resumed");
    write(crl_file, root.crl({{&leaf}}));
    const auto refused = client.client.start_client("localhost", port);
    ASSERT_TRUE(fails_with(refused, errc::certificate_verification_failed));
    EXPECT_NE(refused.error().message.find("certificate revoked"), std::string::npos)
        << refused.error().message;
}

INSTANTIATE_TEST_SUITE_P(all, remembered_trust, network_system::testing::both_versions(),
                         network_system::testing::version_of);

}  // namespace
}  // namespace secure
