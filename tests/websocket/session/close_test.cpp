// The closing handshake of a WebSocket session (RFC 6455 section 7), in all orders.
#include "websocket/session/fixture.h"

#include <stdexcept>
#include <string>

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;

class websocket_close : public websocket_both_sides {
protected:
    void close(ws_close_code code = ws_close_code::normal, std::string_view reason = {}) {
        loop.in_batch([&] { EXPECT_TRUE(socket->close(code, reason).is_ok()); });
        loop.run();
    }
};

TEST_P(websocket_close, the_one_who_begins_waits_for_the_answer) {
    open(GetParam());
    close(static_cast<ws_close_code>(4001), "done");
    expect_sent({{close_frame, 0, close_payload(4001, "done")}});
    EXPECT_TRUE(session->is_stopped());
    EXPECT_FALSE(script->was_shut_down);
    feed(concat({frame(text_frame, "too late"), frame(binary_frame, "too")}));
    EXPECT_FALSE(script->was_shut_down);
    feed(frame(close_frame, close_payload(4001)));
    EXPECT_TRUE(script->was_shut_down);
    feed_end();
    expect_sent({});
    expect_closed({});
    EXPECT_TRUE(host->messages.empty());
    EXPECT_GT(session->metrics().bytes_discarded, 0U);
    EXPECT_EQ(static_cast<unsigned>(socket->close_code()), 4001U);
}

/// RFC 6455 section 5.5.2: a ping is answered unless a close has been received.
TEST_P(websocket_close, a_ping_is_answered_until_the_peers_close) {
    open(GetParam());
    close();
    expect_sent({{close_frame, 0, close_payload(1000)}});
    feed(concat({frame(ping_frame, "1"), frame(text_frame, "too late"), frame(ping_frame)}));
    expect_sent({{pong_frame, 0, text_bytes("1")}, {pong_frame, 0, {}}});
    feed(concat(
        {frame(ping_frame, "2"), frame(close_frame, close_payload(1000)), frame(ping_frame, "3")}));
    expect_sent({{pong_frame, 0, text_bytes("2")}});
    feed(frame(ping_frame, "4"));
    feed_end();
    expect_sent({});
    expect_closed({});
    EXPECT_TRUE(host->messages.empty());
}

TEST_P(websocket_close, a_ping_is_answered_also_where_the_application_did_that_before) {
    settings.auto_pong = false;
    open(GetParam());
    close();
    feed(frame(ping_frame, "1"));
    expect_sent({{close_frame, 0, close_payload(1000)}, {pong_frame, 0, text_bytes("1")}});
    EXPECT_TRUE(host->pings.empty()) << "it could not answer any more";
}

TEST_P(websocket_close, a_ping_in_the_read_that_made_us_close_is_answered) {
    open(GetParam());
    host->when_message = [this](const session_ptr&, byte_span) {
        EXPECT_TRUE(socket->close(ws_close_code::normal, {}).is_ok());
    };
    feed(concat({frame(text_frame, "close!"), frame(ping_frame, "1")}));
    expect_sent({{close_frame, 0, close_payload(1000)}, {pong_frame, 0, text_bytes("1")}});
}

TEST_P(websocket_close, a_pong_still_answers_a_ping_of_ours) {
    open(GetParam());
    int measured = 0;
    loop.in_batch([&] {
        (void)session->ping([&](const auto& time) { measured += time.is_ok() ? 1 : -1; });
        EXPECT_TRUE(socket->close(ws_close_code::normal, {}).is_ok());
    });
    loop.run();
    const auto said = sent_frames();
    ASSERT_EQ(said.size(), 2U);
    ASSERT_EQ(said[0].type, ping_frame);
    feed(frame(pong_frame, said[0].payload));
    EXPECT_EQ(measured, 1);
    feed(frame(close_frame, close_payload(1000)));
    feed_end();
    expect_closed({});
    EXPECT_EQ(measured, 1);
}

TEST_P(websocket_close, pings_without_end_do_not_put_off_the_end) {
    open(GetParam());
    close();
    for (int i = 0; i < 20 && host->gone == 0; ++i) {
        feed(frame(ping_frame, pattern(125)));
        feed(frame(ping_frame, pattern(125)));
        script->taken += script->take_written().size();
        loop.advance(milliseconds{100});
    }
    expect_closed(errc::connection_timeout);
}

