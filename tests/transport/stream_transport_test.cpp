// Reading and writing. Closing: stream_transport_close_test.cpp.
#include "recording_handler.h"
#include "transport/stream_transport_impl.h"

#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

namespace network_system::inline v0_1::transport {

template class stream_transport<network_system::testing::scripted_stream>;

namespace {

using namespace network_system::testing;
using std::chrono::milliseconds;

class stream_transport_test : public transport_fixture {};

TEST_F(stream_transport_test, is_open_between_start_and_close) {
    EXPECT_FALSE(over->is_open());
    start();
    EXPECT_TRUE(over->is_open());
    EXPECT_EQ(interest(), (runtime::interest{true, false}));
    EXPECT_EQ(script->attached, 1);
}

TEST_F(stream_transport_test, a_stream_that_cannot_be_watched_closes) {
    script->fails_to_attach = true;
    start();
    EXPECT_EQ(handler->closed, 1);
    EXPECT_EQ(handler->reason, errc::connection_failed);
    EXPECT_FALSE(over->is_open());
    loop.run();
    EXPECT_EQ(script->detached, 0);
}

TEST_F(stream_transport_test, reads_what_arrives_whatever_the_pieces) {
    for (const std::size_t piece : {1U, 2U, 7U, 1000U}) {
        make();
        start();
        script->read_limit = piece;
        script->feed(pattern(997));
        loop.run();
        EXPECT_EQ(handler->received, pattern(997));
        EXPECT_EQ(handler->reads, static_cast<int>((997 + piece - 1) / piece));
        EXPECT_EQ(over->counters().bytes_read, 997U);
        EXPECT_EQ(over->counters().bytes_discarded, 0U);
    }
}

TEST_F(stream_transport_test, reads_more_than_the_loops_buffer_in_several_turns) {
    start();
    script->feed(pattern(300'000));
    loop.run();
    EXPECT_EQ(handler->received, pattern(300'000));
    EXPECT_GT(handler->reads, 1);
}

TEST_F(stream_transport_test, a_spurious_wakeup_is_harmless) {
    start();
    script->spurious_reads = 3;
    script->feed(pattern(10));
    loop.run();
    EXPECT_EQ(handler->received, pattern(10));
    EXPECT_EQ(handler->closed, 0);
}

TEST_F(stream_transport_test, fills_the_place_first_and_the_rest_behind_it) {
    for (const std::size_t place : {1U, 50U, 100U, 200U}) {
        make();
        handler->place.resize(place);
        start();
        script->feed(pattern(100));
        loop.run();
        EXPECT_EQ(handler->received, pattern(100));
        EXPECT_EQ(handler->placed_bytes, std::min<std::size_t>(place, 100));
    }
}

TEST_F(stream_transport_test, notes_when_bytes_passed) {
    start();
    const auto started = loop.now();
    EXPECT_EQ(over->last_read(), started);
    loop.advance(milliseconds{10});
    script->feed(pattern(1));
    loop.run();
    EXPECT_EQ(over->last_read(), started + milliseconds{10});
    EXPECT_EQ(over->last_write(), started);
    loop.advance(milliseconds{10});
    loop.in_batch([this] { handler->send(pattern(1)); });
    EXPECT_EQ(over->last_write(), started + milliseconds{20});
    EXPECT_EQ(over->last_read(), started + milliseconds{10});
}

TEST_F(stream_transport_test, a_batch_is_written_once_at_its_end) {
    start();
    loop.in_batch([this] {
        handler->send(pattern(10));
        handler->send(pattern(20));
        EXPECT_EQ(script->write_calls, 0U);
    });
    EXPECT_EQ(script->write_calls, 1U);
    EXPECT_EQ(script->written, concat({pattern(10), pattern(20)}));
    EXPECT_EQ(handler->check_outcomes(), 2U);
    EXPECT_EQ(over->counters().bytes_written, 30U);
    EXPECT_EQ(interest(), (runtime::interest{true, false}));
}

TEST_F(stream_transport_test, partial_writes_of_every_size) {
    for (std::size_t piece = 1; piece <= 60; ++piece) {
        make();
        start();
        script->write_limit = piece;
        loop.in_batch([this] {
            handler->send(pattern(10));
            handler->send(pattern(50, 10));
        });
        loop.run();
        ASSERT_EQ(script->written, pattern(60)) << piece;
        ASSERT_EQ(handler->check_outcomes(), 2U);
        ASSERT_EQ(script->write_calls, (60 + piece - 1) / piece);
        ASSERT_EQ(interest(), (runtime::interest{true, false}));
    }
}

TEST_F(stream_transport_test, waits_for_room_and_goes_on) {
    start();
    script->write_budget = 25;
    loop.in_batch([this] {
        handler->send(pattern(20));
        handler->send(pattern(20, 20));
    });
    EXPECT_EQ(script->written, pattern(25));
    EXPECT_EQ(handler->outcomes[0], std::vector<bool>{true});
    EXPECT_TRUE(handler->outcomes[1].empty());
    EXPECT_EQ(interest(), (runtime::interest{true, true}));

    const std::size_t calls = script->write_calls;
    loop.in_batch([this] { handler->send(pattern(5, 40)); });
    loop.run();
    EXPECT_EQ(script->write_calls, calls) << "a blocked socket is not tried";
    script->write_budget = unlimited;
    loop.run();
    EXPECT_EQ(script->written, pattern(45));
    EXPECT_EQ(handler->check_outcomes(), 3U);
    EXPECT_EQ(interest(), (runtime::interest{true, false}));
}

TEST_F(stream_transport_test, a_spurious_block_is_retried_when_ready) {
    start();
    script->spurious_writes = 2;
    loop.in_batch([this] { handler->send(pattern(5)); });
    EXPECT_TRUE(script->written.empty());
    loop.run();
    EXPECT_EQ(script->written, pattern(5));
    EXPECT_EQ(handler->check_outcomes(), 1U);
}

TEST_F(stream_transport_test, many_segments_in_bounded_calls) {
    start();
    byte_string expected;
    loop.in_batch([&] {
        for (std::size_t i = 0; i < 50; ++i) {
            byte_string large = pattern(3000, i);
            expected += large;
            over->queue().append_owned_message(std::move(large), {});
        }
        over->request_flush();
    });
    loop.run();
    EXPECT_EQ(script->written, expected);
    EXPECT_LE(script->most_slices, 16U);
}

TEST_F(stream_transport_test, completions_may_send) {
    start();
    int left = 5;
    std::function<void()> send = [&] {
        over->queue().append(pattern(4));
        over->queue().end_message([&](VoidResult) {
            if (--left > 0) {
                send();
            }
        });
        over->request_flush();
    };
    loop.in_batch(send);
    loop.run();
    EXPECT_EQ(left, 0);
    EXPECT_EQ(script->written.size(), 20U);
}

TEST_F(stream_transport_test, send_now_with_every_partial_write) {
    const byte_string header = pattern(5);
    const byte_string payload = pattern(40, 5);
    for (const std::size_t queued : {0U, 12U}) {
        const std::size_t all = queued + 45;
        for (std::size_t budget = 0; budget <= all; ++budget) {
            make();
            start();
            script->write_budget = budget;
            byte_string scratch = payload;
            loop.in_batch([&] {
                if (queued > 0) {
                    handler->send(pattern(queued, 100));
                }
                handler->send_now(header, scratch);
                EXPECT_EQ(script->written.size(), budget) << "tried at once";
                // The caller's memory is free again.
                std::fill(scratch.begin(), scratch.end(), std::uint8_t{0xEE});
                handler->send(pattern(3, 45));
            });
            ASSERT_EQ(over->queue().messages_written(),
                      (queued > 0 && budget >= queued ? 1U : 0U) + (budget == all ? 1U : 0U));
            script->write_budget = unlimited;
            loop.run();
            const byte_string before = queued > 0 ? pattern(queued, 100) : byte_string{};
            ASSERT_EQ(script->written, concat({before, pattern(48)})) << queued << ' ' << budget;
            ASSERT_EQ(handler->check_outcomes(), queued > 0 ? 3U : 2U);
            ASSERT_EQ(over->counters().bytes_written, script->written.size());
        }
    }
}

TEST_F(stream_transport_test, send_now_behind_a_blocked_queue_keeps_the_order) {
    start();
    script->write_budget = 4;
    loop.in_batch([this] { handler->send(pattern(10)); });
    script->write_budget = unlimited;
    loop.in_batch([this] { handler->send_now(pattern(5, 10), pattern(30, 15)); });
    loop.run();
    EXPECT_EQ(script->written, pattern(45));
    EXPECT_EQ(handler->check_outcomes(), 2U);
}

TEST_F(stream_transport_test, send_now_behind_many_segments_keeps_the_order) {
    start();
    byte_string expected;
    loop.in_batch([&] {
        for (std::size_t i = 0; i < 30; ++i) {
            expected += pattern(3000, i);
            over->queue().append_owned_message(pattern(3000, i), {});
        }
        handler->send_now(pattern(5), pattern(30));
        expected += concat({pattern(5), pattern(30)});
    });
    loop.run();
    EXPECT_EQ(script->written, expected);
    EXPECT_EQ(handler->check_outcomes(), 1U);
}

TEST_F(stream_transport_test, a_failing_send_now_closes_at_the_end_of_the_batch) {
    start();
    script->broken = std::make_error_code(std::errc::broken_pipe);
    loop.in_batch([this] {
        handler->send_now(pattern(5), pattern(30));
        EXPECT_EQ(handler->closed, 0) << "a user callback may be on the stack";
    });
    loop.run();
    EXPECT_EQ(handler->closed, 1);
    EXPECT_EQ(handler->reason, errc::connection_closed);
    EXPECT_EQ(handler->check_outcomes(), 0U);
}

TEST_F(stream_transport_test, paused_it_does_not_read_but_writes) {
    start();
    loop.in_batch([this] { over->set_reading(reading::off); });
    script->feed(pattern(10));
    loop.in_batch([this] { handler->send(pattern(4)); });
    loop.run();
    EXPECT_EQ(handler->reads, 0);
    EXPECT_EQ(script->written, pattern(4));
    EXPECT_EQ(interest(), (runtime::interest{false, false}));
    loop.in_batch([this] { over->set_reading(reading::on); });
    loop.run();
    EXPECT_EQ(handler->received, pattern(10));
}

TEST_F(stream_transport_test, pausing_inside_on_bytes_stops_after_that_read) {
    script->read_limit = 3;
    script->feed(pattern(9));
    handler->when_bytes = [this] { over->set_reading(reading::off); };
    start();
    loop.run();
    EXPECT_EQ(handler->received, pattern(3));
    loop.in_batch([this] { over->set_reading(reading::on); });
    loop.run();
    EXPECT_EQ(handler->received, pattern(6));
}

TEST_F(stream_transport_test, paused_before_the_start) {
    loop.in_batch([this] {
        over->set_reading(reading::off);
        over->start(*handler);
    });
    EXPECT_EQ(interest(), (runtime::interest{false, false}));
    EXPECT_EQ(script->attached, 1);
}

TEST_F(stream_transport_test, its_deadline_can_be_moved) {
    start();
    loop.in_batch([this] { over->set_deadline(loop->now() + milliseconds{10}); });
    loop.advance(milliseconds{9});
    EXPECT_EQ(handler->deadlines, 0);
    loop.in_batch([this] { over->set_deadline(loop->now() + milliseconds{10}); });
    loop.advance(milliseconds{9});
    EXPECT_EQ(handler->deadlines, 0);
    loop.advance(milliseconds{3});
    EXPECT_EQ(handler->deadlines, 1);
    EXPECT_EQ(handler->closed, 0);
}

}  // namespace
}  // namespace network_system::transport
