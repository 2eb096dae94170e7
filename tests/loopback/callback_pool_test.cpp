// Callbacks on a pool: in order, never two of one session at once, bounded, and gone after stop.
#include "loopback/callback_places.h"

#include <network_system/utils/thread_pool.h>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <array>
#include <atomic>
#include <map>
#include <optional>
#include <stdexcept>

namespace loopback {
namespace {

using network_system::thread_pool;
using network_system::thread_pool_interface;
using network_system::unique_function;

/// Where the sessions' I/O happens.
struct io_kind {
    const char* name;
    std::size_t io_threads;
    /// Threads that run an io_context of the user's; 0 = own threads.
    std::size_t context_threads;
    readiness method;
    friend void PrintTo(const io_kind& kind, std::ostream* out) { *out << kind.name; }
};

class PooledCallbacks : public testing::TestWithParam<io_kind> {
protected:
    PooledCallbacks() {
        for (std::size_t i = 0; i < GetParam().context_threads; ++i) {
            runners_.emplace_back([this] { context_.run(); });
        }
    }
    ~PooledCallbacks() override {
        work_.reset();
        for (auto& each : runners_) {
            each.join();
        }
    }

    [[nodiscard]] server_options for_server(std::shared_ptr<thread_pool_interface> pool) {
        server_options options;
        options.io_threads = GetParam().io_threads;
        options.readiness_method = GetParam().method;
        if (GetParam().context_threads > 0) {
            options.io_context = &context_;
        }
        options.callback_pool = std::move(pool);
        return options;
    }
    [[nodiscard]] client_options for_client(std::shared_ptr<thread_pool_interface> pool) {
        client_options options;
        options.readiness_method = GetParam().method;
        if (GetParam().context_threads > 0) {
            options.io_context = &context_;
        }
        options.callback_pool = std::move(pool);
        return options;
    }

private:
    asio::io_context context_;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{
        context_.get_executor()};
    std::vector<std::thread> runners_;
};

INSTANTIATE_TEST_SUITE_P(Io, PooledCallbacks,
                         testing::Values(io_kind{"one_thread", 1, 0, readiness::automatic},
                                         io_kind{"two_threads", 2, 0, readiness::automatic},
                                         io_kind{"per_socket", 1, 0, readiness::per_socket},
                                         io_kind{"user_context", 1, 2, readiness::automatic}),
                         [](const testing::TestParamInfo<io_kind>& each) {
                             return std::string(each.param.name);
                         });

[[nodiscard]] bytes numbered(std::uint32_t number) {
    bytes data(8 + number % 50);
    for (std::size_t i = 0; i < 4; ++i) {
        data[i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
    return data;
}

[[nodiscard]] std::uint32_t number_in(std::span<const std::uint8_t> data) {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        number |= std::uint32_t{data[i]} << (8 * i);
    }
    return number;
}

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

TEST_P(PooledCallbacks, OfOneSessionRunInOrderAndNeverOverlap) {
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
            EXPECT_EQ(copy_of(data), numbered(number_in(data)));
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
            ASSERT_TRUE(is_ok(each->client.send_packet(numbered(i))));
        }
    }
    for (const auto& each : all) {
        ASSERT_TRUE(each->received.wait_for(count));
        for (std::uint32_t i = 0; i < count; ++i) {
            ASSERT_EQ(each->received.at(i), numbered(i));
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

TEST_P(PooledCallbacks, OfDifferentSessionsRunAtTheSameTime) {
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

TEST_P(PooledCallbacks, ASlowCallbackHoldsUpNobodyElse) {
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

TEST_P(PooledCallbacks, TheSenderIsSlowedDownWhileTheyAreSlow) {
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

TEST_P(PooledCallbacks, WritableRunsThereToo) {
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

TEST_P(PooledCallbacks, AnswerRequests) {
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

TEST_P(PooledCallbacks, NothingMayBlockInThem) {
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

TEST_P(PooledCallbacks, APoolsOwnTaskOnlyBeginsAStop) {
    const auto pool = std::make_shared<thread_pool>(1);
    test_server server(for_server(pool));
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    event_counter begun;
    ASSERT_TRUE(is_ok(pool->submit([&] {
        EXPECT_TRUE(is_ok(server.server.stop_server())) << "waiting would wait for this thread";
        EXPECT_TRUE(fails_with(server.server.wait_for_stop(), errc::would_block));
        begun.add();
    })));
    ASSERT_TRUE(begun.wait_for(1));
    EXPECT_TRUE(is_ok(server.server.wait_for_stop()));
    EXPECT_EQ(server.closed.size(), 1U);
}

TEST_P(PooledCallbacks, StopWaitsForAllThatWasReceived) {
    server_options options = for_server(std::make_shared<thread_pool>(1));
    options.drain_timeout = patience;  // a busy machine may take long for all these callbacks
    test_server server(options);
    event_counter may_go_on;
    watchman gate;
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t>) {
        EXPECT_TRUE(may_go_on.wait_for(1));
        gate.pass();
    };
    server.on_disconnect = [&](const std::string&) { gate.pass(); };
    raw_peer peer = raw_peer::connect(server.start());
    constexpr std::size_t count = 200;
    for (std::uint32_t i = 0; i < count; ++i) {
        ASSERT_TRUE(peer.send(frame_of(type_data, numbered(i))));
    }
    ASSERT_TRUE(server.sessions.wait_for(1));
    const session_ptr session = server.sessions.at(0);
    ASSERT_TRUE(eventually([&] { return session->metrics().messages_received == count; }));
    event_counter stopped;
    std::thread stopper([&] {
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        gate.close();
        stopped.add();
    });
    (void)peer.drain();
    peer.close();
    const bool is_bounded = GetParam().context_threads > 0;
    if (!is_bounded) {
        EXPECT_FALSE(stopped.wait_for(1, 50ms));
    }
    may_go_on.add();
    stopper.join();
    EXPECT_EQ(server.received.count(), count);
    EXPECT_EQ(server.closed.size(), 1U);
}

TEST_P(PooledCallbacks, NoneRunsAfterAStopUnderLoad) {
    const auto pool = std::make_shared<thread_pool>(2);
    for (int round = 0; round < 5; ++round) {
        server_options options = for_server(pool);
        options.drain_timeout = 20ms;
        test_server server(options);
        watchman gate;
        server.on_connect = [&](const session_ptr&) { gate.pass(); };
        server.on_disconnect = [&](const std::string&) { gate.pass(); };
        server.on_error = [&](const session_ptr&, std::error_code) { gate.pass(); };
        server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t> data) {
            (void)session->send_packet(data, [&](VoidResult) { gate.pass(); });
            gate.pass();
        };
        const auto port = server.start();
        std::vector<raw_peer> peers;
        for (int i = 0; i < 8; ++i) {
            peers.push_back(raw_peer::connect(port));
            ASSERT_TRUE(peers.back().send(frame_of(type_data, pattern(10))));
        }
        ASSERT_TRUE(gate.wait_for(16));
        std::thread traffic([&] {
            for (int i = 0; i < 2000; ++i) {
                (void)peers[static_cast<std::size_t>(i) % 8].send(frame_of(type_data, pattern(10)));
            }
        });
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        gate.close();
        EXPECT_EQ(server.server.connection_count(), 0U);
        traffic.join();
    }
}

TEST_P(PooledCallbacks, AnExceptionEndsItsSessionOnly) {
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

TEST_P(PooledCallbacks, EndWithAPoolThatIsStopped) {
    const auto pool = std::make_shared<thread_pool>(1);
    server_options options = for_server(pool);
    options.drain_timeout = 200ms;
    test_server server(options);
    event_counter may_go_on;
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t>) {
        EXPECT_TRUE(may_go_on.wait_for(1));
    };
    const auto port = server.start();
    std::vector<raw_peer> peers;
    for (int i = 0; i < 4; ++i) {
        peers.push_back(raw_peer::connect(port));
        ASSERT_TRUE(peers.back().send(frame_of(type_data, pattern(10))));
    }
    ASSERT_TRUE(eventually([&] { return server.server.metrics().totals.messages_received == 4; }));
    std::thread stopper([&] { pool->stop(); });
    ASSERT_TRUE(eventually([&] { return !pool->is_running(); }));
    may_go_on.add();
    stopper.join();
    // A session that is idle notices with its next message.
    for (auto& each : peers) {
        (void)each.send(frame_of(type_data, pattern(10)));
    }
    for (auto& each : peers) {
        EXPECT_NE(each.drain(), stream_end::none);
        each.close();
    }
    ASSERT_TRUE(eventually([&] { return server.server.connection_count() == 0; }));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    const auto metrics = server.server.metrics();
    EXPECT_EQ(metrics.connections_active, 0U);
    EXPECT_EQ(metrics.session_errors, 4U);
    EXPECT_TRUE(fails_with(server.server.start_server(0), errc::invalid_argument));
}

/// Takes tasks and neither runs nor destroys them before it goes.
class hoarding_pool final : public thread_pool_interface {
public:
    VoidResult submit(unique_function<void()> task) noexcept override {
        const std::lock_guard lock(mutex_);
        tasks_.push_back(std::move(task));
        return network_system::ok();
    }
    std::size_t worker_count() const noexcept override { return 1; }
    std::size_t pending_tasks() const noexcept override {
        const std::lock_guard lock(mutex_);
        return tasks_.size();
    }
    bool is_running() const noexcept override { return is_running_; }
    void stop() { is_running_ = false; }
    /// The tasks know the pool, so that nobody else lets them go.
    void destroy_tasks() {
        std::vector<unique_function<void()>> last;
        const std::lock_guard lock(mutex_);
        last.swap(tasks_);
    }

private:
    mutable std::mutex mutex_;
    std::vector<unique_function<void()>> tasks_;
    std::atomic<bool> is_running_{true};
};

TEST_P(PooledCallbacks, StopIsBoundedWithAPoolThatDoesNothing) {
    const auto pool = std::make_shared<hoarding_pool>();
    server_options options = for_server(pool);
    options.drain_timeout = 50ms;
    test_server server(options);
    const raw_peer peer = raw_peer::connect(server.start());
    ASSERT_TRUE(eventually([&] { return pool->pending_tasks() > 0; }));
    pool->stop();
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    EXPECT_LT(std::chrono::steady_clock::now() - before, 150ms + slack);
    EXPECT_EQ(server.sessions.size(), 0U);
    pool->destroy_tasks();
}

TEST_P(PooledCallbacks, AClientWhosePoolIsFullFailsToStart) {
    event_counter may_go_on;
    event_counter is_busy;
    const auto pool = std::make_shared<thread_pool>(1, 1);
    ASSERT_TRUE(is_ok(pool->submit([&] {
        is_busy.add();
        EXPECT_TRUE(may_go_on.wait_for(1));
    })));
    ASSERT_TRUE(is_busy.wait_for(1));
    ASSERT_TRUE(is_ok(pool->submit([] {})));
    test_server server;
    test_client client(for_client(pool));
    EXPECT_TRUE(fails_with(client.connect(server.start()), errc::internal_error));
    may_go_on.add();
    pool->stop();  // its task uses what ends before the last reference of the pool
    EXPECT_EQ(client.client.metrics().connect_failures, 1U);
    EXPECT_EQ(client.connected.count(), 0U);
}

TEST_P(PooledCallbacks, TheOptionsAreChecked) {
    server_options options = for_server(nullptr);
    options.callback_queue_limit = 0;
    messaging_server server("wrong", options);
    EXPECT_TRUE(fails_with(server.start_server(0), errc::invalid_argument));
    const auto stopped = std::make_shared<thread_pool>(1);
    stopped->stop();
    messaging_client client("wrong", for_client(stopped));
    EXPECT_TRUE(fails_with(client.start_client("127.0.0.1", 1), errc::invalid_argument));
}

/// The places that every connection passes, whatever its peer has done by the time the pool runs:
/// a send may find it closed, and then neither completes nor becomes possible again.
class PooledPlaces : public testing::TestWithParam<place> {};
INSTANTIATE_TEST_SUITE_P(Place, PooledPlaces,
                         testing::Values(place::connection, place::receive, place::error,
                                         place::disconnection),
                         [](const auto& each) { return name_of(each.param); });

[[nodiscard]] server_options pooled_server(const std::shared_ptr<thread_pool_interface>& pool) {
    server_options options;
    lower_marks(options.session);
    options.callback_pool = pool;
    return options;
}

TEST_P(PooledPlaces, StopBeginsInThem) {
    const auto pool = std::make_shared<thread_pool>(2);
    messaging_server server("stopped", pooled_server(pool));
    const auto guest = std::make_shared<visitor>(GetParam(), [&] {
        EXPECT_TRUE(is_ok(server.stop_server()));
        EXPECT_TRUE(fails_with(server.wait_for_stop(), errc::would_block));
    });
    receive_guest(server, guest);
    ASSERT_TRUE(is_ok(server.start_server(0)));
    visit_server(server.local_port());
    ASSERT_TRUE(guest->wait());
    EXPECT_TRUE(is_ok(server.wait_for_stop()));
    EXPECT_TRUE(is_ok(server.stop_server()));
    EXPECT_EQ(server.connection_count(), 0U);
    EXPECT_TRUE(is_ok(server.start_server(0))) << "and starts again";
}

TEST_P(PooledPlaces, TheLastReferenceIsDroppedInThem) {
    // The server holds the last reference of the pool, too.
    auto server = std::make_shared<messaging_server>(
        "dropped", pooled_server(std::make_shared<thread_pool>(2)));
    const auto guest = std::make_shared<visitor>(GetParam(), [&] { server.reset(); });
    receive_guest(*server, guest);
    ASSERT_TRUE(is_ok(server->start_server(0)));
    visit_server(server->local_port());
    ASSERT_TRUE(guest->wait());
}

TEST_P(PooledPlaces, AClientMayBeStoppedAndDroppedInThem) {
    for (const bool is_dropped : {false, true}) {
        const raw_listener listener;
        client_options options;
        lower_marks(options.session);
        options.callback_pool = std::make_shared<thread_pool>(2);
        auto client = std::make_shared<messaging_client>("ended", options);
        messaging_client& raw = *client;
        const auto guest = std::make_shared<visitor>(GetParam(), [&] {
            EXPECT_TRUE(is_ok(raw.stop_client()));
            if (is_dropped) {
                client.reset();
            }
        });
        receive_guest(raw, guest);
        ASSERT_TRUE(is_ok(raw.start_client("127.0.0.1", listener.port(), [](VoidResult) {})));
        visit_client(listener);
        ASSERT_TRUE(guest->wait());
        if (!is_dropped) {
            EXPECT_TRUE(is_ok(client->stop_client()));
        }
    }
}

}  // namespace
}  // namespace loopback
