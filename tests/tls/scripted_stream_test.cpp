// One end of TLS over a scripted stream against OpenSSL itself, which plays peers that misbehave.
#include "tls/peer_fixture.h"

#include <openssl/err.h>

namespace network_system::inline v0_1::testing {
namespace {

TEST_F(tls_peer_test, what_comes_with_close_notify_is_delivered_before_the_end) {
    start(tls_version::tls_1_3);
    shake_hands();
    peer_->write("last words");
    peer_->shutdown();
    pass();
    ASSERT_EQ(host_->messages.size(), 1U);
    EXPECT_EQ(host_->messages[0].size(), 10U);
    script_->feed_end();
    loop_.run();
    EXPECT_EQ(host_->closed, 1);
    EXPECT_EQ(host_->reason, std::error_code{});
}

TEST_F(tls_peer_test, an_end_without_close_notify_is_a_truncation) {
    start(tls_version::tls_1_3);
    shake_hands();
    peer_->write("and then");
    pass();
    script_->feed_end();
    loop_.run();
    EXPECT_EQ(host_->messages.size(), 1U);
    EXPECT_EQ(host_->reason, make_error_code(errc::connection_truncated));
    EXPECT_EQ(settings_->counters->read().truncations, 1U);
}

TEST_F(tls_peer_test, a_handshake_timeout_of_max_means_never) {
    for (const milliseconds time : {milliseconds::max(), milliseconds::max() - milliseconds{1},
                                    milliseconds{std::chrono::hours{24 * 365 * 300}}}) {
        SCOPED_TRACE(time.count());
        script_ = std::make_shared<stream_script>();
        host_ = std::make_shared<recording_host>();
        start(tls_version::tls_1_3, connection_role::server, framing::raw, time);
        loop_.advance(std::chrono::hours{24 * 365 * 3});
        EXPECT_EQ(host_->closed, 0);
        shake_hands();
        host_->gate()->close();
        loop_.in_batch([this] { session_->abort({}); });
    }
}

TEST_F(tls_peer_test, a_changed_record_ends_the_connection) {
    start(tls_version::tls_1_3);
    shake_hands();
    peer_->write("attack at dawn");
    byte_string record = peer_->take_output();
    record.back() = static_cast<std::uint8_t>(record.back() ^ 1U);
    script_->feed(record);
    loop_.run();
    EXPECT_TRUE(host_->messages.empty());
    EXPECT_EQ(host_->reason, make_error_code(errc::decryption_failed));
}

TEST_F(tls_peer_test, key_updates_are_answered_and_what_is_not_read_of_the_answers_is_bounded) {
    start(tls_version::tls_1_3);
    shake_hands();
    peer_->request_key_update();
    peer_->write("under new keys");
    pass();
    ASSERT_EQ(host_->messages.size(), 1U);

    // A peer that asks and does not read.
    script_->write_budget = 0;
    for (int i = 0; i < 20'000 && host_->closed == 0; ++i) {
        peer_->request_key_update();
        peer_->write("x");
        script_->feed(peer_->take_output());
        loop_.run();
        if (i % 20 == 0) {
            loop_.advance(milliseconds{1000});  // no flood: that is another limit
        }
    }
    EXPECT_EQ(host_->closed, 1) << "the answers were kept without a bound";
    EXPECT_EQ(host_->reason, make_error_code(errc::protocol_error));
}

TEST_F(tls_peer_test, renegotiation_is_refused) {
    start(tls_version::tls_1_2);
    shake_hands();
    peer_->ask_for_renegotiation();
    pass();
    EXPECT_EQ(host_->closed, 0) << "asking is not forbidden";
    EXPECT_EQ(settings_->counters->read().handshakes, 1U);
    EXPECT_EQ(session_->tls().value().protocol, "TLSv1.2");
}

TEST_F(tls_peer_test, a_handshake_flight_that_does_not_fit_goes_on_when_there_is_room) {
    start(tls_version::tls_1_3);
    script_->write_budget = 100;
    peer_->handshake();
    script_->feed(peer_->take_output());
    loop_.run();
    EXPECT_EQ(host_->opened, 0);
    EXPECT_TRUE(loop_.poller().interest_in(*script_).write);
    peer_->give_input(script_->take_written());
    script_->write_budget = unlimited;
    loop_.run();
    peer_->give_input(script_->take_written());
    shake_hands();
}

TEST_F(tls_peer_test, tickets_go_out_with_the_first_words_and_close_notify_with_the_last) {
    start(tls_version::tls_1_3, connection_role::server, framing::message);
    shake_hands();
    EXPECT_EQ(script_->write_calls, 2U) << "the flight; the ticket and the hello";
    EXPECT_FALSE(peer_->read().empty());
    EXPECT_TRUE(peer_->has_ticket());
    EXPECT_FALSE(peer_->has_seen_close_notify());

    loop_.in_batch([this] { EXPECT_TRUE(session_->stop_session().is_ok()); });
    EXPECT_EQ(script_->write_calls, 3U) << "the goodbye and close_notify";
    pass();
    EXPECT_EQ(peer_->read(), wire_frame(3, 0, byte_string(4, 0)));
    EXPECT_TRUE(peer_->has_seen_close_notify());
}

TEST_F(tls_peer_test, tickets_of_a_server_that_says_nothing_go_out_too) {
    start(tls_version::tls_1_3);
    shake_hands();
    EXPECT_EQ(script_->write_calls, 2U);
    EXPECT_TRUE(peer_->read().empty());
    EXPECT_TRUE(peer_->has_ticket());
}

TEST_F(tls_peer_test, a_failure_right_behind_the_handshake_is_answered_with_an_alert) {
    start(tls_version::tls_1_3);
    peer_->handshake();
    pass();
    peer_->handshake();
    byte_string finished = peer_->take_output();
    peer_->write("attack at dawn");
    byte_string record = peer_->take_output();
    record.back() = static_cast<std::uint8_t>(record.back() ^ 1U);
    script_->feed(concat({finished, record}));
    loop_.run();
    EXPECT_EQ(host_->reason, make_error_code(errc::decryption_failed));
    peer_->give_input(script_->take_written());
    EXPECT_TRUE(peer_->read().empty());
    EXPECT_STREQ(ERR_reason_error_string(ERR_peek_last_error()), "sslv3 alert bad record mac");
}

TEST_F(tls_peer_test, close_notify_waits_for_all_that_comes_before_it) {
    start(tls_version::tls_1_3);
    shake_hands();
    script_->write_budget = 1000;
    byte_string sent;
    loop_.in_batch([&] {
        for (std::size_t i = 0; i < 40; ++i) {  // more pieces than one call takes
            byte_string message = pattern(3000, i);
            sent += message;
            EXPECT_TRUE(session_->send_packet(std::move(message)).is_ok());
        }
        EXPECT_TRUE(session_->stop_session().is_ok());
    });
    EXPECT_FALSE(script_->was_shut_down);
    byte_string got;
    for (int i = 0; i < 1000 && !script_->was_shut_down; ++i) {
        peer_->give_input(script_->take_written());
        got += peer_->read();
        EXPECT_FALSE(peer_->has_seen_close_notify());
        script_->write_budget = 1000;
        loop_.run();
    }
    peer_->give_input(script_->take_written());
    got += peer_->read();
    EXPECT_EQ(got, sent);
    EXPECT_TRUE(peer_->has_seen_close_notify());
}

TEST_F(tls_peer_test, a_paused_session_finishes_its_handshake_and_then_rests) {
    start(tls_version::tls_1_3);
    loop_.in_batch([this] { EXPECT_TRUE(session_->pause_receiving().is_ok()); });
    shake_hands();
    peer_->write("later");
    pass();
    EXPECT_TRUE(host_->messages.empty());
    loop_.in_batch([this] { EXPECT_TRUE(session_->resume_receiving().is_ok()); });
    loop_.run();
    EXPECT_EQ(host_->messages.size(), 1U);
}

TEST_F(tls_peer_test, a_silent_peer_is_given_up_at_the_deadline) {
    start(tls_version::tls_1_3);
    loop_.advance(milliseconds{799});
    EXPECT_EQ(host_->closed, 0);
    loop_.advance(milliseconds{2});
    EXPECT_EQ(host_->closed, 1);
    EXPECT_EQ(host_->reason, make_error_code(errc::connection_timeout));
    EXPECT_TRUE(script_->was_reset);
    EXPECT_EQ(settings_->counters->read().timeouts, 1U);
    EXPECT_FALSE(loop_.requests().wake_at);
}

class stalled_handshake
    : public tls_peer_test,
      public ::testing::WithParamInterface<std::tuple<connection_role, framing>> {
protected:
    void expect_stop_after(const std::function<void()>& stall) {
        start(tls_version::tls_1_3, std::get<0>(GetParam()), std::get<1>(GetParam()));
        stall();
        EXPECT_EQ(host_->opened, 0);
        EXPECT_EQ(host_->closed, 0);
        loop_.in_batch([this] { EXPECT_TRUE(session_->stop_session().is_ok()); });
        loop_.run();
        EXPECT_EQ(host_->closed, 1);
        EXPECT_EQ(host_->reason, std::error_code{});
        EXPECT_EQ(settings_->counters->read().disconnects, 1U);
        EXPECT_FALSE(loop_.requests().wake_at);
    }
};

TEST_P(stalled_handshake, does_not_hold_up_a_stop_when_the_peer_is_silent) {
    expect_stop_after([] {});
}

TEST_P(stalled_handshake, does_not_hold_up_a_stop_in_the_middle_of_a_flight) {
    expect_stop_after([this] {
        peer_->give_input(script_->take_written());
        peer_->handshake();
        byte_string half = peer_->take_output();
        half.resize(half.size() / 2);
        script_->feed(half);
        loop_.run();
    });
}

TEST_P(stalled_handshake, does_not_hold_up_a_stop_when_the_peer_does_not_answer) {
    expect_stop_after([this] {
        peer_->handshake();
        feed_peers_output();
    });
}

TEST_P(stalled_handshake, does_not_hold_up_a_stop_when_the_peer_does_not_read) {
    script_->write_budget = 10;
    expect_stop_after([this] {
        peer_->handshake();
        feed_peers_output();
    });
}

INSTANTIATE_TEST_SUITE_P(
    all, stalled_handshake,
    ::testing::Combine(::testing::Values(connection_role::server, connection_role::client),
                       ::testing::Values(framing::raw, framing::message)),
    [](const auto& each) {
        const bool is_server = std::get<0>(each.param) == connection_role::server;
        const bool is_raw = std::get<1>(each.param) == framing::raw;
        return std::string(is_server ? "server" : "client") + (is_raw ? "_raw" : "_message");
    });

TEST_F(tls_peer_test, a_busy_connection_that_rests_leaves_no_deadline_behind) {
    start(tls_version::tls_1_3);
    shake_hands();
    for (int i = 0; i < 100; ++i) {
        peer_->write("busy");
        pass();
    }
    EXPECT_TRUE(loop_.requests().wake_at);
    loop_.advance(milliseconds{3000});
    peer_->write("again");
    pass();
    EXPECT_EQ(host_->messages.size(), 101U);
    peer_->shutdown();
    pass();
    script_->feed_end();
    loop_.run();
    EXPECT_EQ(host_->reason, std::error_code{});
    loop_.advance(milliseconds{3000});
    EXPECT_FALSE(loop_.requests().wake_at);
}

}  // namespace
}  // namespace network_system::testing
