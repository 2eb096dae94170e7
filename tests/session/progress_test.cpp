// What a peer takes counts as life, and buys a close more time; in virtual time.
#include "session_fixture.h"

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;

class session_progress : public session_fixture {
protected:
    session_progress() {
        config.ping_interval = milliseconds{100};
        config.max_missed_pings = 2;
    }
    /// A server session towards a peer that reads slowly.
    void start_blocked() {
        start_server();
        script->write_budget = 1000;
        script->is_behind = true;
        EXPECT_EQ(send_in_batch(pattern(100'000)), 0);
    }
    /// Until nothing is left of the session; how many intervals the peer took so much in.
    int count_intervals(std::uint64_t taken, int most) {
        int count = 0;
        while (host->closed == 0 && count < most) {
            script->taken = taken;
            loop.advance(milliseconds{101});
            ++count;
        }
        return count;
    }
};

TEST_F(session_progress, who_takes_a_kibibyte_between_two_pings_is_alive) {
    start_blocked();
    EXPECT_EQ(count_intervals(1024, 100), 100);
    EXPECT_EQ(host->closed, 0);
    // All is taken: from now on pings are answered, or it is gone.
    script->is_behind = false;
    script->write_budget = unlimited;
    loop.run();
    EXPECT_EQ(count_intervals(0, 100), 3) << "two pings, and the end";
    expect_closed(errc::connection_timeout);
}

TEST_F(session_progress, who_takes_less_is_found_as_soon_as_one_that_takes_nothing) {
    for (const std::uint64_t taken : {0U, 1023U}) {
        make_parts();
        start_blocked();
        EXPECT_EQ(count_intervals(taken, 100), 3);
        expect_closed(errc::connection_timeout);
    }
}

TEST_F(session_progress, where_pongs_have_less_time_less_is_enough) {
    config.pong_timeout = milliseconds{25};
    config.max_missed_pings = 1;
    for (const bool is_alive : {true, false}) {
        make_parts();
        start_blocked();
        loop.advance(milliseconds{101});  // a ping, which waits behind the rest
        script->taken = is_alive ? 300 : 100;
        loop.advance(milliseconds{26});
        EXPECT_EQ(host->closed, is_alive ? 0 : 1) << "a quarter of an interval";
    }
}

TEST_F(session_progress, pings_that_are_taken_are_no_life) {
    // Nothing waits: the peer's system acknowledges whatever comes, and the peer itself is stuck.
    start_server();
    EXPECT_EQ(count_intervals(5000, 100), 3);
    expect_closed(errc::connection_timeout);
}

TEST_F(session_progress, what_the_system_still_holds_is_not_idle) {
    config.ping_interval = milliseconds{0};
    config.idle_timeout = milliseconds{1000};
    start_blocked();
    for (int i = 0; i < 20; ++i) {
        script->taken = 2000;
        loop.advance(milliseconds{501});
    }
    EXPECT_EQ(host->closed, 0);
    loop.advance(milliseconds{501});
    loop.advance(milliseconds{501});
    EXPECT_TRUE(session->is_stopped());
    loop.advance(milliseconds{2000});
    expect_closed(errc::session_expired);
}

TEST_F(session_progress, who_takes_nothing_is_idle_in_time) {
    config.ping_interval = milliseconds{0};
    config.idle_timeout = milliseconds{1000};
    start_blocked();
    script->taken = 50'000;  // before the first look
    loop.advance(milliseconds{501});
    EXPECT_FALSE(session->is_stopped());
    loop.advance(milliseconds{501});
    EXPECT_TRUE(session->is_stopped());
}

class session_drain : public session_progress {
protected:
    session_drain() { config.ping_interval = milliseconds{0}; }

    void close_gracefully() {
        loop.in_batch([this] { (void)session->stop_session(); });
        loop.advance(milliseconds{51});  // the first look
    }
    /// How many times the drain's second passes, in each of which so much is taken.
    int count_drains(std::uint64_t taken, int most) {
        int count = 0;
        while (host->closed == 0 && count < most) {
            script->taken = taken;
            loop.advance(milliseconds{1001});
            ++count;
        }
        return count;
    }
};

TEST_F(session_drain, goes_on_while_the_peer_takes_enough) {
    start_blocked();
    close_gracefully();
    EXPECT_EQ(count_drains(1024, 50), 50);
    EXPECT_EQ(count_drains(1023, 50), 1);
    EXPECT_TRUE(script->was_reset);
    expect_closed(errc::connection_timeout);
}

TEST_F(session_drain, the_rate_can_be_chosen) {
    config.min_drain_rate = 100'000;
    start_blocked();
    close_gracefully();
    EXPECT_EQ(count_drains(100'000, 3), 3);
    EXPECT_EQ(count_drains(99'999, 3), 1);
    expect_closed(errc::connection_timeout);
    config.min_drain_rate = 0;
    make_parts();
    start_blocked();
    close_gracefully();
    EXPECT_EQ(count_drains(1, 50), 50);
    EXPECT_EQ(count_drains(0, 50), 1);
    expect_closed(errc::connection_timeout);
}

TEST_F(session_drain, what_was_taken_before_the_close_does_not_count) {
    start_blocked();
    script->taken = 1'000'000;
    close_gracefully();
    EXPECT_EQ(count_drains(0, 50), 1);
    expect_closed(errc::connection_timeout);
}

TEST_F(session_drain, of_no_time_gives_none) {
    drain_timeout = milliseconds{0};
    start_blocked();
    script->taken = 1'000'000;
    loop.in_batch([this] { (void)session->stop_session(); });
    loop.advance(milliseconds{1});
    expect_closed(errc::connection_timeout);
}

TEST_F(session_drain, a_fixed_end_does_not_move) {
    start_blocked();
    loop.in_batch([this] { connection->end_by(loop->now() + milliseconds{500}); });
    script->taken = 1'000'000;
    loop.advance(milliseconds{501});
    expect_closed(errc::connection_timeout);
}

TEST_F(session_drain, a_fixed_end_cuts_a_patient_one_short) {
    start_blocked();
    close_gracefully();
    EXPECT_EQ(count_drains(1024, 3), 3);
    loop.in_batch([this] { connection->end_by(loop->now() + milliseconds{100}); });
    script->taken = 1'000'000;
    loop.advance(milliseconds{101});
    expect_closed(errc::connection_timeout);
}

}  // namespace
}  // namespace network_system::session
