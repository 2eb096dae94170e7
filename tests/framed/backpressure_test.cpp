// Queues stay under their mark, whoever fills them; receivers slow their peers down.
#include "support/loopback.h"

#include <algorithm>
#include <atomic>
#include <optional>

namespace loopback {
namespace {

constexpr std::size_t high_mark = 64 * 1024;
constexpr std::size_t low_mark = 16 * 1024;
constexpr std::size_t header_size = 5;

class backpressure_test : public BothReadiness {
protected:
    [[nodiscard]] static server_options narrow(send_policy policy = send_policy::reject) {
        server_options options = for_server();
        options.session.high_watermark = high_mark;
        options.session.low_watermark = low_mark;
        options.session.policy = policy;
        options.socket.send_buffer_size = 4096;
        options.drain_timeout = 50ms;
        return options;
    }
    /// A connection whose peer does not read, and this end of it.
    struct deaf_connection {
        raw_peer peer;
        session_ptr session;
    };
    [[nodiscard]] static deaf_connection connect_deaf(test_server& server) {
        const std::size_t before = server.sessions.size();
        raw_peer peer = raw_peer::connect(server.server.local_port(), 4096);
        EXPECT_TRUE(server.sessions.wait_for(before + 1));
        return {std::move(peer), server.sessions.at(before)};
    }
    /// Sends until the queue is full; the number of messages taken.
    [[nodiscard]] static std::size_t fill(const session_ptr& session, std::size_t size) {
        std::size_t taken = 0;
        for (; taken < 20'000; ++taken) {
            const auto sent =
                session->send_packet(pattern(size, static_cast<std::uint32_t>(taken)));
            EXPECT_LE(session->queued_bytes(), high_mark);
            if (!sent) {
                EXPECT_TRUE(fails_with(sent, errc::send_buffer_full));
                return taken;
            }
        }
        ADD_FAILURE() << "nobody reads, and nothing was refused";
        return taken;
    }
    static void expect_messages(raw_peer& peer, std::size_t count, std::size_t size) {
        for (std::size_t i = 0; i < count; ++i) {
            const auto frame = peer.receive_frame_of(type_data);
            ASSERT_TRUE(frame) << i;
            ASSERT_EQ(frame->payload, pattern(size, static_cast<std::uint32_t>(i))) << i;
        }
    }
};
INSTANTIATE_TEST_SUITE_P(method, backpressure_test, both_methods(), method_of);

TEST_P(backpressure_test, a_full_queue_refuses_and_takes_nothing) {
    test_server server(narrow());
    (void)server.start();
    auto [peer, session] = connect_deaf(server);
    const std::size_t taken = fill(session, 1000);
    const auto rejected = session->metrics().sends_rejected;
    EXPECT_EQ(rejected, 1U);
    bytes message = pattern(high_mark);
    EXPECT_TRUE(fails_with(session->send_packet(std::move(message)), errc::send_buffer_full));
    EXPECT_EQ(message, pattern(high_mark));  // NOLINT(bugprone-use-after-move): documented
    EXPECT_EQ(session->metrics().sends_rejected, rejected + 1);
    EXPECT_FALSE(session->is_stopped());
    // What was taken arrives, and nothing else.
    ASSERT_NO_FATAL_FAILURE(expect_messages(peer, taken, 1000));
    ASSERT_TRUE(is_ok(session->send_packet("last")));
    const auto last = peer.receive_frame_of(type_data);
    ASSERT_TRUE(last);
    EXPECT_EQ(text_of(last->payload), "last");
}

TEST_P(backpressure_test, the_mark_is_exact_for_sends_in_a_callback) {
    server_options options = narrow();
    // The header makes the difference: 65 messages of 1000 bytes would fit, but not with theirs.
    options.session.high_watermark = 64 * (1000 + header_size) + 1002;
    test_server server(options);
    collector<std::size_t> queued;
    server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t>) {
        const std::size_t before = session->queued_bytes();
        EXPECT_EQ(before, 0U);
        while (session->send_packet(pattern(1000))) {
            ASSERT_LE(session->queued_bytes(), high_mark + 1000);
        }
        queued.add(session->queued_bytes());
    };
    raw_peer peer = raw_peer::connect(server.start());
    ASSERT_TRUE(peer.receive_frame_of(type_hello));
    ASSERT_TRUE(peer.send(frame_of(type_data, pattern(1))));
    ASSERT_TRUE(queued.wait_for(1));
    EXPECT_EQ(queued.at(0), 64 * (1000 + header_size));
}

TEST_P(backpressure_test, one_message_larger_than_the_mark_passes_when_the_queue_is_empty) {
    test_server server(narrow());
    (void)server.start();
    auto [peer, session] = connect_deaf(server);
    ASSERT_TRUE(eventually([&, &queue = session] { return queue->queued_bytes() == 0; }));
    const bytes large = pattern(10 * high_mark);
    ASSERT_TRUE(is_ok(session->send_packet(large)));
    EXPECT_LE(session->queued_bytes(), 10 * high_mark + header_size);
    EXPECT_TRUE(fails_with(session->send_packet(large), errc::send_buffer_full));
    EXPECT_TRUE(fails_with(session->send_packet("x"), errc::send_buffer_full));
    const auto frame = peer.receive_frame_of(type_data);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->payload, large);
    ASSERT_TRUE(server.writable.wait_for(1));
    EXPECT_TRUE(eventually([&, &to = session] { return to->send_packet(large).is_ok(); }));
}

