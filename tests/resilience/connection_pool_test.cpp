// Pools of real connections: servers that restart, are down, or have gone quiet; waits, ends and
// threads.
#include "resilience/pool_servers.h"
#include "support/child_process.h"
#include "support/context_runner.h"

#include <network_system/core/connection_pool.h>
#include <network_system/core/messaging_client.h>
#include <network_system/resilience/pool_metrics_fields.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace pools {
namespace {

using network_system::session::next_operation_id;
using std::chrono::milliseconds;

struct outcome {
    bool is_ok;
    int code;
    std::string message;
};

[[nodiscard]] outcome outcome_of(const Result<lease>& result) {
    return result.is_ok() ? outcome{true, 0, {}}
                          : outcome{false, result.error().code, result.error().message};
}

class pool_of_kind : public testing::TestWithParam<connection_kind> {};

[[nodiscard]] std::string name_of(const testing::TestParamInfo<connection_kind>& kind) {
    constexpr std::array names{"tcp", "tls", "ws", "wss"};
    return names.at(static_cast<std::size_t>(kind.param));
}

INSTANTIATE_TEST_SUITE_P(all, pool_of_kind, testing::ValuesIn(kinds()), name_of);

TEST_P(pool_of_kind, lends_connections_that_work) {
    const auto server = make_server(GetParam());
    received_messages_of_pool received;
    auto options = pool_to(server->start(), GetParam());
    options.min_size = 2;
    connection_pool pool(options, received.callbacks());
    ASSERT_TRUE(is_ok(pool.initialize()));
    EXPECT_EQ(pool.pool_size(), 2U);
    EXPECT_EQ(pool.active_count(), 0U);
    {
        auto one = pool.acquire();
        auto two = pool.acquire();
        auto three = pool.acquire();
        ASSERT_TRUE(is_ok(one));
        ASSERT_TRUE(is_ok(two));
        ASSERT_TRUE(is_ok(three));
        EXPECT_EQ(pool.active_count(), 3U);
        EXPECT_EQ(pool.pool_size(), 3U);
        EXPECT_TRUE(is_ok(one.value()->send_packet("one")));
        EXPECT_TRUE(is_ok(three.value()->send_packet("three")));
        ASSERT_TRUE(received.all.wait_for(2));
        const bool is_framed =
            GetParam() == connection_kind::tcp || GetParam() == connection_kind::tls;
        EXPECT_EQ(one.value().client() != nullptr, is_framed);
        EXPECT_EQ(one.value().websocket() != nullptr, !is_framed);
        pool.release(std::move(two).value());
        EXPECT_EQ(pool.active_count(), 2U);
    }
    EXPECT_EQ(pool.active_count(), 0U);
    EXPECT_EQ(pool.idle_count(), 3U);
}

TEST_P(pool_of_kind, has_its_connections_again_when_a_server_restarts) {
    const auto server = make_server(GetParam());
    received_messages_of_pool received;
    auto options = pool_to(server->start(), GetParam());
    options.min_size = 2;
    options.max_size = 2;
    connection_pool pool(options, received.callbacks());
    ASSERT_TRUE(is_ok(pool.initialize()));
    for (std::size_t round = 1; round <= 3; ++round) {
        server->stop();
        // One that was made in the moment of the stop breaks, too.
        ASSERT_TRUE(eventually([&] { return pool.pool_size() == 0; }));
        EXPECT_GE(pool.metrics().broken, 2 * round);
        server->start();
        ASSERT_TRUE(eventually([&] { return pool.pool_size() == 2; })) << round;
        auto again = pool.acquire();
        ASSERT_TRUE(is_ok(again));
        ASSERT_TRUE(is_ok(again.value()->send_packet("again")));
        ASSERT_TRUE(received.all.wait_for(round));
    }
    EXPECT_GE(pool.metrics().created, 8U);
}

TEST_P(pool_of_kind, asks_connections_that_were_idle) {
    const auto server = make_server(GetParam());
    auto options = pool_to(server->start(), GetParam());
    options.check_after = 1ms;
    connection_pool pool(options);
    ASSERT_TRUE(is_ok(pool.initialize()));
    for (std::uint64_t wanted = 1; wanted <= 3; ++wanted) {
        ASSERT_TRUE(eventually([&] {
            EXPECT_TRUE(is_ok(pool.acquire()));
            return pool.metrics().checks >= wanted;
        }));
    }
    EXPECT_EQ(pool.metrics().checks_failed, 0U);
    EXPECT_EQ(pool.metrics().created, 1U);
}

TEST(pool, says_why_there_is_no_connection_while_its_server_is_down) {
    const std::uint16_t port = unused_port();
    connection_pool pool(pool_to(port));
    const auto begun = pool.initialize();
    ASSERT_TRUE(fails_with(begun, errc::connection_refused));
    EXPECT_NE(begun.error().message.find(std::to_string(port)), std::string::npos);
    const auto acquired = pool.acquire(50ms);
    ASSERT_TRUE(fails_with(acquired, errc::connection_timeout));
    const std::string refused = make_error_code(errc::connection_refused).message();
    const std::string& text = acquired.error().message;
    EXPECT_NE(text.find("within 50 ms"), std::string::npos) << text;
    EXPECT_NE(text.find("attempts: " + refused), std::string::npos) << text;
    EXPECT_NE(acquired.error().details.find(refused), std::string::npos);

    test_server server;
    ASSERT_TRUE(is_ok(server.server.start_server(port)));
    EXPECT_TRUE(is_ok(pool.acquire())) << "it went on trying";
}

TEST(pool, says_how_many_are_in_use) {
    const auto server = make_server(connection_kind::tcp);
    connection_pool pool("127.0.0.1", server->start(), 2);
    ASSERT_TRUE(is_ok(pool.initialize()));
    auto one = pool.acquire();
    auto two = pool.acquire();
    const auto three = pool.acquire(1ms);
    ASSERT_TRUE(fails_with(three, errc::connection_timeout));
    EXPECT_NE(three.error().message.find("within 1 ms: 2 of 2 in use"), std::string::npos)
        << three.error().message;
    const auto four = pool.try_acquire();
    ASSERT_TRUE(fails_with(four, errc::would_block));
    EXPECT_NE(four.error().message.find("2 of 2 in use"), std::string::npos);
    EXPECT_EQ(pool.server().host, "127.0.0.1");
}

#if NETWORK_SYSTEM_WITH_TLS
TEST(pool, tells_all_at_once_of_a_certificate_that_does_not_verify) {
    const auto server = make_server(connection_kind::tls);
    auto options = pool_to(server->start(), connection_kind::tls);
    const auto stranger = network_system::testing::certificate_authority::create();
    options.connection.tls.ca_file = stranger.value().ca_file();
    options.acquire_timeout = milliseconds::max();
    options.connection.client.reconnect.initial_delay = 1ms;
    connection_pool pool(options);
    EXPECT_TRUE(fails_with(pool.initialize(), errc::certificate_verification_failed));
    collector<outcome> outcomes;
    for (int i = 0; i < 3; ++i) {
        const auto begun =
            pool.acquire([&](const Result<lease>& result) { outcomes.add(outcome_of(result)); });
        if (!begun) {
            EXPECT_TRUE(fails_with(begun, errc::certificate_verification_failed));
            outcomes.add({false, begun.error().code, begun.error().message});
        }
    }
    EXPECT_TRUE(fails_with(pool.acquire(), errc::certificate_verification_failed));
    ASSERT_TRUE(outcomes.wait_for(3));
    for (const outcome& each : outcomes.all()) {
        EXPECT_EQ(each.code, static_cast<int>(errc::certificate_verification_failed))
            << each.message;
    }
    EXPECT_EQ(pool.pool_size(), 0U);
}
#endif

TEST(pool, finds_connections_that_have_gone_quiet_before_it_lends_them) {
    test_server server;
    auto options = pool_to(server.start());
    options.max_size = 1;
    options.check_after = 1ms;
    options.check_timeout = 20ms;
    options.connection.client.drain_timeout = 50ms;
    connection_pool pool(options);
    ASSERT_TRUE(is_ok(pool.initialize()));
    ASSERT_TRUE(server.sessions.wait_for(1));
    (void)server.sessions.at(0)->pause_receiving();  // it does not answer any more
    ASSERT_TRUE(eventually([&] {
        EXPECT_TRUE(is_ok(pool.acquire()));
        return pool.metrics().checks_failed == 1;
    }));
    auto works = pool.acquire();
    ASSERT_TRUE(is_ok(works));
    EXPECT_TRUE(is_ok(works.value().client()->ping()));
    EXPECT_GE(server.sessions.size(), 2U);
}

TEST(pool, ends_what_is_idle_above_the_least) {
    test_server server;
    auto options = pool_to(server.start());
    options.min_size = 1;
    options.max_size = 3;
    options.idle_timeout = 1ms;
    connection_pool pool(options);
    {
        const auto one = pool.acquire();
        const auto two = pool.acquire();
        const auto three = pool.acquire();
        EXPECT_EQ(pool.pool_size(), 3U);
    }
    ASSERT_TRUE(eventually([&] { return pool.pool_size() == 1; }));
    EXPECT_EQ(pool.metrics().evicted_idle, 2U);
    EXPECT_TRUE(server.closed.wait_for(2));
    EXPECT_TRUE(is_ok(pool.try_acquire()));
}

TEST(pool, replaces_what_is_old) {
    test_server server;
    auto options = pool_to(server.start());
    options.max_lifetime = 1ms;
    connection_pool pool(options);
    ASSERT_TRUE(is_ok(pool.initialize()));
    ASSERT_TRUE(server.sessions.wait_for(4)) << "one after the other";
    EXPECT_GE(pool.metrics().evicted_lifetime, 3U);
    EXPECT_TRUE(is_ok(pool.acquire()));
}

TEST(pool, serves_handlers_in_the_order_of_asking) {
    test_server server;
    auto options = pool_to(server.start());
    options.max_size = 1;
    connection_pool pool(options);
    constexpr int count = 50;
    collector<int> order;
    auto held = pool.acquire();
    for (int i = 0; i < count; ++i) {
        ASSERT_TRUE(is_ok(pool.acquire([&order, i](const Result<lease>& result) {
            EXPECT_TRUE(result.is_ok());
            order.add(i);
        })));
    }
    EXPECT_EQ(pool.metrics().waiting, static_cast<std::size_t>(count));
    EXPECT_EQ(order.size(), 0U);
    held.value().release();
    ASSERT_TRUE(order.wait_for(count));
    const auto all = order.all();
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
}

TEST(pool, cancels_those_who_wait) {
    test_server server;
    auto options = pool_to(server.start());
    options.max_size = 1;
    connection_pool pool(options);
    auto held = pool.acquire();
    collector<outcome> outcomes;
    const auto operation = next_operation_id();
    ASSERT_TRUE(is_ok(pool.acquire(
        [&](const Result<lease>& result) { outcomes.add(outcome_of(result)); }, operation)));
    EXPECT_TRUE(pool.cancel(operation));
    ASSERT_TRUE(outcomes.wait_for(1));
    EXPECT_EQ(outcomes.at(0).code, static_cast<int>(errc::cancelled));
    EXPECT_FALSE(pool.cancel(operation));
}

TEST(pool, blocks_nobody_on_an_io_thread) {
    test_server server;
    auto options = pool_to(server.start());
    options.max_size = 1;
    connection_pool pool(options);
    event_counter done;
    ASSERT_TRUE(is_ok(pool.acquire([&](Result<lease> result) {
        EXPECT_TRUE(is_ok(result));
        EXPECT_TRUE(fails_with(pool.acquire(), errc::would_block)) << "the one is in use";
        EXPECT_TRUE(fails_with(pool.initialize(), errc::would_block));
        result.value().release();
        EXPECT_TRUE(is_ok(pool.acquire())) << "it is idle";
        done.add();
    })));
    EXPECT_TRUE(done.wait_for(1));
}

TEST(pool, asks_through_the_client_of_a_lease) {
    const auto server = make_server(connection_kind::tcp);
    connection_pool pool(pool_to(server->start()));
    auto held = pool.acquire();
    ASSERT_TRUE(is_ok(held));
    const auto answer = held.value().client()->request("question", patience);
    ASSERT_TRUE(is_ok(answer));
    EXPECT_EQ(text_of(answer.value()), "question");
    const lease empty;
    EXPECT_EQ(empty.client(), nullptr);
    EXPECT_EQ(empty.websocket(), nullptr);
}

TEST(pool, greets_with_each_connection_it_makes) {
    test_server server;
    collector<std::string> heard;
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t> data) {
        heard.add(text_of(data));
    };
    pool_callbacks callbacks;
    callbacks.connected = [](const session_ptr& made) { (void)made->send_packet("hello"); };
    auto options = pool_to(server.start());
    connection_pool pool(options, std::move(callbacks));
    auto held = pool.acquire();
    ASSERT_TRUE(is_ok(held));
    EXPECT_TRUE(is_ok(held.value()->send_packet("work")));
    ASSERT_TRUE(heard.wait_for(2));
    EXPECT_EQ(heard.at(0), "hello");
    EXPECT_EQ(heard.at(1), "work");
}

