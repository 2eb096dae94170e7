// The end of callbacks on a pool: all that was received, none after a stop, whatever the pool does.
#include "framed/callback_places.h"
#include "framed/pooled_callbacks.h"
#include "support/numbered.h"

namespace loopback {
namespace {

using network_system::unique_function;

class pooled_end : public pooled_callbacks_test {};
INSTANTIATE_TEST_SUITE_P(io, pooled_end, every_io_kind(), io_kind_of);

TEST_P(pooled_end, a_pools_own_task_only_begins_a_stop) {
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

TEST_P(pooled_end, stop_waits_for_all_that_was_received) {
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
        ASSERT_TRUE(peer.send(frame_of(type_data, numbered_bytes(i, 8))));
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

TEST_P(pooled_end, none_runs_after_a_stop_under_load) {
    const auto pool = std::make_shared<thread_pool>(2);
    for (int round = 0; round < 5; ++round) {
        server_options options = for_server(pool);
        options.drain_timeout = 20ms;
        expect_no_callback_after_stop(options);
    }
}

TEST_P(pooled_end, end_with_a_pool_that_is_stopped) {
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
    VoidResult submit_delayed(unique_function<void()> task,
                              std::chrono::milliseconds) noexcept override {
        return submit(std::move(task));
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

TEST_P(pooled_end, stop_is_bounded_with_a_pool_that_does_nothing) {
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

TEST_P(pooled_end, a_client_whose_pool_is_full_fails_to_start) {
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

TEST_P(pooled_end, the_options_are_checked) {
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
class pooled_places : public testing::TestWithParam<place> {};
INSTANTIATE_TEST_SUITE_P(place, pooled_places,
                         testing::Values(place::connection, place::receive, place::error,
                                         place::disconnection),
                         [](const auto& each) { return name_of(each.param); });

[[nodiscard]] server_options pooled_server(const std::shared_ptr<thread_pool_interface>& pool) {
    server_options options;
    lower_marks(options.session);
    options.callback_pool = pool;
    return options;
}

TEST_P(pooled_places, stop_begins_in_them) {
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

TEST_P(pooled_places, the_last_reference_is_dropped_in_them) {
    // The server holds the last reference of the pool, too.
    auto server = std::make_shared<messaging_server>(
        "dropped", pooled_server(std::make_shared<thread_pool>(2)));
    const auto guest = std::make_shared<visitor>(GetParam(), [&] { server.reset(); });
    receive_guest(*server, guest);
    ASSERT_TRUE(is_ok(server->start_server(0)));
    visit_server(server->local_port());
    ASSERT_TRUE(guest->wait());
}

TEST_P(pooled_places, a_client_may_be_stopped_and_dropped_in_them) {
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
