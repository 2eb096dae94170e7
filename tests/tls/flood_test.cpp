// Peers that send without end what costs this side time and brings it nothing: each is told from
// others within a bounded time, at a bounded cost of memory, and with an error that says so.
#include "tls/peer_fixture.h"

#include <functional>
#include <string>

namespace network_system::inline v0_1::testing {
namespace {

class tls_flood : public tls_peer_test {
protected:
    /// Does `what` until the session ends; how often that was, of `most` times.
    int flood(int most, const std::function<void()>& what) {
        int count = 0;
        while (count < most && host_->closed == 0) {
            what();
            pass();
            ++count;
        }
        return count;
    }
    void feed_raw(std::initializer_list<std::uint8_t> record, int times = 1) {
        byte_string all;
        for (int i = 0; i < times; ++i) {
            all.insert(all.end(), record.begin(), record.end());
        }
        script_->feed(all);
        loop_.run();
    }
    void expect_ended(errc code, const std::string& why) {
        EXPECT_EQ(host_->closed, 1);
        EXPECT_EQ(host_->reason, make_error_code(code));
        EXPECT_NE(session_->failure_text().find(why), std::string::npos)
            << session_->failure_text();
    }
};

TEST_F(tls_flood, of_tickets_at_a_client) {
    start(tls_version::tls_1_3, connection_role::client);
    settings_->sessions = std::make_shared<transport::tls_session_cache>();
    settings_->session_key = "flooded";
    shake_hands();
    EXPECT_LT(flood(1000, [this] { peer_->send_ticket(); }), 150);
    expect_ended(errc::protocol_error, "too many handshake messages");
    EXPECT_EQ(settings_->sessions->size(), 1U) << "a newer ticket takes the place of an older one";
}

TEST_F(tls_flood, of_tickets_in_one_piece_and_with_data_in_between) {
    start(tls_version::tls_1_3, connection_role::client);
    shake_hands();
    for (int i = 0; i < 1000; ++i) {
        peer_->send_ticket();
        peer_->write("x");
    }
    feed_peers_output();
    loop_.run();
    expect_ended(errc::protocol_error, "too many handshake messages");
    std::size_t arrived = 0;
    for (const auto& each : host_->messages) {
        arrived += each.size();
    }
    EXPECT_GT(arrived, 0U) << "what came before is delivered";
    EXPECT_LT(arrived, 150U);
}

TEST_F(tls_flood, of_key_updates_at_a_server) {
    start(tls_version::tls_1_3);
    shake_hands();
    EXPECT_LT(flood(1000, [this] { peer_->request_key_update(); }), 150);
    expect_ended(errc::protocol_error, "too many handshake messages");
}

TEST_F(tls_flood, of_key_updates_at_a_client) {
    start(tls_version::tls_1_3, connection_role::client);
    shake_hands();
    EXPECT_LT(flood(1000, [this] { peer_->request_key_update(); }), 150);
    expect_ended(errc::protocol_error, "too many handshake messages");
}

TEST_F(tls_flood, is_not_what_comes_now_and_then) {
    start(tls_version::tls_1_3, connection_role::client);
    shake_hands();
    const int count = flood(200, [this] {
        peer_->send_ticket();
        peer_->request_key_update();
        loop_.advance(milliseconds{500});
    });
    EXPECT_EQ(count, 200);
    peer_->write("still here");
    pass();
    EXPECT_EQ(host_->messages.size(), 1U);
}

TEST_F(tls_flood, of_renegotiation_at_a_client) {
    start(tls_version::tls_1_2, connection_role::client);
    shake_hands();
    peer_->write("first");
    // The peer does not read that this is refused, at which it would end the connection.
    int count = 0;
    for (; count < 1000 && host_->closed == 0; ++count) {
        peer_->ask_for_renegotiation();
        feed_peers_output();
    }
    EXPECT_LT(count, 10);
    expect_ended(errc::protocol_error, "insists on renegotiation");
}

TEST_F(tls_flood, of_renegotiation_at_a_server) {
    start(tls_version::tls_1_2);
    shake_hands();
    peer_->write("first");
    EXPECT_LT(flood(1000, [this] { peer_->ask_for_renegotiation(); }), 10);
    expect_ended(errc::protocol_error, "handshake failure");  // the peer's alert
    EXPECT_EQ(settings_->counters->read().handshakes, 1U);
}

TEST_F(tls_flood, of_empty_records) {
    start(tls_version::tls_1_3);
    feed_raw({0x16, 3, 1, 0, 0}, 1000);
    expect_ended(errc::tls_handshake_failed, "");
    EXPECT_FALSE(session_->failure_text().empty());
}

TEST_F(tls_flood, of_cipher_changes) {
    start(tls_version::tls_1_3);
    peer_->handshake();
    feed_peers_output();
    feed_raw({0x14, 3, 3, 0, 1, 1}, 1000);
    expect_ended(errc::tls_handshake_failed, "");
    EXPECT_FALSE(session_->failure_text().empty());
}

TEST_F(tls_flood, of_one_message_of_the_handshake_that_is_as_long_as_can_be_said) {
    start(tls_version::tls_1_3);
    feed_raw({0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff});
    expect_ended(errc::tls_handshake_failed, "excessive message size");
}

TEST_F(tls_flood, of_a_record_longer_than_allowed) {
    start(tls_version::tls_1_3);
    shake_hands();
    peer_->write("first");
    pass();
    feed_raw({0x17, 3, 3, 0xff, 0xff, 0});
    expect_ended(errc::protocol_error, "length too long");
}

TEST_F(tls_flood, of_bytes_that_are_no_records) {
    start(tls_version::tls_1_3);
    shake_hands();
    feed_raw({'g', 'a', 'r', 'b', 'a', 'g', 'e', '!'}, 10'000);
    EXPECT_EQ(host_->closed, 1);
    EXPECT_FALSE(session_->failure_text().empty());
    EXPECT_TRUE(host_->messages.empty());
}

}  // namespace
}  // namespace network_system::testing