TEST(pool, makes_another_when_its_application_ends_a_session) {
    test_server server;
    connection_pool pool(pool_to(server.start()));
    auto held = pool.acquire();
    ASSERT_TRUE(is_ok(held));
    (void)held.value()->stop_session();
    held.value().release();
    ASSERT_TRUE(server.sessions.wait_for(2));
    EXPECT_TRUE(is_ok(pool.acquire()));
}

TEST(pool, goes_on_after_a_handler_that_throws) {
    test_server server;
    connection_pool pool(pool_to(server.start()));
    ASSERT_TRUE(is_ok(pool.acquire([](Result<lease>) { throw std::runtime_error("a mistake"); })));
    EXPECT_TRUE(is_ok(pool.acquire()));
    EXPECT_TRUE(eventually([&] { return pool.active_count() == 0; }));
}

// Ends.

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

#ifndef NETWORK_TEST_NO_FORK
TEST(pool_end, is_clean_at_the_exit_of_the_process) {
    if (is_sanitized) {
        GTEST_SKIP() << "other tests of this process have made threads of Asio's own, which the "
                        "child's exit would join";
    }
    EXPECT_TRUE(network_system::testing::succeeds_in_child(
        [] {
            static test_server server;
            static connection_pool pool(pool_to(server.start()));
            EXPECT_TRUE(is_ok(pool.initialize()));
            static Result<lease> held = pool.acquire();
            EXPECT_TRUE(is_ok(held));
            (void)pool.acquire([](const Result<lease>&) {});
        },
        network_system::testing::child_end::in_order));
}

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

