// Pools of real connections that many threads use at a time.
#include "resilience/pool_servers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace pools {
namespace {

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
