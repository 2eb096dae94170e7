// Callbacks on a pool: in order, never two of one session at once, bounded.
#include "framed/callback_places.h"
#include "framed/pooled_callbacks.h"
#include "support/numbered.h"

#include <array>
#include <atomic>
#include <map>
#include <stdexcept>

namespace loopback {
namespace {

INSTANTIATE_TEST_SUITE_P(io, pooled_callbacks_test, every_io_kind(), io_kind_of);

/// What the callbacks of one session see of each other.
struct session_log {
    std::atomic<int> inside{0};
    std::atomic<bool> has_opened{false};
    std::atomic<std::uint32_t> next{0};
    std::atomic<bool> has_closed{false};

    template <typename Work>
    void visit(const Work& work) {
        EXPECT_EQ(inside.fetch_add(1), 0) << "callbacks of one session overlap";
        EXPECT_FALSE(has_closed) << "a callback after the last";
        work();
        --inside;
    }
};

TEST_P(pooled_callbacks_test, of_one_session_run_in_order_and_never_overlap) {
    const auto pool = std::make_shared<thread_pool>(3);
    test_server server(for_server(pool));
    std::mutex mutex;
    std::map<std::string, std::shared_ptr<session_log>> logs;
    const auto log_of = [&](const std::string& id) {
        const std::lock_guard lock(mutex);
        auto& log = logs[id];
        if (!log) {
            log = std::make_shared<session_log>();
        }
        return log;
    };
    server.on_connect = [&](const session_ptr& session) {
        EXPECT_TRUE(pool->runs_here());
        const auto log = log_of(session->id());
        log->visit([&] { EXPECT_FALSE(log->has_opened.exchange(true)); });
    };
    server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t> data) {
        EXPECT_TRUE(pool->runs_here());
        EXPECT_FALSE(session->runs_here()) << "this is not the session's I/O thread";
        const auto log = log_of(session->id());
        log->visit([&] {
            EXPECT_TRUE(log->has_opened);
            EXPECT_EQ(number_in(data), log->next++);
            EXPECT_EQ(copy_of(data), numbered_bytes(number_in(data), data.size()));
            EXPECT_TRUE(is_ok(session->send_packet(data)));
        });
    };
    server.on_disconnect = [&](const std::string& id) {
        const auto log = log_of(id);
        log->visit([] {});
        log->has_closed = true;
    };
    const auto port = server.start();
    const auto count = static_cast<std::uint32_t>(scaled(2000));
    constexpr std::size_t clients = 6;
    std::vector<std::unique_ptr<test_client>> all;
    for (std::size_t c = 0; c < clients; ++c) {
        all.push_back(std::make_unique<test_client>(for_client(pool)));
        ASSERT_TRUE(is_ok(all.back()->connect(port)));
        EXPECT_EQ(all.back()->connected.count(), 1U) << "before start_client returned";
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        for (const auto& each : all) {
            ASSERT_TRUE(is_ok(each->client.send_packet(numbered_bytes(i, 8 + i % 50))));
        }
    }
    for (const auto& each : all) {
        ASSERT_TRUE(each->received.wait_for(count));
        for (std::uint32_t i = 0; i < count; ++i) {
            ASSERT_EQ(each->received.at(i), numbered_bytes(i, 8 + i % 50));
        }
        EXPECT_TRUE(is_ok(each->client.stop_client()));
        EXPECT_EQ(each->disconnected.count(), 1U) << "before stop_client returned";
    }
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_EQ(server.closed.size(), clients) << "before stop_server returned";
    const auto totals = server.server.metrics().totals;
    EXPECT_EQ(totals.messages_received, clients * count);
    EXPECT_EQ(totals.messages_unread, 0U);
}

TEST_P(pooled_callbacks_test, of_different_sessions_run_at_the_same_time) {
    constexpr std::size_t sessions = 3;
    test_server server(for_server(std::make_shared<thread_pool>(sessions)));
    event_counter met;
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t>) {
        met.add();
        EXPECT_TRUE(met.wait_for(sessions)) << "the others wait for this one";
    };
    const auto port = server.start();
    std::array<test_client, sessions> clients;
    for (auto& each : clients) {
        ASSERT_TRUE(is_ok(each.connect(port)));
        ASSERT_TRUE(is_ok(each.client.send_packet("meet")));
    }
    EXPECT_TRUE(server.received.wait_for(sessions));
}

TEST_P(pooled_callbacks_test, a_slow_callback_holds_up_nobody_else) {
    test_server server(for_server(std::make_shared<thread_pool>(2)));
    event_counter may_go_on;
    event_counter is_slow;
    server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t> data) {
        if (text_of(data) == "slow") {
            is_slow.add();
            EXPECT_TRUE(may_go_on.wait_for(1));
        }
        (void)session->send_packet(data);
    };
    const auto port = server.start();
    test_client slow;
    test_client quick;
    ASSERT_TRUE(is_ok(slow.connect(port)));
    ASSERT_TRUE(is_ok(quick.connect(port)));
    ASSERT_TRUE(is_ok(slow.client.send_packet("slow")));
    ASSERT_TRUE(is_slow.wait_for(1));
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(quick.exchange("quick"));
    }
    EXPECT_EQ(slow.received.size(), 0U);
    EXPECT_TRUE(is_ok(slow.client.ping())) << "the I/O thread answers pings";
    may_go_on.add();
    EXPECT_TRUE(slow.received.wait_for(1));
}

