// Pings, pongs, keep-alive, and what a peer must not do (RFC 6455 sections 5.4, 5.5 and 7.4).
#include "websocket/session/fixture.h"

#include <string>
#include <vector>

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;

class websocket_control : public websocket_both_sides {};

TEST_P(websocket_control, pings_are_answered_in_order) {
    open(GetParam());
    feed(concat({frame(ping_frame, "1"), frame(ping_frame), frame(ping_frame, pattern(125))}));
    expect_sent(
        {{pong_frame, 0, text_bytes("1")}, {pong_frame, 0, {}}, {pong_frame, 0, pattern(125)}});
    EXPECT_TRUE(host->pings.empty());
}

TEST_P(websocket_control, or_by_the_application) {
    settings.auto_pong = false;
    open(GetParam());
    feed(frame(ping_frame, "1"));
    EXPECT_EQ(host->pings, std::vector<byte_string>{text_bytes("1")});
    expect_sent({});
    EXPECT_TRUE(socket->send_pong(text_bytes("1")).is_ok());
    loop.run();
    expect_sent({{pong_frame, 0, text_bytes("1")}});
}

TEST_P(websocket_control, pings_of_the_application_are_at_most_125_bytes) {
    open(GetParam());
    EXPECT_EQ(code_of(socket->send_ping(pattern(126))), static_cast<int>(errc::invalid_argument));
    loop.in_batch([this] { EXPECT_TRUE(socket->send_ping(pattern(125)).is_ok()); });
    EXPECT_TRUE(socket->send_ping(pattern(3)).is_ok());
    loop.run();
    expect_sent({{ping_frame, 0, pattern(125)}, {ping_frame, 0, pattern(3)}});
}

TEST_P(websocket_control, a_ping_measures_the_round_trip) {
    open(GetParam());
    std::vector<std::chrono::microseconds> times;
    loop.in_batch([&] {
        (void)socket->ping(
            [&](const Result<std::chrono::microseconds>& time) { times.push_back(time.value()); });
    });
    const auto asked = sent_frames();
    ASSERT_EQ(asked.size(), 1U);
    loop.advance(milliseconds{7});
    feed(concat({frame(pong_frame, "unasked"), frame(pong_frame, asked[0].payload)}));
    EXPECT_EQ(times, std::vector{std::chrono::microseconds(7000)});
}

TEST_P(websocket_control, a_peer_that_reads_no_pongs_does_not_fill_the_memory) {
    config.high_watermark = 1000;
    open(GetParam());
    script->write_budget = 0;
    byte_string pings;
    for (int i = 0; i < 1000; ++i) {
        pings += frame(ping_frame, pattern(125));
    }
    feed(pings);
    EXPECT_TRUE(session->is_stopped());
    EXPECT_LE(session->queued_bytes(), 1000U + 64U * 1024U + 300U);
    loop.advance(milliseconds{2000});
    expect_closed(errc::send_buffer_full);
}

TEST_P(websocket_control, silence_is_broken_by_a_ping_and_ended_without_a_pong) {
    config.ping_interval = milliseconds{1000};
    config.pong_timeout = milliseconds{300};
    config.max_missed_pings = 1;
    open(GetParam());
    loop.advance(milliseconds{1001});
    const auto asked = sent_frames();
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].type, ping_frame);
    feed(frame(pong_frame, asked[0].payload));
    loop.advance(milliseconds{999});
    expect_sent({});
    loop.advance(milliseconds{2});
    EXPECT_EQ(sent_frames().size(), 1U);
    loop.advance(milliseconds{290});
    EXPECT_EQ(host->gone, 0);
    loop.advance(milliseconds{12});
    expect_sent({});
    expect_closed(errc::connection_timeout);
    EXPECT_EQ(socket->close_code(), ws_close_code::abnormal);
    EXPECT_EQ(socket->close_reason(), "no pong within 300 ms");
}

TEST_P(websocket_control, any_byte_counts_as_life) {
    config.ping_interval = milliseconds{1000};
    config.pong_timeout = milliseconds{300};
    config.max_missed_pings = 1;
    open(GetParam());
    for (int i = 0; i < 5; ++i) {
        loop.advance(milliseconds{1001});
        EXPECT_EQ(sent_frames().size(), 1U);
        feed(frame(text_frame, "still here"));
    }
    EXPECT_EQ(host->gone, 0);
}

TEST_P(websocket_control, an_idle_session_goes_away) {
    config.idle_timeout = milliseconds{1000};
    open(GetParam());
    (void)script->take_written();
    loop.advance(milliseconds{1002});
    expect_sent({{close_frame, 0, close_payload(1001, "idle for too long")}});
    feed(frame(close_frame, close_payload(1001)));
    feed_end();
    expect_closed(errc::session_expired);
}

struct broken_rule {
    const char* name;
    std::uint8_t first;
    std::string payload;
    unsigned code;
};

TEST_P(websocket_control, a_broken_rule_ends_it_with_the_code_that_fits) {
    const std::vector<broken_rule> rules{
        {"reserved bit", 0xC1, "", 1002},
        {"reserved opcode", 0x83, "", 1002},
        {"reserved control opcode", 0x8B, "", 1002},
        {"fragmented control frame", 0x09, "", 1002},
        {"long control frame", ping_frame, std::string(126, 'x'), 1002},
        {"continuation of nothing", 0x80, "", 1002},
        {"text that is not UTF-8", text_frame, "\xC0\xAF", 1007},
        {"close of one byte", close_frame, "x", 1002},
        {"close with a reserved code", close_frame, std::string("\x03\xED", 2), 1002},
        {"close with a bad reason", close_frame, "\x03\xE8\xFF", 1007},
    };
    for (const broken_rule& each : rules) {
        SCOPED_TRACE(each.name);
        make_parts();
        open(GetParam());
        feed(concat({frame(each.first, each.payload), frame(text_frame, "ignored")}));
        expect_failed_with(each.code, errc::protocol_error);
        EXPECT_TRUE(host->messages.empty());
    }
}

TEST_P(websocket_control, masks_are_as_the_role_demands) {
    open(GetParam());
    feed(ws_frame(text_frame, "x", {GetParam() == connection_role::client, {}}));
    expect_failed_with(1002, errc::protocol_error);
}

INSTANTIATE_TEST_SUITE_P(roles, websocket_control,
                         ::testing::Values(connection_role::server, connection_role::client),
                         role_name);

}  // namespace
}  // namespace network_system::session
