// Until when sessions may be resumed, on both sides, with the date moved by the test.
#include "tls/peer_fixture.h"
#include "tls/versions.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::testing {
namespace {

using namespace std::chrono_literals;
using std::chrono::hours;
using std::chrono::seconds;

constexpr long day = 24L * 3600;

certificate_wishes valid_for(long seconds_from_now, const char* name) {
    certificate_wishes wishes;
    wishes.common_name = name;
    wishes.valid_to = seconds_from_now;
    wishes.is_authority = std::string_view(name) != "leaf";
    if (!wishes.is_authority) {
        wishes.names = {"DNS:localhost"};
    }
    return wishes;
}

/// A chain of which each part is valid for so long.
struct chain {
    chain(long of_root, long of_middle, long of_leaf)
        : root(valid_for(of_root, "Root")), middle(valid_for(of_middle, "Middle"), &root),
          leaf(valid_for(of_leaf, "leaf"), &middle) {}

    [[nodiscard]] core::tls_identity write() const {
        static int count = 0;
        const auto files =
            test_authority::shared().write("aging" + std::to_string(++count), leaf, middle.pem());
        return {files.certificate, files.key, {}, {}};
    }

    issued_certificate root;
    issued_certificate middle;
    issued_certificate leaf;
};

/// How a handshake ended.
enum class way { refused, anew, resumed };

class session_age : public ::testing::TestWithParam<tls_version> {
protected:
    session_age() { set_log_level(log_level::off); }

    /// One end is ours, with `settings_`; the other one is OpenSSL's, with `peer_context_`.
    void use(connection_role role, core::tls_config config) {
        config.min_version = config.max_version = GetParam();
        role_ = role;
        settings_ = make_settings(role, config);
        settings_->sessions = std::make_shared<transport::tls_session_cache>();
        settings_->session_key = "peer";
    }
    void use_peer(const core::tls_identity& identity, bool is_server) {
        peer_context_.reset(SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method()),
                            &SSL_CTX_free);
        require(SSL_CTX_use_certificate_chain_file(peer_context_.get(),
                                                   identity.certificate_file.c_str()) == 1 &&
                    SSL_CTX_use_PrivateKey_file(peer_context_.get(), identity.key_file.c_str(),
                                                SSL_FILETYPE_PEM) == 1,
                "the certificate of the peer");
        SSL_CTX_set_timeout(peer_context_.get(), 7 * day);
    }

    /// One connection; `offered` is what a client of OpenSSL's offers, and `last_` what it got.
    way connect(SSL_SESSION* offered = nullptr) {
        const auto script = std::make_shared<stream_script>();
        const auto host = std::make_shared<recording_host>();
        openssl_peer peer(role_ == connection_role::server ? connection_role::client
                                                           : connection_role::server,
                          peer_context_);
        if (offered != nullptr) {
            peer.offer(offered);
        }
        session_config config;
        config.frames = framing::raw;
        config.ping_interval = config.idle_timeout = milliseconds{0};
        session::session_setup setup;
        setup.role =
            role_ == connection_role::server ? connection_role::server : connection_role::client;
        setup.settings = std::make_shared<const session::connection_settings>(
            session::connection_settings{config, std::chrono::milliseconds{0}});
        const auto session = std::make_shared<framed_session>(
            make_scripted_tls(loop_.get(), scripted_stream(script), settings_), host, setup);
        loop_.in_batch([&] { session->start(); });
        for (int i = 0; i < 10; ++i) {
            peer.handshake();
            script->feed(peer.take_output());
            loop_.run();
            peer.give_input(script->take_written());
        }
        (void)peer.read();
        last_ = peer.session();
        const bool is_resumed = peer.has_resumed();
        // Both say goodbye: OpenSSL does not offer a session again that broke off.
        peer.shutdown();
        script->feed(peer.take_output());
        loop_.run();
        host->gate()->close();
        loop_.in_batch([&] { session->abort({}); });
        loop_.run();
        return host->opened == 0 ? way::refused : is_resumed ? way::resumed : way::anew;
    }
    way resume() {
        const auto former = last_;
        return connect(former.get());
    }

    manual_loop loop_;
    connection_role role_{};
    std::shared_ptr<transport::tls_settings> settings_;
    openssl_peer::context peer_context_;
    std::shared_ptr<SSL_SESSION> last_;
};

/// A server that asks for certificates, and a client with one of `of_client`.
core::tls_config asking(const chain& of_server, const chain& of_client) {
    core::tls_config config;
    config.identity = of_server.write();
    config.client_certificate_mode = core::client_certificates::required;
    config.ca_pem = of_client.root.pem();
    return config;
}

TEST_P(session_age, a_server_does_not_resume_past_the_end_of_a_clients_certificate) {
    const chain good(30 * day, 30 * day, 30 * day);
    const chain expiring(30 * day, 30 * day, 3600);
    use(connection_role::server, asking(good, expiring));
    use_peer(expiring.write(), false);
    EXPECT_EQ(connect(), way::anew);
    loop_.shift_wall(3500s);
    EXPECT_EQ(resume(), way::resumed);
    loop_.shift_wall(200s);
    EXPECT_EQ(resume(), way::refused) << "an expired certificate was let in by its ticket";
}