TEST_P(backpressure_test, the_writable_callback_runs_at_the_low_mark) {
    test_server server(narrow());
    collector<std::size_t> queued;
    server.on_writable = [&](const session_ptr& session) { queued.add(session->queued_bytes()); };
    (void)server.start();
    auto [peer, session] = connect_deaf(server);
    std::size_t taken = fill(session, 1000);
    EXPECT_EQ(server.writable.count(), 0U);
    ASSERT_NO_FATAL_FAILURE(expect_messages(peer, taken, 1000));
    ASSERT_TRUE(queued.wait_for(1));
    EXPECT_LE(queued.at(0), low_mark);
    // Nothing was refused since: draining once more announces nothing.
    ASSERT_TRUE(is_ok(session->send_packet(pattern(1000))));
    ASSERT_TRUE(peer.receive_frame_of(type_data));
    EXPECT_EQ(server.writable.count(), 1U);
    taken = fill(session, 1000);
    ASSERT_NO_FATAL_FAILURE(expect_messages(peer, taken, 1000));
    EXPECT_TRUE(server.writable.wait_for(2)) << "once for every time it was full";
}

TEST_P(backpressure_test, what_other_threads_queued_counts_while_the_loop_is_held_up) {
    test_server server(narrow());
    event_counter held;
    event_counter released;
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t>) {
        held.add();
        EXPECT_TRUE(released.wait_for(1));
    };
    raw_peer peer = raw_peer::connect(server.start());
    ASSERT_TRUE(peer.receive_frame_of(type_hello));
    const auto session = server.sessions.at(0);
    ASSERT_TRUE(peer.send(frame_of(type_data, pattern(1))));
    ASSERT_TRUE(held.wait_for(1));
    EXPECT_EQ(session->queued_bytes(), 0U);
    const std::size_t taken = fill(session, 1000);
    EXPECT_EQ(taken, high_mark / (1000 + header_size));
    EXPECT_EQ(session->queued_bytes(), taken * (1000 + header_size));
    released.add();
    ASSERT_NO_FATAL_FAILURE(expect_messages(peer, taken, 1000));
    EXPECT_TRUE(eventually([&] { return session->queued_bytes() == 0; }));
}