TEST_P(pooled_callbacks_test, the_sender_is_slowed_down_while_they_are_slow) {
    constexpr std::size_t limit = 64 * 1024;
    constexpr std::size_t message = 10'000;
    constexpr std::size_t count = 2'000;
    server_options options = for_server(std::make_shared<thread_pool>(1));
    options.callback_queue_limit = limit;
    test_server server(options);
    event_counter may_go_on;
    std::atomic<std::uint32_t> next{0};
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t> data) {
        EXPECT_TRUE(may_go_on.wait_for(1));
        EXPECT_EQ(copy_of(data), pattern(message, next++));
    };
    raw_peer peer = raw_peer::connect(server.start(), 16 * 1024);
    event_counter sent;
    std::thread sender([&] {
        for (std::uint32_t i = 0; i < count; ++i) {
            ASSERT_TRUE(peer.send(frame_of(type_data, pattern(message, i))));
            sent.add();
        }
    });
    ASSERT_TRUE(server.sessions.wait_for(1));
    const session_ptr session = server.sessions.at(0);
    // It comes to a halt: what was read does not grow any more, and the peer cannot send.
    ASSERT_TRUE(eventually([&] { return session->metrics().bytes_received >= limit; }));
    EXPECT_FALSE(sent.wait_for(count, 100ms));
    constexpr std::size_t one_read = 256 * 1024;
    EXPECT_LE(session->metrics().bytes_received, limit + one_read + message);
    may_go_on.add();
    EXPECT_TRUE(server.received.wait_for(count)) << "and nothing is lost";
    sender.join();
    EXPECT_EQ(next, count);
}

TEST_P(pooled_callbacks_test, writable_runs_there_too) {
    const auto pool = std::make_shared<thread_pool>(1);
    server_options options = for_server(pool);
    lower_marks(options.session);
    test_server server(options);
    server.on_receive = [](const session_ptr& session, std::span<const std::uint8_t>) {
        while (session->send_packet(std::span<const std::uint8_t>(pattern(400)))) {}
    };
    server.on_writable = [&](const session_ptr&) { EXPECT_TRUE(pool->runs_here()); };
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(is_ok(client.client.send_packet("fill")));
    EXPECT_TRUE(server.writable.wait_for(1));
}

TEST_P(pooled_callbacks_test, answer_requests) {
    const auto pool = std::make_shared<thread_pool>(1);
    test_server server(for_server(pool));
    (void)server.server.set_request_callback(
        [&](const session_ptr&, std::span<const std::uint8_t> data) -> Result<bytes> {
            EXPECT_TRUE(pool->runs_here());
            if (text_of(data) == "throw") {
                throw std::runtime_error("as told");
            }
            return copy_of(data);
        });
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    for (std::uint32_t i = 0; i < 20; ++i) {
        const auto answer =
            client.client.request(std::span<const std::uint8_t>(pattern(100, i)), patience);
        ASSERT_TRUE(is_ok(answer));
        EXPECT_EQ(answer.value(), pattern(100, i));
    }
    EXPECT_TRUE(client.client.request("throw", patience).is_err());
}

TEST_P(pooled_callbacks_test, nothing_may_block_in_them) {
    const auto pool = std::make_shared<thread_pool>(2);
    test_server server(for_server(pool));
    test_client other(for_client(pool));
    server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t>) {
        EXPECT_TRUE(fails_with(server.server.wait_for_stop(), errc::would_block));
        EXPECT_TRUE(fails_with(other.connect(server.server.local_port()), errc::would_block));
        EXPECT_TRUE(is_ok(session->send_packet("fine")));
    };
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(is_ok(client.client.send_packet("try")));
    EXPECT_TRUE(client.received.wait_for(1));
}

TEST_P(pooled_callbacks_test, an_exception_ends_its_session_only) {
    test_server server(for_server(std::make_shared<thread_pool>(2)));
    std::atomic<int> calls{0};
    server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t> data) {
        if (text_of(data) == "throw") {
            ++calls;
            throw std::runtime_error("as told");
        }
        (void)session->send_packet(data);
    };
    const auto port = server.start();
    test_client well;
    ASSERT_TRUE(is_ok(well.connect(port)));
    raw_peer bad = raw_peer::connect(port);
    bytes many;
    const std::string_view text = "throw";
    for (int i = 0; i < 100; ++i) {
        const bytes one = frame_of(type_data, bytes(text.begin(), text.end()));
        many.insert(many.end(), one.begin(), one.end());
    }
    ASSERT_TRUE(bad.send(many));
    (void)bad.drain();
    bad.close();
    ASSERT_TRUE(server.closed.wait_for(1)) << "the last callback runs all the same";
    EXPECT_TRUE(well.exchange("still there"));
    EXPECT_EQ(calls, 1) << "nothing behind it is delivered";
    ASSERT_EQ(server.errors.size(), 1U);
    EXPECT_EQ(server.errors.at(0).code, make_error_code(errc::internal_error));
    ASSERT_TRUE(eventually([&] { return server.server.metrics().session_errors == 1; }));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    const auto metrics = server.server.metrics();
    EXPECT_EQ(metrics.callback_exceptions, 1U);
    EXPECT_EQ(metrics.totals.messages_received, 2U) << "the one that threw, and the well one's";
    EXPECT_GT(metrics.totals.messages_unread, 0U);
    EXPECT_LE(metrics.totals.messages_unread, 99U);
}

}  // namespace
}  // namespace loopback
