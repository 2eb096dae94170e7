// Pools of real connections: who gets them, what those are told who get none, and what the options
// are.
#include "resilience/pool_servers.h"

#include <network_system/core/messaging_client.h>
#include <network_system/resilience/pool_metrics_fields.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pools {
namespace {

using network_system::session::next_operation_id;
using std::chrono::milliseconds;

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
        {"health.interval", [](pool_options& all) { all.health = {.interval = 9ms}; }},
        {"health.max_missed", [](pool_options& all) { all.health = {.max_missed = 0}; }},
        {"health needs",
         [](pool_options& all) {
             all.health.emplace();
             all.connection.client.session.frames = network_system::framing::length_prefixed;
         }},
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

}  // namespace
}  // namespace pools
