// Pools with completion tokens: coroutines, futures, cancellation; and in a simulation.
#include "resilience/pool_servers.h"
#include "support/context_runner.h"

#include <network_system/async.h>
#include <network_system/testing/simulation.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pools {
namespace {

using network_system::async_acquire;
using network_system::async_initialize;

asio::awaitable<void> use_often(connection_pool& pool, int times, event_counter& done) {
    for (int i = 0; i < times; ++i) {
        auto held = co_await async_acquire(pool, asio::use_awaitable);
        EXPECT_TRUE(is_ok(held));
        if (held.is_ok()) {
            (void)held.value()->send_packet("work");
        }
    }
    done.add();
}

TEST(pool_coroutines, take_turns) {
    test_server server;
    auto options = pool_to(server.start());
    options.max_size = 2;
    context_runner runner(1);
    connection_pool pool(options);
    event_counter done;
    for (int i = 0; i < 5; ++i) {
        asio::co_spawn(runner.context, use_often(pool, 20, done), asio::detached);
    }
    ASSERT_TRUE(done.wait_for(5));
    EXPECT_TRUE(server.received.wait_for(100));
    EXPECT_EQ(pool.metrics().acquired, 100U);
    EXPECT_LE(server.sessions.size(), 2U);
}

TEST(pool_futures, get_a_lease_or_the_error) {
    test_server server;
    const auto port = server.start();
    connection_pool pool(pool_to(port));
    EXPECT_TRUE(is_ok(async_initialize(pool, asio::use_future).get()));
    EXPECT_TRUE(is_ok(async_acquire(pool, asio::use_future).get()));
    EXPECT_TRUE(is_ok(pool.shutdown()));
    EXPECT_TRUE(fails_with(async_acquire(pool, asio::use_future).get(), errc::connection_closed));
    EXPECT_TRUE(
        fails_with(async_initialize(pool, asio::use_future).get(), errc::connection_closed));
}

TEST(pool_cancellation, gives_up_a_wait) {
    test_server server;
    auto options = pool_to(server.start());
    options.max_size = 1;
    context_runner runner(1);
    connection_pool pool(options);
    auto held = pool.acquire();
    asio::cancellation_signal signal;
    collector<int> outcomes;
    asio::post(runner.context, [&] {
        async_acquire(
            pool, asio::bind_cancellation_slot(
                      signal.slot(), asio::bind_executor(runner.context, [&](Result<lease> result) {
                          outcomes.add(result.is_ok() ? 0 : result.error().code);
                      })));
        signal.emit(asio::cancellation_type::all);
    });
    ASSERT_TRUE(outcomes.wait_for(1));
    EXPECT_EQ(outcomes.at(0), static_cast<int>(errc::cancelled));
    held.value().release();
    EXPECT_TRUE(is_ok(pool.acquire()));
}

// In a simulation.

using network_system::core::client_options;
using network_system::core::messaging_server;
using network_system::core::server_options;
using network_system::testing::simulation;
using network_system::testing::simulation_options;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

[[nodiscard]] pool_options simulated_pool(simulation& sim) {
    pool_options options;
    options.server = {"server", 4000};
    options.connection.client = sim.on_host("client", client_options{});
    options.lifetime_jitter = 0;
    options.check_after = 0ms;
    return options;
}

struct asked {
    std::optional<Result<lease>> result;
};

[[nodiscard]] std::shared_ptr<asked> ask(connection_pool& pool) {
    auto one = std::make_shared<asked>();
    const auto begun =
        pool.acquire([one](Result<lease> result) { one->result.emplace(std::move(result)); });
    if (!begun) {
        one->result.emplace(begun.error());
    }
    return one;
}

TEST(simulated_pool, ends_what_is_idle_and_what_is_old_in_virtual_time) {
    simulation sim(1);
    messaging_server server("server", sim.on_host("server", server_options{}));
    ASSERT_TRUE(is_ok(server.start_server(4000)));
    auto options = simulated_pool(sim);
    options.min_size = 1;
    options.max_size = 3;
    options.idle_timeout = minutes(5);
    options.max_lifetime = minutes(30);
    connection_pool pool(options);
    std::vector<std::shared_ptr<asked>> all;
    for (int i = 0; i < 3; ++i) {
        all.push_back(ask(pool));
    }
    ASSERT_TRUE(sim.run_until(
        [&] {
            return std::all_of(all.begin(), all.end(),
                               [](const auto& each) { return each->result.has_value(); });
        },
        minutes(1)));
    EXPECT_EQ(pool.active_count(), 3U);
    all.clear();
    EXPECT_EQ(pool.idle_count(), 3U);
    sim.run_for(minutes(4));
    EXPECT_EQ(pool.pool_size(), 3U);
    sim.run_for(minutes(2));
    EXPECT_EQ(pool.pool_size(), 1U);
    EXPECT_EQ(pool.metrics().evicted_idle, 2U);
    sim.run_for(minutes(30));
    EXPECT_EQ(pool.metrics().evicted_lifetime, 1U);
    EXPECT_EQ(pool.pool_size(), 1U);
    EXPECT_TRUE(fails_with(pool.initialize(), errc::would_block));
    (void)pool.shutdown();
    (void)sim.run_until([&] { return pool.metrics().size == 0; }, minutes(1));
}

/// Leases, and a server that goes away and comes back, under faults that follow from the seed:
/// whoever asks gets an answer, and the books agree.
void live_through(std::uint64_t seed) {
    simulation sim(seed, simulation_options::faulty(seed));
    server_options serving = sim.on_host("server", server_options{});
    serving.drain_timeout = 0ms;  // it crashes
    messaging_server server("server", serving);
    ASSERT_TRUE(is_ok(server.start_server(4000)));
    auto options = simulated_pool(sim);
    options.min_size = 1;
    options.max_size = 3;
    options.acquire_timeout = minutes(2);
    options.idle_timeout = seconds(20);
    options.max_lifetime = minutes(1);
    options.check_after = seconds(1);
    connection_pool pool(options);
    constexpr std::size_t users = 6;
    constexpr int turns = 10;
    std::size_t answers = 0;
    std::size_t leases = 0;
    std::size_t out = 0;
    std::vector<std::shared_ptr<lease>> held;
    std::function<void(int)> take = [&](int left) {
        if (left == 0) {
            return;
        }
        ASSERT_TRUE(is_ok(pool.acquire([&, left](Result<lease> result) {
            ++answers;
            if (result.is_err()) {
                EXPECT_EQ(result.error(), errc::connection_timeout) << result.error().message;
                take(left - 1);
                return;
            }
            ++leases;
            EXPECT_LE(++out, options.max_size);
            auto used = std::make_shared<lease>(std::move(result).value());
            (void)(*used)->send_packet("work");
            sim.after(milliseconds(sim.random() % 2'000), [&, used, left] {
                --out;
                if (sim.random() % 4 == 0) {
                    used->discard();
                } else {
                    used->release();
                }
                take(left - 1);
            });
        })));
    };
    for (std::size_t i = 0; i < users; ++i) {
        take(turns);
    }
    for (int i = 0; i < 3; ++i) {
        sim.after(seconds(5 * i + 2), [&] { (void)server.stop_server(); });
        sim.after(seconds(5 * i + 4), [&] { (void)server.start_server(4000); });
    }
    ASSERT_TRUE(sim.run_until([&] { return answers == users * turns; }, minutes(60)))
        << "seed " << seed << ": " << answers;
    (void)sim.run_until([&] { return out == 0; }, minutes(1));
    const auto counted = pool.metrics();
    EXPECT_EQ(counted.acquired, leases) << "seed " << seed;
    EXPECT_EQ(counted.active, 0U) << "seed " << seed;
    EXPECT_EQ(counted.timeouts, answers - leases) << "seed " << seed;
    (void)pool.shutdown();
    EXPECT_TRUE(sim.run_until([&] { return pool.metrics().size == 0; }, minutes(1)));
}

TEST(simulated_pool, answers_everybody_whatever_happens) {
    for (std::uint64_t seed = 1; seed <= scaled(200); ++seed) {
        live_through(seed);
        if (HasFailure()) {
            return;
        }
    }
}

TEST(simulated_pool, happens_again_as_it_has_happened) {
    const auto play = [] {
        simulation sim(7);
        messaging_server server("server", sim.on_host("server", server_options{}));
        (void)server.start_server(4000);
        auto options = simulated_pool(sim);
        options.max_lifetime = seconds(10);
        options.lifetime_jitter = 50;
        connection_pool pool(options);
        (void)ask(pool);
        sim.run_for(minutes(3));
        return pool.metrics().evicted_lifetime;
    };
    const auto first = play();
    EXPECT_GT(first, 17U);
    EXPECT_EQ(play(), first);
}

}  // namespace
}  // namespace pools