TEST_P(websocket_close, pings_of_a_peer_that_does_not_read_are_not_answered_for_ever) {
    open(GetParam());
    close();
    (void)sent_frames();
    script->write_budget = 0;
    byte_string pings;
    for (int i = 0; i < 700; ++i) {
        pings += frame(ping_frame, pattern(125));
    }
    feed(pings);
    EXPECT_LE(session->queued_bytes(), config.high_watermark + 66'000);
    loop.advance(milliseconds{2'100});
    EXPECT_EQ(host->gone, 1);
}

TEST_P(websocket_close, the_peers_is_answered_with_its_code) {
    open(GetParam());
    EXPECT_EQ(socket->close_code(), ws_close_code::abnormal);
    feed(concat({frame(close_frame, close_payload(1001, "bye")), frame(text_frame, "x")}));
    expect_sent({{close_frame, 0, close_payload(1001)}});
    EXPECT_TRUE(script->was_shut_down);
    feed_end();
    expect_closed({});
    EXPECT_TRUE(host->messages.empty());
    EXPECT_EQ(socket->close_code(), ws_close_code::going_away);
    EXPECT_EQ(socket->close_reason(), "bye");
}

TEST_P(websocket_close, one_without_a_code_by_one_without_a_code) {
    open(GetParam());
    feed(frame(close_frame));
    expect_sent({{close_frame, 0, {}}});
    feed_end();
    expect_closed({});
    EXPECT_EQ(socket->close_code(), ws_close_code::no_status);
}

TEST_P(websocket_close, both_may_begin_at_once) {
    open(GetParam());
    loop.in_batch([&] {
        EXPECT_TRUE(socket->close(ws_close_code::normal, {}).is_ok());
        script->feed(frame(close_frame, close_payload(1001)));
    });
    loop.run();
    expect_sent({{close_frame, 0, close_payload(1000)}});
    EXPECT_TRUE(script->was_shut_down);
    feed_end();
    expect_closed({});
    EXPECT_EQ(socket->close_code(), ws_close_code::going_away);
}

TEST_P(websocket_close, the_answer_may_be_in_the_same_read) {
    open(GetParam());
    host->when_message = [this](const session_ptr&, byte_span) {
        EXPECT_TRUE(socket->close(ws_close_code::normal, {}).is_ok());
    };
    feed(concat({frame(text_frame, "close!"), frame(text_frame, "ignored"),
                 frame(close_frame, close_payload(1000))}));
    expect_sent({{close_frame, 0, close_payload(1000)}});
    EXPECT_TRUE(script->was_shut_down);
    feed_end();
    expect_closed({});
    EXPECT_EQ(host->messages.size(), 1U);
    EXPECT_EQ(socket->close_code(), ws_close_code::normal);
}

TEST_P(websocket_close, what_is_queued_goes_first) {
    open(GetParam());
    script->write_limit = 7;
    loop.in_batch([&] {
        EXPECT_EQ(send(pattern(100)), 0);
        EXPECT_TRUE(socket->close(ws_close_code::normal, {}).is_ok());
        EXPECT_EQ(send(pattern(1)), static_cast<int>(errc::connection_closed));
    });
    loop.run();
    expect_sent({{binary_frame, 0, pattern(100)}, {close_frame, 0, close_payload(1000)}});
    feed(frame(close_frame, close_payload(1000)));
    feed_end();
    expect_closed({});
    expect_balanced();
}

TEST_P(websocket_close, also_when_the_peer_begins) {
    open(GetParam());
    script->write_budget = 0;
    EXPECT_EQ(send_in_batch(pattern(100)), 0);
    feed(frame(close_frame, close_payload(1000)));
    script->write_budget = unlimited;
    loop.run();
    expect_sent({{binary_frame, 0, pattern(100)}, {close_frame, 0, close_payload(1000)}});
    feed_end();
    expect_closed({});
    expect_balanced();
}

TEST_P(websocket_close, stopping_is_closing_with_1000) {
    open(GetParam());
    int stopped = 1;
    EXPECT_TRUE(
        session->stop_session([&](const VoidResult& how) { stopped = code_of(how); }).is_ok());
    loop.run();
    expect_sent({{close_frame, 0, close_payload(1000)}});
    feed(frame(close_frame, close_payload(1000)));
    feed_end();
    expect_closed({});
    EXPECT_EQ(stopped, 0);
}

TEST_P(websocket_close, the_first_one_counts) {
    open(GetParam());
    EXPECT_TRUE(socket->close(static_cast<ws_close_code>(4000), "first").is_ok());
    EXPECT_TRUE(socket->close(static_cast<ws_close_code>(4001), "second").is_ok());
    EXPECT_TRUE(session->stop_session().is_ok());
    loop.run();
    expect_sent({{close_frame, 0, close_payload(4000, "first")}});
}

TEST_P(websocket_close, codes_and_reasons_are_checked) {
    open(GetParam());
    for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 2999U, 5000U}) {
        EXPECT_EQ(code_of(socket->close(static_cast<ws_close_code>(code), {})),
                  static_cast<int>(errc::invalid_argument))
            << code;
    }
    const std::string longest(123, 'x');
    EXPECT_TRUE(socket->close(ws_close_code::normal, longest + "x").is_err());
    EXPECT_TRUE(socket->close(ws_close_code::normal, "\xFF").is_err());
    EXPECT_FALSE(session->is_stopped());
    close(ws_close_code::normal, longest);
    expect_sent({{close_frame, 0, close_payload(1000, longest)}});
}

TEST_P(websocket_close, without_an_answer_it_ends_at_the_deadline) {
    open(GetParam());
    close();
    loop.advance(milliseconds{999});
    EXPECT_EQ(host->gone, 0);
    loop.advance(milliseconds{2});
    expect_closed(errc::connection_timeout);
    EXPECT_EQ(socket->close_code(), ws_close_code::abnormal);
    EXPECT_EQ(socket->close_reason(), "the close was not answered");
}

TEST_P(websocket_close, also_of_a_peer_that_answers_and_stays) {
    open(GetParam());
    close();
    loop.advance(milliseconds{600});
    feed(frame(close_frame, close_payload(1000)));
    loop.advance(milliseconds{399});
    EXPECT_EQ(host->gone, 0);
    loop.advance(milliseconds{2});
    expect_closed(errc::connection_timeout);
}

TEST_P(websocket_close, a_paused_session_hears_the_answer) {
    open(GetParam());
    EXPECT_TRUE(session->pause_receiving().is_ok());
    loop.run();
    close();
    feed(frame(close_frame, close_payload(1000)));
    feed_end();
    expect_closed({});
}

TEST_P(websocket_close, garbage_instead_of_an_answer_is_no_answer) {
    open(GetParam());
    close();
    feed(frame(0xF3, "x"));
    EXPECT_TRUE(script->was_shut_down);
    feed_end();
    expect_closed(errc::protocol_error);
    EXPECT_EQ(socket->close_code(), ws_close_code::abnormal);
}

TEST_P(websocket_close, an_end_instead_of_an_answer_is_told) {
    open(GetParam());
    close();
    feed_end();
    expect_closed(errc::connection_closed);
}

TEST_P(websocket_close, an_end_without_a_close_is_abnormal) {
    for (const bool is_cut : {false, true}) {
        make_parts();
        open(GetParam());
        (void)script->take_written();
        if (is_cut) {
            feed(frame(0x01, "begun"));
        }
        feed_end();
        expect_sent({});
        expect_closed(is_cut ? errc::connection_truncated : errc::connection_closed);
        EXPECT_EQ(socket->close_code(), ws_close_code::abnormal);
    }
}

TEST_P(websocket_close, a_callback_that_throws_is_1011) {
    open(GetParam());
    host->when_message = [](const session_ptr&, byte_span) { throw std::runtime_error("no"); };
    feed(frame(text_frame, "x"));
    expect_failed_with(1011, errc::internal_error);
}

TEST_P(websocket_close, in_its_own_callback_it_is_a_connection) {
    open(GetParam());
    host->when_message = [this](const session_ptr& who, byte_span) {
        websocket_session::with_connection(who, [&](const std::shared_ptr<ws_connection>& same) {
            EXPECT_EQ(same.get(), socket.get());
            EXPECT_EQ(same->id(), who->id());
        });
    };
    feed(frame(text_frame, "x"));
    EXPECT_EQ(host->messages.size(), 1U);
    websocket_session::with_connection(session, [&](const std::shared_ptr<ws_connection>& same) {
        EXPECT_EQ(same.get(), socket.get());
    });
}

INSTANTIATE_TEST_SUITE_P(roles, websocket_close,
                         ::testing::Values(connection_role::server, connection_role::client),
                         role_name);

}  // namespace
}  // namespace network_system::session
