// Pools of real connections that are shut down, or end with their process.
#include "resilience/pool_servers.h"
#include "support/child_process.h"
#include "support/context_runner.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <thread>
#include <utility>

namespace pools {
namespace {

using std::chrono::milliseconds;

TEST(pool_end, leaves_leases_valid) {
    test_server server;
    received_messages_of_pool received;
    auto pool = std::make_unique<connection_pool>(pool_to(server.start()), received.callbacks());
    auto held = pool->acquire();
    ASSERT_TRUE(is_ok(held));
    pool.reset();
    EXPECT_TRUE(is_ok(held.value()->send_packet("still here")));
    ASSERT_TRUE(server.received.wait_for(1));
    EXPECT_EQ(server.closed.size(), 0U);
    const auto session = held.value().session();
    held.value().release();
    ASSERT_TRUE(server.closed.wait_for(1)) << "closed with its lease";
    EXPECT_TRUE(eventually([&] { return session->is_stopped(); }));
    EXPECT_EQ(received.all.size(), 0U) << "and no callback after the end of the pool";
}

TEST(pool_end, tells_those_who_wait) {
    test_server server;
    auto options = pool_to(server.start());
    options.max_size = 1;
    connection_pool pool(options);
    auto held = pool.acquire();
    collector<outcome> outcomes;
    ASSERT_TRUE(is_ok(
        pool.acquire([&](const Result<lease>& result) { outcomes.add(outcome_of(result)); })));
    std::thread blocked([&] {
        EXPECT_TRUE(fails_with(pool.acquire(milliseconds::max()), errc::connection_closed));
    });
    ASSERT_TRUE(eventually([&] { return pool.metrics().waiting == 2; }));
    EXPECT_TRUE(is_ok(pool.shutdown()));
    ASSERT_EQ(outcomes.size(), 1U) << "before shutdown returns";
    EXPECT_EQ(outcomes.at(0).code, static_cast<int>(errc::connection_closed));
    blocked.join();
    EXPECT_TRUE(is_ok(pool.shutdown()));
    EXPECT_TRUE(fails_with(pool.acquire(), errc::connection_closed));
    EXPECT_TRUE(fails_with(pool.initialize(), errc::connection_closed));
    EXPECT_EQ(pool.active_count(), 1U);
    held.value().release();
    EXPECT_EQ(pool.active_count(), 0U);
}

TEST(pool_end, comes_while_connections_are_being_made) {
    // It takes connections, and says nothing on them.
    raw_listener silent;
    auto options = pool_to(silent.port());
    options.connection.client.drain_timeout = 10ms;
    options.min_size = 3;
    for (int i = 0; i < 5; ++i) {
        collector<outcome> outcomes;
        connection_pool pool(options);
        ASSERT_TRUE(is_ok(
            pool.acquire([&](const Result<lease>& result) { outcomes.add(outcome_of(result)); })));
        EXPECT_TRUE(is_ok(pool.shutdown()));
        EXPECT_EQ(outcomes.size(), 1U);
        EXPECT_EQ(pool.metrics().connecting, 0U);
    }
}

TEST(pool_end, comes_while_a_server_is_down) {
    auto options = pool_to(unused_port());
    options.min_size = 3;
    connection_pool pool(options);
    EXPECT_TRUE(fails_with(pool.initialize(), errc::connection_refused));
    EXPECT_TRUE(is_ok(pool.shutdown()));
    EXPECT_EQ(pool.metrics().connecting, 0U);
}

TEST(pool_end, comes_while_a_connection_is_asked) {
    test_server server;
    auto options = pool_to(server.start());
    options.max_size = 1;
    options.check_after = 1ms;
    options.check_timeout = milliseconds::max();
    options.connection.client.drain_timeout = 10ms;
    connection_pool pool(options);
    ASSERT_TRUE(is_ok(pool.initialize()));
    ASSERT_TRUE(server.sessions.wait_for(1));
    (void)server.sessions.at(0)->pause_receiving();
    collector<outcome> outcomes;
    while (pool.metrics().checks == 0) {
        (void)pool.try_acquire();
    }
    ASSERT_TRUE(is_ok(
        pool.acquire([&](const Result<lease>& result) { outcomes.add(outcome_of(result)); })));
    EXPECT_TRUE(is_ok(pool.shutdown()));
    EXPECT_EQ(outcomes.size(), 1U);
    EXPECT_EQ(pool.pool_size(), 0U);
}

TEST(pool_end, may_come_in_its_own_handler) {
    test_server server;
    auto pool = std::make_unique<connection_pool>(pool_to(server.start()));
    event_counter done;
    ASSERT_TRUE(is_ok(pool->acquire([&](Result<lease> result) {
        EXPECT_TRUE(is_ok(result));
        pool.reset();
        EXPECT_TRUE(is_ok(result.value()->send_packet("still here")));
        done.add();
    })));
    ASSERT_TRUE(done.wait_for(1));
    ASSERT_TRUE(server.closed.wait_for(1));
    EXPECT_EQ(server.received.count(), 1U);
}

TEST(pool_end, may_come_in_a_handler_that_it_ends) {
    test_server server;
    auto options = pool_to(server.start());
    options.max_size = 1;
    connection_pool pool(options);
    auto held = pool.acquire();
    event_counter done;
    ASSERT_TRUE(is_ok(pool.acquire([&](const Result<lease>& result) {
        EXPECT_TRUE(fails_with(result, errc::connection_closed));
        EXPECT_TRUE(is_ok(pool.shutdown()));
        done.add();
    })));
    EXPECT_TRUE(is_ok(pool.shutdown()));
    EXPECT_EQ(done.count(), 1U);
}

TEST(pool_end, has_no_callback_after_it) {
    test_server server;
    server.on_receive = [](const session_ptr& from, std::span<const std::uint8_t>) {
        for (int i = 0; i < 100; ++i) {
            (void)from->send_packet("much");
        }
    };
    const auto port = server.start();
    for (int i = 0; i < 5; ++i) {
        watchman watch;
        pool_callbacks callbacks;
        callbacks.received = [&](std::span<const std::uint8_t>) { watch.pass(); };
        auto options = pool_to(port);
        connection_pool pool(options, std::move(callbacks));
        auto held = pool.acquire();
        ASSERT_TRUE(is_ok(held));
        (void)held.value()->send_packet("go");
        ASSERT_TRUE(watch.wait_for(1));
        EXPECT_TRUE(is_ok(pool.shutdown()));
        watch.close();
        (void)held.value()->send_packet("more");
    }
}

TEST(pool_end, is_clean_at_the_exit_of_the_process) {
    // The child starts anew instead of as a fork of this process with its threads.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            static test_server server;
            static connection_pool pool(pool_to(server.start()));
            const bool is_ready = pool.initialize().is_ok();
            static Result<lease> held = pool.acquire();
            (void)pool.acquire([](const Result<lease>&) {});
            std::exit(is_ready && held.is_ok() ? 0 : 1);
        },
        testing::ExitedWithCode(0), "");
}