// Options.

TEST(pool_options_of_pools, are_checked_by_name) {
    const std::vector<std::pair<const char*, std::function<void(pool_options&)>>> wrong{
        {"max_size", [](pool_options& all) { all.max_size = 0; }},
        {"min_size", [](pool_options& all) { all.min_size = 5; }},
        {"acquire_timeout", [](pool_options& all) { all.acquire_timeout = -1ms; }},
        {"idle_timeout", [](pool_options& all) { all.idle_timeout = -1ms; }},
        {"max_lifetime", [](pool_options& all) { all.max_lifetime = -1ms; }},
        {"lifetime_jitter", [](pool_options& all) { all.lifetime_jitter = 101; }},
        {"check_after", [](pool_options& all) { all.check_after = -1ms; }},
        {"check_timeout", [](pool_options& all) { all.check_timeout = 0ms; }},
        {"connect_timeout", [](pool_options& all) { all.connection.client.connect_timeout = 0ms; }},
    };
    for (const auto& [name, spoil] : wrong) {
        auto options = pool_to(1);
        spoil(options);
        connection_pool pool(options);
        const auto begun = pool.initialize();
        ASSERT_TRUE(fails_with(begun, errc::invalid_argument)) << name;
        EXPECT_NE(begun.error().message.find(name), std::string::npos) << begun.error().message;
        EXPECT_TRUE(fails_with(pool.acquire(), errc::invalid_argument)) << name;
    }
    connection_pool nowhere("", 0, 1);
    EXPECT_TRUE(fails_with(nowhere.initialize(), errc::invalid_argument));
}