TEST_P(backpressure_test, many_threads_together_stay_under_the_mark) {
    test_server server(narrow());
    (void)server.start();
    auto [peer, session] = connect_deaf(server);
    std::atomic<bool> is_over{false};
    std::atomic<std::size_t> accepted{0};
    std::vector<std::thread> senders;
    for (int t = 0; t < 4; ++t) {
        senders.emplace_back([&, &to = session] {
            while (!is_over) {
                accepted += to->send_packet(pattern(1000)).is_ok() ? 1U : 0U;
            }
        });
    }
    std::size_t most = 0;
    std::size_t arrived = 0;
    for (const std::size_t wanted = scaled(8000); arrived < wanted;) {
        const bytes part = peer.receive_some();
        ASSERT_FALSE(part.empty());
        arrived += part.size() / (1000 + header_size) + 1;
        most = std::max(most, session->queued_bytes());
    }
    is_over = true;
    for (auto& sender : senders) {
        sender.join();
    }
    EXPECT_LE(most, high_mark);
    EXPECT_GT(accepted, 0U);
}

TEST_P(backpressure_test, a_waiting_sender_goes_on_when_there_is_room) {
    server_options options = narrow(send_policy::wait);
    options.session.send_wait_timeout = patience;
    test_server server(options);
    (void)server.start();
    auto [peer, session] = connect_deaf(server);
    constexpr std::size_t count = 2000;
    event_counter sent;
    std::thread sender([&, &to = session] {
        for (std::size_t i = 0; i < count; ++i) {
            ASSERT_TRUE(is_ok(to->send_packet(pattern(1000, static_cast<std::uint32_t>(i)))));
            EXPECT_LE(to->queued_bytes(), high_mark);
        }
        sent.add();
    });
    EXPECT_TRUE(eventually([&, &to = session] { return to->queued_bytes() > low_mark; }));
    EXPECT_FALSE(sent.wait_for(1, 20ms)) << "there is no room for two megabytes";
    ASSERT_NO_FATAL_FAILURE(expect_messages(peer, count, 1000));
    sender.join();
    EXPECT_EQ(sent.count(), 1U);
    EXPECT_EQ(session->metrics().sends_rejected, 0U) << "waiting is no refusal";
}

TEST_P(backpressure_test, a_wait_ends_at_its_timeout) {
    server_options options = narrow(send_policy::wait);
    options.session.send_wait_timeout = 30ms;
    test_server server(options);
    (void)server.start();
    auto [peer, session] = connect_deaf(server);
    (void)fill(session, 1000);
    EXPECT_EQ(session->metrics().sends_rejected, 1U);
    EXPECT_FALSE(session->is_stopped());
}

TEST_P(backpressure_test, a_waiter_without_progress_does_not_spin) {
    server_options options = narrow(send_policy::wait);
    options.session.send_wait_timeout = 200ms;
    options.session.low_watermark = high_mark - 1;
    test_server server(options);
    (void)server.start();
    auto [peer, session] = connect_deaf(server);
    // Stuck between nothing and the low mark: there is never room for the next.
    (void)fill(session, 16'000);
    const std::size_t before = server.writable.count();
    EXPECT_TRUE(fails_with(session->send_packet(pattern(high_mark)), errc::send_buffer_full));
    EXPECT_LE(server.writable.count(), before + 3);
}

TEST_P(backpressure_test, a_wait_ends_with_the_connection) {
    server_options options = narrow(send_policy::wait);
    options.session.send_wait_timeout = patience;
    test_server server(options);
    (void)server.start();
    auto [peer, session] = connect_deaf(server);
    collector<int> results;
    std::thread sender([&, &to = session] {
        for (auto sent = to->send_packet(pattern(1000));; sent = to->send_packet(pattern(1000))) {
            if (!sent) {
                results.add(sent.error().code);
                break;
            }
        }
    });
    EXPECT_TRUE(eventually([&, &to = session] { return to->queued_bytes() > low_mark; }));
    EXPECT_TRUE(is_ok(session->stop_session()));
    ASSERT_TRUE(results.wait_for(1));
    sender.join();
    EXPECT_EQ(results.at(0), static_cast<int>(errc::connection_closed));
}

TEST_P(backpressure_test, on_an_io_thread_nobody_waits) {
    server_options options = narrow(send_policy::wait);
    options.session.send_wait_timeout = patience;
    test_server server(options);
    event_counter refused;
    const auto fill_here = [&](const session_ptr& session) {
        while (session->send_packet(pattern(1000))) {}
        refused.add();
    };
    server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t>) {
        fill_here(session);
    };
    (void)server.start();
    auto [peer, session] = connect_deaf(server);
    ASSERT_TRUE(peer.send(frame_of(type_data, pattern(1))));
    ASSERT_TRUE(refused.wait_for(1)) << "its own I/O thread";
    test_server elsewhere(for_server());
    elsewhere.on_connect = [&, &to = session](const session_ptr&) { fill_here(to); };
    test_client trigger(for_client());
    ASSERT_TRUE(is_ok(trigger.connect(elsewhere.start())));
    EXPECT_TRUE(refused.wait_for(2)) << "another one's";
}

