// The close state machine, and every scenario again with a failure at each step.
#include "recording_handler.h"

#include <network_system/utils/error_codes.h>

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::transport {
namespace {

using namespace network_system::testing;
using std::chrono::milliseconds;

class stream_transport_close_test : public transport_fixture {
protected:
    void expect_closed(std::error_code reason) {
        EXPECT_EQ(handler->closed, 1);
        EXPECT_EQ(handler->reason, reason);
        EXPECT_FALSE(over->is_open());
        EXPECT_EQ(script->detached, 1);
        EXPECT_EQ(loop.poller().size(), 0U);
        // Nothing comes after the end, whatever happens.
        script->feed(pattern(3));
        loop.in_batch([this] {
            over->close(loop->now(), errc::internal_error);
            over->abort(errc::internal_error);
            over->set_reading(reading::off);
            over->set_deadline(loop->now());
            over->request_flush();
        });
        loop.advance(milliseconds{10'000});
        EXPECT_EQ(handler->closed, 1);
        EXPECT_EQ(handler->reason, reason);
        EXPECT_EQ(handler->deadlines, 0);
        EXPECT_FALSE(loop.requests().wake_at) << "a deadline was left behind";
    }
};

TEST_F(stream_transport_close_test, flushes_then_shuts_down_then_waits_for_the_end) {
    start();
    script->write_budget = 4;
    loop.in_batch([this] { handler->send(pattern(10)); });
    close_in(milliseconds{1000});
    loop.run();
    EXPECT_FALSE(script->was_shut_down) << "there is more to write";
    EXPECT_FALSE(over->is_open());
    script->write_budget = unlimited;
    loop.run();
    EXPECT_EQ(script->written, pattern(10));
    EXPECT_TRUE(script->was_shut_down);
    EXPECT_EQ(handler->closed, 0) << "the peer has not ended yet";
    script->feed_end();
    loop.run();
    expect_closed({});
    EXPECT_FALSE(script->was_reset);
    EXPECT_EQ(handler->ends, 0);
    EXPECT_EQ(handler->check_outcomes(), 1U);
}

TEST_F(stream_transport_close_test, an_empty_queue_closes_outside_the_caller) {
    start();
    loop.in_batch([this] {
        over->close(loop->now() + milliseconds{1000}, {});
        EXPECT_FALSE(script->was_shut_down);
        EXPECT_EQ(handler->closed, 0);
    });
    EXPECT_TRUE(script->was_shut_down);
    script->feed_end();
    loop.run();
    expect_closed({});
}

TEST_F(stream_transport_close_test, keeps_its_reason) {
    start();
    close_in(milliseconds{1000}, errc::session_expired);
    close_in(milliseconds{5000}, errc::internal_error);
    script->feed_end();
    loop.run();
    expect_closed(errc::session_expired);
}

TEST_F(stream_transport_close_test, what_arrives_meanwhile_is_read_and_discarded) {
    start();
    script->write_budget = 0;
    loop.in_batch([this] { handler->send(pattern(10)); });
    close_in(milliseconds{1000});
    script->feed(pattern(100));
    loop.run();
    EXPECT_TRUE(script->unread().empty()) << "in flushing";
    script->write_budget = unlimited;
    loop.run();
    script->feed(pattern(50));
    script->feed_end();
    loop.run();
    expect_closed({});
    EXPECT_EQ(handler->reads, 0);
    EXPECT_EQ(over->counters().bytes_discarded, 150U);
    EXPECT_EQ(over->counters().bytes_read, 150U);
}

TEST_F(stream_transport_close_test, a_paused_one_reads_while_it_closes) {
    start();
    loop.in_batch([this] { over->set_reading(reading::off); });
    script->feed(pattern(100));
    close_in(milliseconds{1000});
    script->feed_end();
    loop.run();
    expect_closed({});
    EXPECT_EQ(over->counters().bytes_discarded, 100U);
}

TEST_F(stream_transport_close_test, an_end_while_flushing_closes_once_flushed) {
    start();
    script->write_budget = 4;
    loop.in_batch([this] { handler->send(pattern(10)); });
    close_in(milliseconds{1000});
    script->feed_end();
    loop.run();
    EXPECT_EQ(handler->closed, 0);
    EXPECT_EQ(interest(), (runtime::interest{false, true}))
        << "an ended stream stays readable for ever";
    script->write_budget = unlimited;
    loop.run();
    EXPECT_EQ(script->written, pattern(10));
    EXPECT_TRUE(script->was_shut_down);
    expect_closed({});
    EXPECT_EQ(handler->ends, 0) << "the handler is closing already";
}

TEST_F(stream_transport_close_test, an_end_while_open_asks_the_handler) {
    start();
    handler->when_end = [this] { over->close(loop->now() + milliseconds{1000}, {}); };
    script->feed(pattern(5));
    script->feed_end();
    loop.run();
    EXPECT_EQ(handler->received, pattern(5));
    EXPECT_EQ(handler->ends, 1);
    expect_closed({});
}

TEST_F(stream_transport_close_test, after_an_end_it_can_still_write) {
    start();
    script->feed_end();
    loop.run();
    EXPECT_EQ(handler->ends, 1);
    EXPECT_EQ(interest(), (runtime::interest{false, false}));
    loop.in_batch([this] { handler->send(pattern(10)); });
    EXPECT_EQ(script->written, pattern(10));
    close_in(milliseconds{1000});
    loop.run();
    EXPECT_EQ(handler->ends, 1);
    expect_closed({});
}

TEST_F(stream_transport_close_test, the_deadline_ends_flushing) {
    start();
    script->write_budget = 4;
    loop.in_batch([this] { handler->send(pattern(10)); });
    close_in(milliseconds{1000});
    loop.advance(milliseconds{999});
    EXPECT_EQ(handler->closed, 0);
    loop.advance(milliseconds{3});
    expect_closed(errc::connection_timeout);
    EXPECT_TRUE(script->was_reset);
    EXPECT_EQ(handler->lost, 1U);
    EXPECT_EQ(handler->check_outcomes(), 0U);
}

TEST_F(stream_transport_close_test, the_deadline_ends_draining) {
    start();
    close_in(milliseconds{1000});
    loop.advance(milliseconds{1002});
    expect_closed(errc::connection_timeout);
    EXPECT_TRUE(script->was_reset);
}

TEST_F(stream_transport_close_test, a_deadline_does_not_hide_the_reason) {
    start();
    close_in(milliseconds{1000}, errc::protocol_error);
    loop.advance(milliseconds{1002});
    expect_closed(errc::protocol_error);
}

TEST_F(stream_transport_close_test, an_error_while_draining) {
    start();
    close_in(milliseconds{1000});
    script->broken = std::make_error_code(std::errc::connection_reset);
    loop.run();
    expect_closed(errc::connection_closed);
}

TEST_F(stream_transport_close_test, errors_are_classified) {
    const std::vector<std::pair<std::errc, errc>> reads{
        {std::errc::connection_reset, errc::connection_closed},
        {std::errc::timed_out, errc::connection_timeout},
        {std::errc::io_error, errc::receive_failed}};
    for (const auto& [system, expected] : reads) {
        make();
        start();
        script->broken = std::make_error_code(system);
        loop.run();
        EXPECT_EQ(handler->closed, 1);
        EXPECT_EQ(handler->reason, expected);
    }
    const std::vector<std::pair<std::errc, errc>> writes{
        {std::errc::broken_pipe, errc::connection_closed},
        {std::errc::timed_out, errc::connection_timeout},
        {std::errc::io_error, errc::send_failed}};
    for (const auto& [system, expected] : writes) {
        make();
        start();
        script->write_broken = std::make_error_code(system);
        loop.in_batch([this] { handler->send(pattern(3)); });
        EXPECT_EQ(handler->closed, 1);
        EXPECT_EQ(handler->reason, expected);
    }
}

TEST_F(stream_transport_close_test, abort_ends_at_once) {
    for (const bool was_closing : {false, true}) {
        make();
        start();
        script->write_budget = 4;
        loop.in_batch([this] { handler->send(pattern(10)); });
        if (was_closing) {
            close_in(milliseconds{1000}, errc::session_expired);
        }
        loop.in_batch([this] {
            over->abort(errc::server_full);
            EXPECT_EQ(handler->closed, 1);
        });
        expect_closed(errc::server_full);
        EXPECT_TRUE(script->was_reset);
        EXPECT_EQ(handler->lost, 1U);
        EXPECT_EQ(handler->check_outcomes(), 0U);
    }
}

TEST_F(stream_transport_close_test, abort_inside_on_bytes) {
    start();
    handler->when_bytes = [this] { over->abort({}); };
    script->read_limit = 2;
    script->feed(pattern(10));
    loop.run();
    EXPECT_EQ(handler->reads, 1);
    expect_closed({});
}

TEST_F(stream_transport_close_test, abort_inside_a_completion) {
    start();
    loop.in_batch([this] {
        over->queue().append(pattern(3));
        over->queue().end_message([this](VoidResult) { over->abort(errc::internal_error); });
        over->request_flush();
    });
    expect_closed(errc::internal_error);
}

TEST_F(stream_transport_close_test, close_inside_a_completion) {
    start();
    loop.in_batch([this] {
        over->queue().append(pattern(3));
        over->queue().end_message(
            [this](VoidResult) { over->close(loop->now() + milliseconds{100}, {}); });
        over->request_flush();
    });
    loop.run();
    EXPECT_TRUE(script->was_shut_down);
    script->feed_end();
    loop.run();
    expect_closed({});
}

TEST_F(stream_transport_close_test, discarding_a_blocked_queue_lets_the_close_go_on) {
    // What a session does when the peer says goodbye: nothing is left to wait for.
    start();
    script->write_budget = 4;
    loop.in_batch([this] { handler->send(pattern(10)); });
    loop.in_batch([this] {
        handler->lost += over->queue().discard();
        over->close(loop->now() + milliseconds{1000}, {});
    });
    loop.run();
    EXPECT_TRUE(script->was_shut_down);
    script->feed_end();
    loop.run();
    EXPECT_EQ(handler->closed, 1);
    EXPECT_EQ(handler->reason, std::error_code{});
}

TEST_F(stream_transport_close_test, the_loop_may_go_first) {
    start();
    script->write_budget = 4;
    loop.in_batch([this] { handler->send(pattern(10)); });
    loop->shutdown();
    EXPECT_EQ(handler->closed, 1);
    EXPECT_EQ(handler->reason, errc::connection_closed);
    EXPECT_EQ(script->detached, 0) << "the poller has closed the socket already";
    EXPECT_EQ(handler->check_outcomes(), 0U);
}

TEST_F(stream_transport_close_test, is_freed_after_its_end) {
    start();
    const std::weak_ptr<transport> watched = over;
    loop.in_batch([&] {
        over->abort({});
        over.reset();
        handler->transport.reset();
        EXPECT_FALSE(watched.expired()) << "events of this batch may still name it";
    });
    EXPECT_TRUE(watched.expired());
}

// Fails at step 0, 1, 2 … until the scenario runs through: after each run the books must balance.
TEST_F(stream_transport_close_test, a_failure_at_every_step) {
    struct scenario {
        const char* name;
        std::function<void(stream_script&)> prepare;
    };
    const std::vector<scenario> scenarios{
        {"smooth", [](stream_script&) {}},
        {"splitting",
         [](stream_script& its) {
             its.read_limit = 7;
             its.write_limit = 11;
         }},
        {"stalling",
         [](stream_script& its) {
             its.spurious_reads = 2;
             its.spurious_writes = 2;
             its.write_limit = 200;
         }},
    };
    for (const scenario& each : scenarios) {
        SCOPED_TRACE(each.name);
        bool ran_through = false;
        for (std::size_t step = 0; !ran_through; ++step) {
            SCOPED_TRACE(step);
            ASSERT_LT(step, 500U);
            make();
            each.prepare(*script);
            script->faults = std::make_shared<fault_plan>();
            script->faults->fail_at = step;
            handler->when_end = [this] { over->close(loop->now() + milliseconds{100}, {}); };
            start();
            const auto in_batch_if_open = [this](const std::function<void()>& work) {
                loop.in_batch([&] {
                    if (over->is_open()) {
                        work();
                    }
                });
                loop.run();
            };
            script->feed(pattern(40));
            in_batch_if_open([this] {
                handler->send(pattern(30));
                handler->send_now(pattern(5, 30), pattern(100, 35));
            });
            script->feed(pattern(40, 40));
            loop.run();
            in_batch_if_open([this] {
                handler->send(pattern(65, 135));
                over->close(loop->now() + milliseconds{100}, {});
            });
            script->feed_end();
            loop.run();

            ran_through = !script->faults->has_struck();
            ASSERT_EQ(handler->closed, 1);
            ASSERT_EQ(script->attached, script->detached);
            ASSERT_EQ(loop.poller().size(), 0U);
            const std::size_t good = handler->check_outcomes();
            ASSERT_EQ(good + handler->lost, handler->outcomes.size());
            // Both directions: what went through is a prefix of what was meant.
            const byte_string sent = pattern(200);
            ASSERT_TRUE(std::equal(script->written.begin(), script->written.end(), sent.begin()));
            const byte_string fed = pattern(80);
            ASSERT_LE(handler->received.size(), fed.size());
            ASSERT_TRUE(
                std::equal(handler->received.begin(), handler->received.end(), fed.begin()));
            if (ran_through) {
                EXPECT_EQ(handler->reason, std::error_code{});
                EXPECT_EQ(script->written, sent);
                EXPECT_EQ(handler->received, fed);
                EXPECT_EQ(good, 3U);
                EXPECT_GT(step, 5U);
            } else {
                EXPECT_EQ(handler->reason,
                          step == 0 ? errc::connection_failed : errc::connection_closed);
            }
        }
    }
}

}  // namespace
}  // namespace network_system::transport
