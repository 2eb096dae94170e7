// One end of TLS over a scripted stream, and OpenSSL itself as its peer.
#pragma once

#include "session/session_fixture.h"
#include "support/scripted_settings.h"
#include "tls/openssl_peer.h"

namespace network_system::inline v0_1::testing {

using core::tls_version;

class tls_peer_test : public ::testing::Test {
protected:
    tls_peer_test() { set_log_level(log_level::off); }
    ~tls_peer_test() override {
        if (session_) {
            host_->gate()->close();
            loop_.in_batch([this] { session_->abort({}); });
        }
    }

    /// A session, and OpenSSL on the other side.
    void start(tls_version version, connection_role role = connection_role::server,
               framing frames = framing::raw, milliseconds handshake_timeout = milliseconds{800}) {
        settings_ = make_settings(role, version);
        settings_->handshake_timeout = handshake_timeout;
        session_config config;
        config.frames = frames;
        config.ping_interval = config.idle_timeout = milliseconds{0};
        session::session_setup setup;
        setup.role =
            role == connection_role::server ? connection_role::server : connection_role::client;
        setup.settings = std::make_shared<const session::connection_settings>(
            session::connection_settings{config, milliseconds{1000}});
        session_ = std::make_shared<framed_session>(
            make_scripted_tls(loop_.get(), scripted_stream(script_), settings_), host_, setup);
        loop_.in_batch([this] { session_->start(); });
        peer_ = std::make_unique<openssl_peer>(
            role == connection_role::server ? connection_role::client : connection_role::server);
    }
    void shake_hands() {
        for (int i = 0; i < 10 && host_->opened == 0; ++i) {
            peer_->handshake();
            pass();
        }
        ASSERT_EQ(host_->opened, 1);
        peer_->handshake();
        pass();
    }
    /// What each has for the other.
    void pass() {
        feed_peers_output();
        peer_->give_input(script_->take_written());
    }
    void feed_peers_output() {
        script_->feed(peer_->take_output());
        loop_.run();
    }

    manual_loop loop_;
    std::shared_ptr<stream_script> script_ = std::make_shared<stream_script>();
    std::shared_ptr<recording_host> host_ = std::make_shared<recording_host>();
    std::shared_ptr<transport::tls_settings> settings_;
    std::shared_ptr<framed_session> session_;
    std::unique_ptr<openssl_peer> peer_;
};

}  // namespace network_system::testing