TEST_P(session_age, a_server_does_not_resume_past_the_end_of_an_intermediate_certificate) {
    const chain good(30 * day, 30 * day, 30 * day);
    const chain expiring(30 * day, 3600, 30 * day);
    use(connection_role::server, asking(good, expiring));
    use_peer(expiring.write(), false);
    EXPECT_EQ(connect(), way::anew);
    loop_.shift_wall(3500s);
    EXPECT_EQ(resume(), way::resumed);
    loop_.shift_wall(200s);
    EXPECT_EQ(resume(), way::refused);
}

TEST_P(session_age, a_server_does_not_resume_past_the_end_of_its_own_certificate) {
    const chain expiring(30 * day, 30 * day, 3600);
    core::tls_config config;
    config.identity = expiring.write();
    use(connection_role::server, config);
    use_peer(expiring.write(), false);
    EXPECT_EQ(connect(), way::anew);
    loop_.shift_wall(3700s);
    EXPECT_EQ(resume(), way::anew);
}

TEST_P(session_age, a_server_does_not_resume_past_the_end_of_a_crl) {
    const chain good(30 * day, 30 * day, 30 * day);
    core::tls_config config = asking(good, good);
    config.ca_pem += good.middle.crl();  // for an hour
    use(connection_role::server, config);
    use_peer(good.write(), false);
    EXPECT_EQ(connect(), way::anew);
    EXPECT_EQ(resume(), way::resumed);
    loop_.shift_wall(3700s);
    EXPECT_EQ(resume(), way::refused);
}

TEST_P(session_age, renewals_do_not_lengthen_the_life_of_a_session) {
    const chain good(30 * day, 30 * day, 30 * day);
    core::tls_config config = asking(good, good);
    use(connection_role::server, config);
    use_peer(good.write(), false);
    EXPECT_EQ(connect(), way::anew);
    for (int hour = 1; hour < 24; ++hour) {
        loop_.shift_wall(1h);
        EXPECT_EQ(resume(), way::resumed) << hour;
    }
    loop_.shift_wall(1h);
    EXPECT_EQ(resume(), way::anew);
    loop_.shift_wall(1h);
    EXPECT_EQ(resume(), way::resumed);
}

TEST_P(session_age, a_date_that_is_set_back_does_not_lengthen_the_life_of_a_session) {
    const chain good(30 * day, 30 * day, 30 * day);
    core::tls_config config;
    config.identity = good.write();
    use(connection_role::server, config);
    use_peer(good.write(), false);
    EXPECT_EQ(connect(), way::anew);
    loop_.shift_wall(-600s);
    EXPECT_EQ(resume(), way::anew);
}

TEST_P(session_age, the_keys_of_tickets_rotate_and_the_former_one_still_opens) {
    const chain good(30 * day, 30 * day, 30 * day);
    core::tls_config config;
    config.identity = good.write();
    config.session_lifetime = hours{7 * 24};
    use(connection_role::server, config);
    use_peer(good.write(), false);
    EXPECT_EQ(connect(), way::anew);
    const auto first = last_;
    loop_.advance(hours{7});
    EXPECT_EQ(connect(first.get()), way::resumed) << "the former key still opens";
    const auto second = last_;
    EXPECT_EQ(connect(second.get()), way::resumed);
    loop_.advance(hours{7});
    EXPECT_EQ(connect(first.get()), way::anew) << "its key is gone";
    EXPECT_EQ(connect(second.get()), way::resumed) << "it was renewed with the next key";
    const auto third = last_;
    loop_.advance(hours{24});
    EXPECT_EQ(connect(third.get()), way::anew) << "a key that nobody has rotated in time";
}

TEST_P(session_age, a_client_does_not_resume_past_the_end_of_a_servers_certificate) {
    for (const auto& [of_middle, of_leaf] :
         {std::pair{30 * day, 3600L}, std::pair{3600L, 30 * day}}) {
        const chain expiring(30 * day, of_middle, of_leaf);
        core::tls_config config;
        config.ca_pem = expiring.root.pem();
        use(connection_role::client, config);
        use_peer(expiring.write(), true);
        loop_.shift_wall(0s);
        EXPECT_EQ(connect(), way::anew);
        EXPECT_EQ(connect(), way::resumed);
        loop_.shift_wall(3700s);
        EXPECT_EQ(connect(), way::refused);
        loop_.shift_wall(-3700s);
    }
}

TEST_P(session_age, a_client_begins_anew_when_the_life_of_a_session_is_over) {
    const chain good(30 * day, 30 * day, 30 * day);
    core::tls_config config;
    config.ca_pem = good.root.pem();
    config.session_lifetime = hours{2};
    use(connection_role::client, config);
    use_peer(good.write(), true);
    EXPECT_EQ(connect(), way::anew);
    loop_.shift_wall(1h);
    EXPECT_EQ(connect(), way::resumed);
    loop_.shift_wall(1h);
    EXPECT_EQ(connect(), way::anew) << "a renewed ticket is not a new session";
    EXPECT_EQ(connect(), way::resumed);
}

INSTANTIATE_TEST_SUITE_P(all, session_age, both_versions(), version_of);

}  // namespace
}  // namespace network_system::testing
