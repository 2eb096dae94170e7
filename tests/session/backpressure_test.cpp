// How much a session queues, whom it refuses, and when it says that there is room again.
#include "session_fixture.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;

constexpr int full = static_cast<int>(errc::send_buffer_full);

class session_backpressure : public session_fixture {
protected:
    session_backpressure() {
        config.high_watermark = 100;
        config.low_watermark = 50;
    }
    /// A server session whose peer reads nothing.
    void start_blocked() {
        start_server();
        script->write_budget = 0;
    }
    /// Lets the peer read `bytes` more.
    void drain(std::size_t bytes) {
        script->write_budget += bytes;
        loop.run();
    }
    int send_from_thread(const byte_string& message) {
        int code = 0;
        std::thread([&] { code = send(message); }).join();
        return code;
    }
    /// Ten frames of ten bytes: exactly the high watermark.
    void fill() {
        loop.in_batch([this] {
            for (int i = 0; i < 10; ++i) {
                EXPECT_EQ(send(pattern(5)), 0);
            }
        });
        EXPECT_EQ(session->queued_bytes(), 100U);
    }
    void stop_and_check_the_books() {
        loop.in_batch([this] { connection->abort({}); });
        expect_closed({});
        expect_balanced();
    }
};

TEST_F(session_backpressure, the_high_watermark_is_exact_in_wire_bytes) {
    const std::array<std::pair<framing, std::size_t>, 3> headers{
        {{framing::message, 5}, {framing::length_prefixed, 4}, {framing::raw, 0}}};
    for (const auto& [frames, header] : headers) {
        config.frames = frames;
        make_parts();
        start_blocked();
        loop.in_batch([&] {
            EXPECT_EQ(send(pattern(40)), 0);
            EXPECT_EQ(session->queued_bytes(), 40 + header);
            const std::size_t rest = 100 - 40 - 2 * header;
            EXPECT_EQ(send(pattern(rest + 1)), full);
            EXPECT_EQ(send(pattern(rest)), 0);
            EXPECT_EQ(session->queued_bytes(), 100U);
            EXPECT_EQ(send(pattern(1)), full);
        });
        EXPECT_EQ(session->queued_bytes(), 100U);
        EXPECT_EQ(session->metrics().queued_bytes, 100U);
        EXPECT_EQ(session->metrics().sends_rejected, 2U);
        stop_and_check_the_books();
        EXPECT_EQ(host->totals.sends_rejected, 2U);
    }
}

TEST_F(session_backpressure, it_is_the_same_for_every_way_to_send) {
    const auto frame = [](std::size_t size) {
        return std::make_shared<const byte_string>(wire_data(pattern(size)));
    };
    const std::vector<std::function<int(std::size_t)>> ways{
        [&](std::size_t size) { return code_of(session->send_packet(pattern(size))); },
        [&](std::size_t size) { return code_of(session->send_packet(pattern(size), record())); },
        [&](std::size_t size) { return code_of(session->send_packet(byte_span(pattern(size)))); },
        [&](std::size_t size) { return code_of(session->send_packet(std::string(size, 'x'))); },
        [&](std::size_t size) { return offer(frame(size), size); },
    };
    for (const bool from_thread : {false, true}) {
        for (const auto& way : ways) {
            make_parts();
            start_blocked();
            const auto use = [&](std::size_t size) {
                int code = 0;
                if (from_thread) {
                    std::thread([&] { code = way(size); }).join();
                } else {
                    loop.in_batch([&] { code = way(size); });
                }
                return code;
            };
            EXPECT_EQ(use(45), 0);
            EXPECT_EQ(use(46), full);
            EXPECT_EQ(use(45), 0);
            EXPECT_EQ(use(1), full);
            EXPECT_EQ(session->queued_bytes(), 100U);
            EXPECT_EQ(session->metrics().sends_rejected, 2U);
        }
    }
}

