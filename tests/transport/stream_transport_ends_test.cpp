// One direction ends, and what that means for the other: what has arrived is read, and the reader's
// cause is the one that counts.
#include "recording_handler.h"

#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

namespace network_system::inline v0_1::transport {
namespace {

using namespace network_system::testing;
using std::chrono::milliseconds;

constexpr runtime::interest only_failure{false, false, true};

class stream_transport_ends_test : public transport_fixture {
protected:
    /// The peer has said its last words, and has reset the connection before they were read.
    void break_behind(const byte_string& last_words, std::errc how = std::errc::connection_reset) {
        script->feed(last_words);
        script->write_broken = std::make_error_code(how);
        loop.in_batch([this] { handler->send(pattern(10)); });
        loop.run();
    }
    void expect_closed(std::error_code reason) {
        EXPECT_EQ(handler->closed, 1);
        EXPECT_EQ(handler->reason, reason) << handler->reason.message();
        EXPECT_EQ(script->detached, 1);
        EXPECT_EQ(handler->check_outcomes(), 0U);
        EXPECT_FALSE(loop.requests().wake_at) << "a deadline was left behind";
    }
};

TEST_F(stream_transport_ends_test, a_failed_write_does_not_hide_what_has_arrived) {
    for (const std::size_t limit : {std::size_t{1}, std::size_t{7}, unlimited}) {
        make();
        script->read_limit = limit;
        start();
        break_behind(pattern(20));
        EXPECT_EQ(handler->received, pattern(20));
        EXPECT_EQ(handler->write_failure, errc::connection_closed);
        expect_closed(errc::connection_closed);
    }
}

TEST_F(stream_transport_ends_test, the_failure_of_a_write_comes_when_nothing_has_arrived) {
    start();
    break_behind({});
    expect_closed(errc::connection_closed);
}

TEST_F(stream_transport_ends_test, an_end_behind_a_failed_write_is_no_orderly_end) {
    start();
    script->feed_end();
    break_behind(pattern(3));
    EXPECT_EQ(handler->received, pattern(3));
    EXPECT_EQ(handler->ends, 0);
    expect_closed(errc::connection_closed);
}

TEST_F(stream_transport_ends_test, what_the_reader_decides_wins) {
    start();
    handler->when_bytes = [this] {
        over->close(loop->now() + milliseconds{1000}, errc::server_full);
    };
    break_behind(pattern(3));
    expect_closed(errc::server_full);
    make();
    start();
    handler->when_bytes = [this] { over->abort(errc::protocol_error); };
    break_behind(pattern(3));
    expect_closed(errc::protocol_error);
}

TEST_F(stream_transport_ends_test, the_failure_of_reading_wins) {
    start();
    script->write_broken = std::make_error_code(std::errc::broken_pipe);
    script->broken = std::make_error_code(std::errc::timed_out);
    loop.in_batch([this] { handler->send(pattern(10)); });
    loop.run();
    expect_closed(errc::connection_timeout);
}

TEST_F(stream_transport_ends_test, what_has_arrived_waits_for_a_paused_reader) {
    start();
    loop.in_batch([this] { over->set_reading(reading::off); });
    break_behind(pattern(20));
    EXPECT_EQ(handler->closed, 0);
    EXPECT_EQ(handler->write_failure, errc::connection_closed) << "who sends is told at once";
    EXPECT_FALSE(interest().any()) << "a broken socket that is watched wakes the loop for ever";
    // What is queued meanwhile is not kept.
    loop.in_batch([this] { handler->send(pattern(10)); });
    EXPECT_TRUE(over->queue().empty());
    loop.in_batch([this] { over->set_reading(reading::on); });
    loop.run();
    EXPECT_EQ(handler->received, pattern(20));
    expect_closed(errc::connection_closed);
}

TEST_F(stream_transport_ends_test, a_reset_lets_who_is_held_read_the_rest_and_the_cause) {
    for (const std::errc how :
         {std::errc::connection_reset, std::errc::timed_out, std::errc::broken_pipe}) {
        make();
        start();
        loop.in_batch([this] { over->set_reading(reading::until_broken); });
        EXPECT_EQ(interest(), only_failure);
        script->feed(pattern(20));
        loop.run();
        EXPECT_TRUE(handler->received.empty());
        script->failure = std::make_error_code(how);
        loop.run();
        EXPECT_EQ(handler->broken, 1);
        EXPECT_EQ(handler->received, pattern(20));
        expect_closed(how == std::errc::timed_out ? errc::connection_timeout
                                                  : errc::connection_closed);
    }
}

TEST_F(stream_transport_ends_test, a_reset_that_the_writer_meets_lets_who_is_held_read_the_rest) {
    start();
    loop.in_batch([this] { over->set_reading(reading::until_broken); });
    break_behind(pattern(20));
    EXPECT_EQ(handler->write_failure, errc::connection_closed);
    EXPECT_EQ(handler->received, pattern(20));
    expect_closed(errc::connection_closed);
}

TEST_F(stream_transport_ends_test, an_orderly_end_is_no_failure_for_who_is_held_from_reading) {
    start();
    loop.in_batch([this] { over->set_reading(reading::until_broken); });
    script->feed(pattern(20));
    script->feed_end();
    loop.run();
    EXPECT_EQ(handler->closed, 0);
    EXPECT_EQ(handler->broken, 0);
    loop.in_batch([this] { over->set_reading(reading::on); });
    loop.run();
    EXPECT_EQ(handler->received, pattern(20));
    EXPECT_EQ(handler->ends, 1);
}

TEST_F(stream_transport_ends_test, a_close_of_a_broken_stream_waits_for_nothing) {
    start();
    loop.in_batch([this] { over->set_reading(reading::off); });
    break_behind(pattern(20));
    close_in(milliseconds{1000});
    loop.run();
    EXPECT_TRUE(handler->received.empty()) << "a closed transport delivers nothing";
    expect_closed(errc::connection_closed);
}

TEST_F(stream_transport_ends_test, a_failed_write_of_a_close_does_not_wait) {
    start();
    script->write_budget = 4;
    loop.in_batch([this] { handler->send(pattern(10)); });
    close_in(milliseconds{1000});
    script->write_broken = std::make_error_code(std::errc::connection_reset);
    loop.run();
    expect_closed(errc::connection_closed);
}

TEST_F(stream_transport_ends_test, after_the_last_word_of_both_a_reset_is_a_clean_end) {
    for (const peer_state peer : {peer_state::is_done, peer_state::speaks}) {
        make();
        start();
        loop.in_batch([&] { over->close(loop->now() + milliseconds{1000}, {}, peer); });
        loop.run();
        EXPECT_TRUE(script->was_shut_down);
        script->broken = std::make_error_code(std::errc::connection_reset);
        loop.run();
        expect_closed(peer == peer_state::is_done ? std::error_code{} : errc::connection_closed);
    }
}

TEST_F(stream_transport_ends_test, before_all_is_written_a_reset_is_no_clean_end) {
    start();
    script->write_budget = 4;
    loop.in_batch([this] {
        handler->send(pattern(10));
        over->close(loop->now() + milliseconds{1000}, {}, peer_state::is_done);
    });
    script->broken = std::make_error_code(std::errc::connection_reset);
    loop.run();
    expect_closed(errc::connection_closed);
}

TEST_F(stream_transport_ends_test, after_the_end_of_the_peer_answers_can_still_be_sent) {
    start();
    script->feed_end();
    loop.run();
    EXPECT_EQ(handler->ends, 1);
    loop.in_batch([this] { handler->send(pattern(10)); });
    EXPECT_EQ(script->written, pattern(10));
    EXPECT_EQ(handler->closed, 0);
    close_in(milliseconds{1000});
    loop.run();
    EXPECT_EQ(handler->closed, 1);
    EXPECT_EQ(handler->reason, std::error_code{});
}

TEST_F(stream_transport_ends_test, a_close_goes_on_while_the_handler_gives_it_time) {
    start();
    script->write_budget = 4;
    loop.in_batch([this] { handler->send(pattern(10)); });
    int more = 2;
    handler->when_close_deadline = [&] { return loop->now() + milliseconds{more-- > 0 ? 100 : 0}; };
    close_in(milliseconds{100});
    loop.advance(milliseconds{101});
    loop.advance(milliseconds{101});
    EXPECT_EQ(handler->closed, 0);
    loop.advance(milliseconds{101});
    EXPECT_TRUE(script->was_reset);
    expect_closed(errc::connection_timeout);
}

TEST_F(stream_transport_ends_test, the_deadline_of_a_close_can_be_moved) {
    start();
    script->write_budget = 4;
    loop.in_batch([this] { handler->send(pattern(10)); });
    close_in(milliseconds{10'000});
    loop.in_batch([this] { over->limit_close(loop->now() + milliseconds{100}); });
    loop.advance(milliseconds{101});
    expect_closed(errc::connection_timeout);
}

}  // namespace
}  // namespace network_system::transport
