// A stream that breaks for writing, behind what the peer has said: the alert is heard.
#include "tls/peer_fixture.h"

namespace network_system::inline v0_1::testing {
namespace {

class tls_broken_stream : public tls_peer_test {
protected:
    void break_writing() {
        script_->write_broken = std::make_error_code(std::errc::connection_reset);
    }
};

TEST_F(tls_broken_stream, the_alert_about_a_refused_certificate_is_heard_while_sending) {
    std::error_code reasons[2];
    for (const bool breaks : {false, true}) {
        host_ = std::make_shared<recording_host>();
        script_ = std::make_shared<stream_script>();
        start(tls_version::tls_1_3, connection_role::client);
        peer_->require_certificate();
        for (int i = 0; i < 3 && host_->opened == 0; ++i) {
            peer_->give_input(script_->take_written());
            peer_->handshake();
            feed_peers_output();
        }
        ASSERT_EQ(host_->opened, 1);
        peer_->give_input(script_->take_written());
        peer_->handshake();
        script_->feed(peer_->take_output());
        if (breaks) {
            break_writing();
            loop_.in_batch([this] { EXPECT_TRUE(session_->send_packet("more").is_ok()); });
        }
        loop_.run();
        ASSERT_EQ(host_->closed, 1);
        reasons[breaks ? 1 : 0] = host_->reason;
    }
    EXPECT_NE(reasons[0], make_error_code(errc::connection_closed));
    EXPECT_EQ(reasons[1], reasons[0]) << reasons[1].message();
}

TEST_F(tls_broken_stream, an_alert_in_the_handshake_is_heard_although_the_answer_cannot_be_sent) {
    start(tls_version::tls_1_3);
    peer_->handshake();
    const byte_string hello = peer_->take_output();
    // "unknown_ca", in a record that is not encrypted (RFC 8446 section 6.2).
    const byte_string alert{21, 3, 3, 0, 2, 2, 48};
    script_->read_limit = hello.size();
    script_->feed(hello);
    script_->feed(alert);
    break_writing();
    loop_.run();
    EXPECT_EQ(host_->closed, 1);
    EXPECT_NE(session_->failure_text().find("unknown CA"), std::string::npos)
        << session_->failure_text();
}

TEST_F(tls_broken_stream, a_handshake_that_is_lost_says_so) {
    start(tls_version::tls_1_3);
    peer_->handshake();
    break_writing();
    script_->feed(peer_->take_output());
    script_->feed_end();
    loop_.run();
    EXPECT_EQ(host_->closed, 1);
    EXPECT_EQ(host_->reason, make_error_code(errc::tls_handshake_failed));
    EXPECT_NE(session_->failure_text().find("lost during the handshake"), std::string::npos)
        << session_->failure_text();
    EXPECT_EQ(settings_->counters->read().disconnects, 1U);
}

TEST_F(tls_broken_stream, what_was_sent_before_the_break_is_delivered) {
    for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
        host_ = std::make_shared<recording_host>();
        script_ = std::make_shared<stream_script>();
        start(version);
        shake_hands();
        peer_->write("last words");
        script_->feed(peer_->take_output());
        script_->feed_end();
        break_writing();
        loop_.in_batch([this] { EXPECT_TRUE(session_->send_packet("more").is_ok()); });
        loop_.run();
        ASSERT_EQ(host_->messages.size(), 1U);
        EXPECT_EQ(host_->messages[0].size(), 10U);
        EXPECT_EQ(host_->reason, make_error_code(errc::connection_closed));
        EXPECT_EQ(settings_->counters->read().truncations, 0U) << "a reset is no truncation";
    }
}

}  // namespace
}  // namespace network_system::testing