#ifndef NETWORK_TEST_NO_FORK
TEST(pool_end, is_not_the_business_of_a_forked_child) {
    test_server server;
    auto pool = std::make_unique<connection_pool>(pool_to(server.start()));
    auto held = pool->acquire();
    ASSERT_TRUE(is_ok(held));
    EXPECT_TRUE(network_system::testing::succeeds_in_child([&] {
        EXPECT_TRUE(fails_with(pool->acquire(), errc::not_supported));
        EXPECT_TRUE(fails_with(pool->try_acquire(), errc::not_supported));
        EXPECT_TRUE(fails_with(pool->acquire([](const Result<lease>&) {}), errc::not_supported));
        EXPECT_TRUE(fails_with(pool->initialize([](const VoidResult&) {}), errc::not_supported));
        EXPECT_TRUE(fails_with(pool->shutdown(), errc::not_supported));
        held.value().release();
        pool.reset();
    }));
    EXPECT_TRUE(is_ok(held.value()->send_packet("the parent's goes on")));
    EXPECT_TRUE(server.received.wait_for(1));
}
#endif

TEST(pool_end, comes_with_an_io_context_that_has_stopped) {
    test_server server;
    context_runner runner(1);
    auto options = pool_to(server.start());
    options.connection.client.io_context = &runner.context;
    options.connection.client.drain_timeout = 10ms;
    connection_pool pool(options);
    auto held = pool.acquire();
    ASSERT_TRUE(is_ok(held));
    held.value().release();
    runner.stop();
    EXPECT_TRUE(is_ok(pool.shutdown())) << "without waiting for ever";
}

}  // namespace
}  // namespace pools