TEST(pool_metrics_of_pools, have_a_table) {
    test_server server;
    connection_pool pool(pool_to(server.start()));
    auto held = pool.acquire();
    const auto all = pool.metrics();
    EXPECT_EQ(all.acquired, 1U);
    EXPECT_NE(network_system::to_json(all).find("\"active\":1"), std::string::npos);
    std::size_t fields = 0;
    network_system::for_each_metric(
        all, [&](const auto&, std::string_view, std::uint64_t) { ++fields; });
    EXPECT_EQ(fields * 8, sizeof all);
}

// Threads.

/// Who holds what, so that nobody else does.
class ledger {
public:
    void take(const session_ptr& session) {
        const std::lock_guard lock(mutex_);
        EXPECT_TRUE(held_.insert(session.get()).second) << "lent twice";
        most_ = std::max(most_, held_.size());
    }
    void give(const session_ptr& session) {
        const std::lock_guard lock(mutex_);
        held_.erase(session.get());
    }
    [[nodiscard]] std::size_t most() const { return most_; }

private:
    std::mutex mutex_;
    std::set<const void*> held_;
    std::size_t most_ = 0;
};

TEST(pool_threads, take_and_give_while_the_server_restarts) {
    const auto server = make_server(connection_kind::tcp);
    auto options = pool_to(server->start());
    options.min_size = 2;
    options.max_size = 3;
    options.idle_timeout = 5ms;
    options.max_lifetime = 20ms;
    options.check_after = 1ms;
    connection_pool pool(options);
    ledger held;
    std::atomic<std::uint64_t> taken{0};
    std::atomic<bool> is_over{false};
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 8; ++seed) {
        threads.emplace_back([&, seed] {
            std::mt19937 random(seed);
            const std::size_t rounds = scaled(400);
            for (std::size_t i = 0; i < rounds; ++i) {
                auto one = random() % 8 == 0 ? pool.try_acquire() : pool.acquire();
                if (one.is_err()) {
                    EXPECT_EQ(one.error(), errc::would_block) << one.error().message;
                    continue;
                }
                ++taken;
                const auto session = one.value().session();
                held.take(session);
                (void)session->send_packet("work");
                held.give(session);
                if (random() % 16 == 0) {
                    one.value().discard();
                } else if (random() % 16 == 0) {
                    (void)session->stop_session();
                }
            }
        });
    }
    std::thread restarts([&] {
        while (!is_over) {
            server->stop();
            server->start();
            std::this_thread::sleep_for(10ms);
        }
    });
    for (auto& each : threads) {
        each.join();
    }
    is_over = true;
    restarts.join();
    EXPECT_LE(held.most(), 3U);
    const auto counted = pool.metrics();
    EXPECT_EQ(counted.acquired, taken);
    EXPECT_EQ(counted.active, 0U);
    EXPECT_EQ(counted.waiting, 0U);
    EXPECT_EQ(counted.timeouts, 0U);
    EXPECT_TRUE(is_ok(pool.acquire()));
    EXPECT_TRUE(is_ok(pool.shutdown()));
    EXPECT_EQ(pool.pool_size(), 0U);
}

TEST(pool_threads, shut_down_what_others_use) {
    test_server server;
    const auto port = server.start();
    for (std::size_t round = 0; round < scaled(30); ++round) {
        auto options = pool_to(port);
        options.max_size = 2;
        connection_pool pool(options);
        std::vector<std::thread> threads;
        event_counter begun;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                begun.add();
                for (;;) {
                    auto one = pool.acquire();
                    if (one.is_err()) {
                        EXPECT_EQ(one.error(), errc::connection_closed) << one.error().message;
                        return;
                    }
                    (void)pool.acquire([](const Result<lease>&) {});
                }
            });
        }
        (void)begun.wait_for(4);
        (void)pool.acquire();
        EXPECT_TRUE(is_ok(pool.shutdown()));
        for (auto& each : threads) {
            each.join();
        }
    }
}

}  // namespace
}  // namespace pools