TEST_P(backpressure_test, the_policy_may_close_instead) {
    test_server server(narrow(send_policy::close));
    (void)server.start();
    auto [peer, session] = connect_deaf(server);
    (void)fill(session, 1000);
    ASSERT_TRUE(server.closed.wait_for(1));
    ASSERT_EQ(server.errors.size(), 1U);
    EXPECT_EQ(server.errors.at(0).code, make_error_code(errc::send_buffer_full));
    EXPECT_TRUE(fails_with(session->send_packet("late"), errc::connection_closed));
    // The same in a callback.
    server.on_receive = [](const session_ptr& in, std::span<const std::uint8_t>) {
        while (in->send_packet(pattern(1000))) {}
        EXPECT_TRUE(in->is_stopped());
    };
    auto second = connect_deaf(server);
    ASSERT_TRUE(second.peer.send(frame_of(type_data, pattern(1))));
    EXPECT_TRUE(server.closed.wait_for(2));
}

TEST_P(backpressure_test, a_paused_receiver_slows_its_peer_and_loses_nothing) {
    server_options options = narrow();
    options.drain_timeout = patience;
    test_server server(options);
    client_options small = for_client();
    small.socket.receive_buffer_size = 4096;
    test_client client(small);
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(client.exchange("open"));
    ASSERT_TRUE(is_ok(client.client.pause_receiving()));
    const auto session = server.sessions.at(0);
    const std::size_t taken = fill(session, 1000);
    EXPECT_LT(client.received.size(), taken);
    ASSERT_TRUE(is_ok(client.client.resume_receiving()));
    ASSERT_TRUE(client.received.wait_for(1 + taken));
    const auto all = client.received.all();
    for (std::size_t i = 0; i < taken; ++i) {
        ASSERT_EQ(all[i + 1], pattern(1000, static_cast<std::uint32_t>(i)));
    }
    EXPECT_TRUE(server.writable.wait_for(1));
}

TEST_P(backpressure_test, a_servers_session_pauses_too) {
    test_server server(narrow());
    client_options options = for_client();
    options.session.high_watermark = high_mark;
    options.session.low_watermark = low_mark;
    options.socket.send_buffer_size = 4096;
    test_client client(options);
    collector<bytes> received;
    server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t> data) {
        if (received.size() == 0) {
            EXPECT_TRUE(is_ok(session->pause_receiving()));
        }
        received.add(copy_of(data));
    };
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(is_ok(client.client.send_packet(pattern(1000, 0))));
    ASSERT_TRUE(received.wait_for(1)) << "paused by then";
    std::size_t taken = 1;
    while (client.client.send_packet(pattern(1000, static_cast<std::uint32_t>(taken)))) {
        ++taken;
        ASSERT_LT(taken, 100'000U) << "the paused server goes on reading";
    }
    EXPECT_EQ(received.size(), 1U);
    ASSERT_TRUE(is_ok(server.sessions.at(0)->resume_receiving()));
    ASSERT_TRUE(received.wait_for(taken));
    for (std::size_t i = 0; i < taken; ++i) {
        ASSERT_EQ(received.at(i), pattern(1000, static_cast<std::uint32_t>(i)));
    }
    EXPECT_TRUE(client.writable.wait_for(1));
}

}  // namespace
}  // namespace loopback