TEST_F(session_backpressure, one_large_message_passes_when_nothing_is_queued) {
    for (const std::size_t size : {101U, 3000U, 20'000U}) {
        for (const bool from_thread : {false, true}) {
            make_parts();
            start_blocked();
            const auto use = [&](const byte_string& message) {
                return from_thread ? send_from_thread(message) : send_in_batch(message);
            };
            EXPECT_EQ(use(pattern(size)), 0);
            EXPECT_EQ(session->queued_bytes(), size + 5);
            EXPECT_EQ(use(pattern(1)), full);
            loop.run();
            drain(unlimited);
            EXPECT_EQ(written(), (std::vector<wire_piece>{{0, 0, pattern(size)}}));
            EXPECT_EQ(session->queued_bytes(), 0U);
            EXPECT_EQ(use(pattern(size)), 0);
        }
    }
}

TEST_F(session_backpressure, a_refused_vector_is_left_intact) {
    config.max_message_size = 1000;
    start_blocked();
    fill();
    byte_string refused = pattern(700);
    byte_string too_large = pattern(1001);
    const auto try_both = [&](int code) {
        const auto try_it = [&] {
            EXPECT_EQ(code_of(session->send_packet(std::move(refused))), code);
            EXPECT_EQ(code_of(session->send_packet(std::move(refused), record())), code);
            EXPECT_TRUE(session->send_packet(std::move(too_large)).is_err());
        };
        loop.in_batch(try_it);
        std::thread(try_it).join();
        EXPECT_EQ(refused, pattern(700));
        EXPECT_EQ(too_large, pattern(1001));
    };
    try_both(full);
    loop.in_batch([this] { connection->abort({}); });
    try_both(static_cast<int>(errc::connection_closed));
    EXPECT_TRUE(outcomes[10].empty()) << "the completion of a refused send is never called";
}

TEST_F(session_backpressure, both_queues_count) {
    start_blocked();
    EXPECT_EQ(send_from_thread(pattern(45)), 0);
    EXPECT_EQ(session->queued_bytes(), 50U) << "before the session has taken it over";
    EXPECT_EQ(send_in_batch(pattern(25)), 0);
    EXPECT_EQ(session->queued_bytes(), 80U);
    EXPECT_EQ(send_from_thread(pattern(16)), full);
    EXPECT_EQ(send_from_thread(pattern(15)), 0);
    EXPECT_EQ(send_in_batch(pattern(1)), full);
    loop.run();
    EXPECT_EQ(session->queued_bytes(), 100U);
    for (std::size_t left = 100; left-- > 0;) {
        drain(1);
        ASSERT_EQ(session->queued_bytes(), left);
    }
    stop_and_check_the_books();
}

TEST_F(session_backpressure, writable_once_at_the_low_watermark) {
    start_blocked();
    fill();
    EXPECT_EQ(send_in_batch(pattern(1)), full);
    EXPECT_EQ(send_in_batch(pattern(1)), full);
    drain(49);
    EXPECT_EQ(host->writable, 0);
    drain(1);
    EXPECT_EQ(host->writable, 1);
    EXPECT_EQ(session->queued_bytes(), 50U);
    drain(50);
    EXPECT_EQ(host->writable, 1);
    // And again after the next refusal.
    fill();
    drain(100);
    EXPECT_EQ(host->writable, 1) << "nobody was refused";
    fill();
    EXPECT_EQ(send_in_batch(pattern(1)), full);
    drain(100);
    EXPECT_EQ(host->writable, 2);
    stop_and_check_the_books();
}

TEST_F(session_backpressure, writable_may_send_until_it_is_refused_again) {
    start_blocked();
    fill();
    EXPECT_EQ(send_in_batch(pattern(1)), full);
    int refusals = 0;
    host->when_writable = [&] {
        EXPECT_LE(session->queued_bytes(), 50U);
        while (send(pattern(5)) == 0) {}
        ++refusals;
    };
    for (int i = 1; i <= 5; ++i) {
        drain(50);
        EXPECT_EQ(refusals, i);
        EXPECT_EQ(session->queued_bytes(), 100U);
    }
    stop_and_check_the_books();
}

TEST_F(session_backpressure, a_refusal_of_another_thread_is_answered_too) {
    start_blocked();
    fill();
    EXPECT_EQ(send_from_thread(pattern(1)), full);
    loop.run();
    EXPECT_EQ(host->writable, 0);
    drain(50);
    EXPECT_EQ(host->writable, 1);
    // Refused on what had drained before the session's thread heard of it.
    EXPECT_EQ(send_in_batch(pattern(45)), 0);
    EXPECT_EQ(send_from_thread(pattern(1)), full);
    script->write_budget = 50;
    EXPECT_TRUE(loop.poller().dispatch(*loop.get()));
    EXPECT_EQ(host->writable, 2);
    loop.run();
    EXPECT_EQ(host->writable, 2);
}

TEST_F(session_backpressure, a_refusal_below_the_low_watermark_waits_for_the_next_write) {
    // Too large for what is left, although little is queued: to say "writable" before anything
    // has left would only bring the same refusal again.
    start_blocked();
    EXPECT_EQ(send_in_batch(pattern(35)), 0);
    EXPECT_EQ(send_from_thread(pattern(90)), full);
    loop.run();
    EXPECT_EQ(host->writable, 0);
    drain(1);
    EXPECT_EQ(host->writable, 1);
    EXPECT_EQ(send_in_batch(pattern(90)), full);
    loop.run();
    EXPECT_EQ(host->writable, 1);
    drain(39);
    EXPECT_EQ(host->writable, 2);
    EXPECT_EQ(send_in_batch(pattern(90)), 0);
}

TEST_F(session_backpressure, a_closing_session_is_not_writable) {
    start_blocked();
    fill();
    EXPECT_EQ(send_in_batch(pattern(1)), full);
    loop.in_batch([this] { (void)session->stop_session(); });
    drain(unlimited);
    EXPECT_EQ(host->writable, 0);
    feed_end();
    expect_closed({});
    expect_balanced();
}

TEST_F(session_backpressure, the_close_policy_closes) {
    config.policy = send_policy::close;
    for (const bool from_thread : {false, true}) {
        make_parts();
        start_blocked();
        fill();
        EXPECT_EQ(from_thread ? send_from_thread(pattern(1)) : send_in_batch(pattern(1)), full);
        loop.run();
        EXPECT_TRUE(session->is_stopped());
        drain(unlimited);
        const auto said = written();
        ASSERT_EQ(said.size(), 11U) << "what was accepted is still sent";
        EXPECT_EQ(said.back(), (wire_piece{3, 0, reason_bytes(full)}));
        feed_end();
        expect_closed(errc::send_buffer_full);
        EXPECT_EQ(host->totals.messages_sent, 10U);
        EXPECT_EQ(host->totals.sends_rejected, 1U);
        expect_balanced();
    }
}

TEST_F(session_backpressure, the_wait_policy_rejects_where_nothing_may_block) {
    config.policy = send_policy::wait;
    start_blocked();
    fill();
    EXPECT_EQ(send_in_batch(pattern(1)), full);
    config.send_wait_timeout = milliseconds{0};
    make_parts();
    start_blocked();
    fill();
    EXPECT_EQ(send_from_thread(pattern(1)), full);
}

TEST_F(session_backpressure, the_wait_policy_waits_for_room) {
    config.policy = send_policy::wait;
    config.send_wait_timeout = std::chrono::hours{1};
    for (const bool closes : {false, true}) {
        make_parts();
        start_blocked();
        fill();
        int code = 1;
        std::atomic<bool> is_done{false};
        std::thread waiting([&] {
            code = code_of(session->send_packet(pattern(5)));
            is_done = true;
        });
        // The note that it waits is what wakes the loop.
        while (!loop.requests().tasks_due) {
            std::this_thread::yield();
        }
        loop.run();
        EXPECT_FALSE(is_done);
        if (closes) {
            loop.in_batch([this] { (void)session->stop_session(); });
        } else {
            drain(50);
        }
        waiting.join();
        EXPECT_EQ(code, closes ? static_cast<int>(errc::connection_closed) : 0);
        loop.run();
        EXPECT_EQ(session->metrics().sends_rejected, 0U);
        drain(unlimited);
        EXPECT_EQ(script->written.size(), closes ? 109U : 110U);
    }
}

/// A thread that sends one message, which has to wait.
class session_wait : public session_backpressure {
protected:
    struct waiter {
        std::thread thread;
        std::atomic<bool> is_done{false};
        int code = -1;
    };
    session_wait() {
        config.policy = send_policy::wait;
        config.send_wait_timeout = std::chrono::seconds{20};
    }
    /// The first to wait is known to the loop when this returns: it asks for a look. Those behind
    /// it need none, and what is expected of them holds also if they come later.
    void begin(waiter& who, std::size_t size) {
        const bool is_first = !std::exchange(has_begun_, true);
        who.thread = std::thread([this, &who, size] {
            who.code = code_of(session->send_packet(pattern(size)));
            who.is_done = true;
        });
        while (is_first && !loop.requests().tasks_due) {
            std::this_thread::yield();
        }
        loop.run();
    }
    void expect_sent(waiter& who) {
        const auto begin = std::chrono::steady_clock::now();
        who.thread.join();
        EXPECT_LT(std::chrono::steady_clock::now() - begin, config.send_wait_timeout / 2)
            << "not at the end of its time";
        EXPECT_EQ(who.code, 0);
        loop.run();
    }

private:
    bool has_begun_ = false;
};

TEST_F(session_wait, a_wait_ends_as_soon_as_there_is_room_for_its_message) {
    start_blocked();
    fill();
    waiter small;
    begin(small, 5);
    drain(9);
    EXPECT_FALSE(small.is_done) << "a byte is missing";
    drain(1);
    expect_sent(small);
    EXPECT_EQ(session->queued_bytes(), 100U);
    EXPECT_EQ(host->writable, 0) << "that comes at the low watermark";
    drain(unlimited);
    EXPECT_EQ(host->writable, 1);
    EXPECT_EQ(session->metrics().sends_rejected, 0U);
}

TEST_F(session_wait, each_of_several_sizes_has_its_own_moment) {
    start_blocked();
    fill();
    waiter over_the_mark;
    waiter large;
    waiter small;
    begin(over_the_mark, 200);
    begin(large, 55);
    begin(small, 5);
    drain(10);
    expect_sent(small);
    EXPECT_FALSE(large.is_done);
    drain(59);
    EXPECT_FALSE(large.is_done);
    drain(1);
    expect_sent(large);
    EXPECT_FALSE(over_the_mark.is_done);
    drain(99);
    EXPECT_FALSE(over_the_mark.is_done) << "it needs an empty queue";
    drain(1);
    expect_sent(over_the_mark);
    EXPECT_EQ(session->queued_bytes(), 205U);
    drain(unlimited);
    EXPECT_EQ(session->metrics().sends_rejected, 0U);
}

TEST_F(session_wait, a_close_ends_all_waits) {
    start_blocked();
    fill();
    std::array<waiter, 3> waiting;
    for (waiter& each : waiting) {
        begin(each, 5);
    }
    loop.in_batch([this] { (void)session->stop_session(); });
    for (waiter& each : waiting) {
        each.thread.join();
        EXPECT_EQ(each.code, static_cast<int>(errc::connection_closed));
    }
}

TEST_F(session_backpressure, a_flood_of_pings_is_answered_within_an_allowance) {
    constexpr std::size_t allowance = std::size_t{64} * 1024;
    start_blocked();
    fill();
    const byte_string ping = wire_frame(1, 0, pattern(8));
    std::size_t most = 0;
    std::size_t answered = 0;
    while (!session->is_stopped() && answered < 10'000) {
        feed(ping);
        most = std::max(most, session->queued_bytes());
        ++answered;
    }
    EXPECT_GT(most, 100 + allowance - 13) << "no sooner than needed";
    EXPECT_LE(most, 100 + allowance + 13 + 9);
    // What is fed from now on costs nothing.
    const std::size_t queued = session->queued_bytes();
    feed(concat({ping, ping, ping}));
    EXPECT_EQ(session->queued_bytes(), queued);
    loop.advance(milliseconds{1001});
    expect_closed(errc::send_buffer_full);
    EXPECT_EQ(host->totals.messages_dropped, 10U);
    expect_balanced();
}

TEST_F(session_backpressure, answers_do_not_take_the_applications_room_for_good) {
    start_blocked();
    for (int i = 0; i < 20; ++i) {
        feed(wire_frame(1, 0, pattern(8)));
    }
    EXPECT_EQ(session->queued_bytes(), 260U);
    EXPECT_EQ(send_in_batch(pattern(1)), full);
    drain(unlimited);
    EXPECT_EQ(host->writable, 1);
    EXPECT_EQ(send_in_batch(pattern(1)), 0);
    EXPECT_EQ(written().size(), 21U);
}

}  // namespace
}  // namespace network_system::session
