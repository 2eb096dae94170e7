// Pings, idle time and the hello's deadline, in virtual time. A deadline set for a moment fires in
// the millisecond after it.
#include "session_fixture.h"

#include <algorithm>
#include <thread>

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;
using std::chrono::hours;

class session_keep_alive : public session_fixture {
protected:
    session_keep_alive() {
        config.ping_interval = milliseconds{100};
        config.max_missed_pings = 3;
    }
    /// The pings written since the last call; nothing else may have been.
    std::vector<byte_string> pings() {
        std::vector<byte_string> tokens;
        for (const wire_piece& each : written()) {
            EXPECT_EQ(each.type, 1U);
            EXPECT_EQ(each.payload.size(), 8U);
            tokens.push_back(each.payload);
        }
        return tokens;
    }
    /// Lets one interval pass, and answers the ping it brings.
    void answer_one() {
        loop.advance(milliseconds{101});
        const auto tokens = pings();
        ASSERT_EQ(tokens.size(), 1U);
        feed(wire_frame(2, 0, tokens.front()));
    }
    unique_function<void(Result<std::chrono::microseconds>)> record_ping() {
        const std::size_t id = outcomes.size();
        outcomes.emplace_back();
        return [this, id](Result<std::chrono::microseconds> result) {
            outcomes[id].push_back(result.is_ok() ? 0 : result.error().code);
        };
    }
};

TEST_F(session_keep_alive, pings_when_nothing_arrived_for_the_interval) {
    start_server();
    loop.advance(milliseconds{99});
    EXPECT_TRUE(script->written.empty());
    loop.advance(milliseconds{2});
    EXPECT_EQ(pings().size(), 1U);
    loop.advance(milliseconds{99});
    EXPECT_TRUE(script->written.empty());
    loop.advance(milliseconds{2});
    EXPECT_EQ(pings().size(), 1U);
}

TEST_F(session_keep_alive, both_roles_ping) {
    start_client();
    loop.advance(milliseconds{101});
    EXPECT_EQ(pings().size(), 1U);
}

TEST_F(session_keep_alive, every_ping_has_its_own_token) {
    config.max_missed_pings = 50;
    start_server();
    loop.advance(milliseconds{5000});
    const auto tokens = pings();
    EXPECT_GE(tokens.size(), 45U);
    for (const byte_string& each : tokens) {
        EXPECT_EQ(std::ranges::count(tokens, each), 1);
    }
}

TEST_F(session_keep_alive, answered_pings_keep_it_open) {
    start_server();
    for (int i = 0; i < 50; ++i) {
        answer_one();
    }
    EXPECT_EQ(host->closed, 0);
    EXPECT_TRUE(host->messages.empty());
}

TEST_F(session_keep_alive, unanswered_pings_end_it) {
    for (const unsigned limit : {1U, 2U, 3U, 7U}) {
        config.max_missed_pings = limit;
        make_parts();
        start_server();
        for (unsigned i = 0; i < limit; ++i) {
            loop.advance(milliseconds{101});
            EXPECT_EQ(pings().size(), 1U);
        }
        loop.advance(milliseconds{99});
        EXPECT_EQ(host->closed, 0) << "the last ping has its full interval for an answer";
        loop.advance(milliseconds{2});
        EXPECT_TRUE(script->written.empty()) << "nobody would read a goodbye";
        EXPECT_TRUE(script->was_reset);
        expect_closed(errc::connection_timeout);
    }
}

TEST_F(session_keep_alive, an_answer_starts_the_count_again) {
    start_server();
    for (int i = 0; i < 5; ++i) {
        loop.advance(milliseconds{202});
        EXPECT_EQ(pings().size(), 2U);
        answer_one();
    }
    EXPECT_EQ(host->closed, 0);
}

TEST_F(session_keep_alive, any_byte_counts_as_life) {
    start_server();
    // One byte of a large frame at a time: no whole frame for a long time, but life.
    const byte_string frame = wire_data(pattern(30));
    for (std::size_t i = 0; i + 1 < frame.size(); ++i) {
        loop.advance(milliseconds{99});
        feed({frame[i]});
    }
    EXPECT_TRUE(script->written.empty()) << "nothing to ask for";

    loop.advance(milliseconds{303});
    EXPECT_EQ(pings().size(), 3U);
    feed({frame.back()});
    EXPECT_EQ(host->messages, std::vector<byte_string>{pattern(30)});
    loop.advance(milliseconds{303});
    EXPECT_EQ(pings().size(), 3U);
    EXPECT_EQ(host->closed, 0) << "the count began again";
}

TEST_F(session_keep_alive, bytes_written_are_no_life) {
    start_server();
    for (int i = 0; i < 5; ++i) {
        loop.advance(milliseconds{90});
        (void)send_in_batch(pattern(3));
    }
    expect_closed(errc::connection_timeout);
}

TEST_F(session_keep_alive, a_held_up_loop_does_not_kill) {
    config.max_missed_pings = 1;
    start_server();
    for (int i = 0; i < 3; ++i) {
        loop.advance(milliseconds{101});
        const auto tokens = pings();
        ASSERT_EQ(tokens.size(), 1U);
        // The answer came in time; the loop is late to look at it.
        script->feed(wire_frame(2, 0, tokens.front()));
        loop.hold_up(milliseconds{10'000});
        loop.run();
        ASSERT_EQ(host->closed, 0);
        (void)script->take_written();
    }
    // Without an answer the next interval decides.
    loop.hold_up(milliseconds{10'000});
    loop.run();
    EXPECT_EQ(host->closed, 0);
    loop.advance(milliseconds{101});
    expect_closed(errc::connection_timeout);
}

TEST_F(session_keep_alive, a_paused_session_is_neither_pinged_nor_idle) {
    config.idle_timeout = milliseconds{250};
    start_server();
    loop.advance(milliseconds{80});
    loop.in_batch([this] { EXPECT_TRUE(session->pause_receiving()); });
    loop.advance(hours{1});
    EXPECT_TRUE(script->written.empty());
    EXPECT_EQ(host->closed, 0);
    // Both clocks begin anew.
    loop.in_batch([this] { EXPECT_TRUE(session->resume_receiving()); });
    loop.advance(milliseconds{99});
    EXPECT_TRUE(script->written.empty());
    loop.advance(milliseconds{2});
    EXPECT_EQ(pings().size(), 1U);
    EXPECT_EQ(host->closed, 0);
}

TEST_F(session_keep_alive, what_came_during_the_pause_counts_after_it) {
    config.max_missed_pings = 1;
    start_server();
    loop.advance(milliseconds{101});
    const auto tokens = pings();
    ASSERT_EQ(tokens.size(), 1U);
    loop.in_batch([this] { (void)session->pause_receiving(); });
    script->feed(wire_frame(2, 0, tokens.front()));
    loop.advance(milliseconds{5000});
    loop.in_batch([this] { (void)session->resume_receiving(); });
    loop.advance(milliseconds{101});
    EXPECT_EQ(host->closed, 0);
    EXPECT_EQ(pings().size(), 1U);
}

TEST_F(session_keep_alive, resuming_what_is_not_paused_moves_no_deadline) {
    config.ping_interval = milliseconds{0};
    config.idle_timeout = milliseconds{500};
    start_server();
    for (int i = 0; i < 6; ++i) {
        loop.advance(milliseconds{99});
        loop.in_batch([this] { (void)session->resume_receiving(); });
    }
    EXPECT_TRUE(session->is_stopped());
}

TEST_F(session_keep_alive, an_idle_session_expires) {
    config.ping_interval = milliseconds{0};
    config.idle_timeout = milliseconds{500};
    for (const connection_role role : {connection_role::server, connection_role::client}) {
        make_parts();
        role == connection_role::server ? start_server() : start_client();
        loop.advance(milliseconds{499});
        EXPECT_FALSE(session->is_stopped());
        loop.advance(milliseconds{2});
        EXPECT_EQ(written(), (std::vector<wire_piece>{{3, 0, reason_bytes(-621)}}));
        feed_end();
        expect_closed(errc::session_expired);
    }
}

TEST_F(session_keep_alive, bytes_of_both_directions_keep_it_from_expiring) {
    config.ping_interval = milliseconds{0};
    config.idle_timeout = milliseconds{500};
    start_server();
    for (int i = 0; i < 5; ++i) {
        loop.advance(milliseconds{499});
        EXPECT_EQ(send_in_batch(pattern(1)), 0);
        loop.advance(milliseconds{499});
        feed({0});
        EXPECT_FALSE(session->is_stopped());
    }
    // What waits in the queue has not passed.
    loop.advance(milliseconds{300});
    script->write_budget = 0;
    EXPECT_EQ(send_in_batch(pattern(1)), 0);
    loop.advance(milliseconds{202});
    EXPECT_TRUE(session->is_stopped());
    loop.advance(milliseconds{1001});
    expect_closed(errc::session_expired);
    expect_balanced();
}

TEST_F(session_keep_alive, pings_keep_an_idle_session_open) {
    config.idle_timeout = milliseconds{250};
    start_server();
    for (int i = 0; i < 20; ++i) {
        answer_one();
    }
    EXPECT_FALSE(session->is_stopped());
}

TEST_F(session_keep_alive, zero_is_never) {
    config.ping_interval = milliseconds{0};
    config.idle_timeout = milliseconds{0};
    for (const connection_role role : {connection_role::server, connection_role::client}) {
        make_parts();
        role == connection_role::server ? start_server() : start_client();
        EXPECT_FALSE(loop.requests().wake_at) << "nothing to wake for";
        loop.advance(hours{1000});
        EXPECT_TRUE(script->written.empty());
        EXPECT_EQ(host->closed, 0);
    }
}

TEST_F(session_keep_alive, other_framings_expire_but_do_not_ping) {
    for (const framing frames : {framing::length_prefixed, framing::raw}) {
        config.frames = frames;
        config.idle_timeout = milliseconds{500};
        make_parts();
        start_server();
        loop.advance(milliseconds{499});
        EXPECT_FALSE(session->is_stopped());
        loop.advance(milliseconds{2});
        EXPECT_TRUE(script->was_shut_down);
        EXPECT_TRUE(script->written.empty());
        feed_end();
        expect_closed(errc::session_expired);
    }
}

TEST_F(session_keep_alive, a_closing_session_does_not_ping) {
    start_server();
    loop.in_batch([this] { (void)session->stop_session(); });
    loop.advance(milliseconds{900});
    EXPECT_EQ(written(), (std::vector<wire_piece>{{3, 0, reason_bytes(0)}}));
}

TEST_F(session_keep_alive, before_the_hello_only_its_deadline_counts) {
    config.idle_timeout = milliseconds{200};
    setup.handshake_deadline = loop.now() + milliseconds{1000};
    start(connection_role::client);
    const byte_string hello = hello_frame();
    for (std::size_t i = 0; i < 9; ++i) {
        loop.advance(milliseconds{110});
        feed({hello[i]});
    }
    EXPECT_TRUE(script->written.empty());
    EXPECT_EQ(host->closed, 0);
    // Bytes do not move this one.
    loop.advance(milliseconds{11});
    EXPECT_EQ(host->opened, 0);
    EXPECT_TRUE(script->was_reset);
    expect_closed(errc::connection_timeout);
}

TEST_F(session_keep_alive, a_client_pings_from_its_hello_on) {
    setup.handshake_deadline = loop.now() + milliseconds{1000};
    start(connection_role::client);
    loop.advance(milliseconds{900});
    feed(hello_frame());
    loop.advance(milliseconds{99});
    EXPECT_TRUE(script->written.empty());
    loop.advance(milliseconds{2});
    EXPECT_EQ(pings().size(), 1U);
}

TEST_F(session_keep_alive, the_users_pings_are_answered_once_each) {
    config.ping_interval = milliseconds{0};
    start_server();
    loop.in_batch([this] {
        EXPECT_TRUE(session->ping(record_ping()));
        EXPECT_TRUE(session->ping(record_ping()));
    });
    std::thread([this] { EXPECT_TRUE(session->ping(record_ping())); }).join();
    loop.run();
    const auto tokens = pings();
    ASSERT_EQ(tokens.size(), 3U);
    feed(wire_frame(2, 0, pattern(8)));
    EXPECT_EQ(outcomes, (std::vector<std::vector<int>>{{}, {}, {}})) << "nobody's token";
    feed(wire_frame(2, 0, tokens[1]));
    EXPECT_EQ(outcomes, (std::vector<std::vector<int>>{{}, {0}, {}}));
    feed(concat({wire_frame(2, 0, tokens[1]), wire_frame(2, 0, tokens[0])}));
    EXPECT_EQ(outcomes, (std::vector<std::vector<int>>{{0}, {0}, {}}));
    loop.in_batch([this] { connection->abort(errc::connection_timeout); });
    const int timeout = static_cast<int>(errc::connection_timeout);
    EXPECT_EQ(outcomes, (std::vector<std::vector<int>>{{0}, {0}, {timeout}}));
    EXPECT_EQ(code_of(session->ping(record_ping())), static_cast<int>(errc::connection_closed));
    EXPECT_TRUE(outcomes.back().empty()) << "refused, not failed later";
}

TEST_F(session_keep_alive, a_ping_handler_may_ping_again) {
    config.ping_interval = milliseconds{0};
    start_server();
    loop.in_batch([this] {
        (void)session->ping([this](Result<std::chrono::microseconds>) {
            EXPECT_TRUE(session->ping(record_ping()));
        });
    });
    for (int i = 0; i < 2; ++i) {
        const auto tokens = pings();
        ASSERT_EQ(tokens.size(), 1U);
        feed(wire_frame(2, 0, tokens.front()));
    }
    EXPECT_EQ(outcomes, std::vector<std::vector<int>>{{0}});
}

TEST_F(session_keep_alive, a_ping_posted_to_a_closed_session_fails) {
    config.ping_interval = milliseconds{0};
    start_server();
    std::thread([this] { EXPECT_TRUE(session->ping(record_ping())); }).join();
    loop.in_batch([this] { connection->abort({}); });
    loop.run();
    EXPECT_EQ(outcomes,
              (std::vector<std::vector<int>>{{static_cast<int>(errc::connection_closed)}}));
}

}  // namespace
}  // namespace network_system::session
