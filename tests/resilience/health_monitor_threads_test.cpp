// Sessions that are watched over real sockets, and by many threads.
#include "resilience/watched_pair.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/utils/health_monitor.h>
#include <network_system/utils/session_timeout.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace network_system::inline v0_1::resilience {
namespace {

/// Waits on the test's thread for what happens on another one.
class health_signal {
public:
    void set() {
        const std::lock_guard lock(mutex_);
        is_set_ = true;
        changed_.notify_all();
    }
    [[nodiscard]] bool wait() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, seconds{30}, [this] { return is_set_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_set_ = false;
};

TEST(health_monitor_threads, reports_over_real_sockets) {
    messaging_server server("server");
    ASSERT_TRUE(server.start_server(0));
    messaging_client client("client");
    ASSERT_TRUE(client.start_client("127.0.0.1", server.local_port()));
    health_monitor monitor({.interval = milliseconds{10}});
    health_signal healthy;
    (void)monitor.set_health_callback([&](const health_report& now) {
        if (now.state == health::healthy) {
            healthy.set();
        }
    });
    ASSERT_TRUE(monitor.start(client));
    EXPECT_TRUE(healthy.wait());
    EXPECT_EQ(monitor.state(), health::healthy);
    EXPECT_GT(monitor.report().last_rtt, microseconds{0});
    monitor.stop();

#ifdef __linux__
    // The system tells what is not acknowledged.
    const auto session = client.get_session().value();
    health_signal looked;
    Result<std::size_t> left = std::size_t{0};
    ASSERT_TRUE(session->post([&] {
        left = session->unacknowledged_bytes();
        looked.set();
    }));
    ASSERT_TRUE(looked.wait());
    EXPECT_TRUE(left) << left.error().message;
#endif
}

/// Four sessions of a server, on two loops.
class sessions_on_two_loops : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(server.start_server(0));
        for (int i = 0; i < 4; ++i) {
            clients.push_back(std::make_unique<messaging_client>("client"));
            ASSERT_TRUE(clients.back()->start_client("127.0.0.1", server.local_port()));
        }
        sessions = server.get_sessions();
    }

    messaging_server server{"server", [] {
                                server_options options;
                                options.io_threads = 2;
                                return options;
                            }()};
    std::vector<std::unique_ptr<messaging_client>> clients;
    std::vector<std::shared_ptr<session::messaging_session>> sessions;
};

TEST_F(sessions_on_two_loops, are_watched_by_threads_that_do_as_they_like) {
    ASSERT_EQ(sessions.size(), 4U);
    std::atomic<bool> is_inside{false};
    std::atomic<bool> is_over{false};
    auto monitor = std::make_unique<health_monitor>(health_options{.interval = milliseconds{10}});
    (void)monitor->set_health_callback([&](const health_report&) {
        EXPECT_FALSE(is_inside.exchange(true)) << "one at a time";
        EXPECT_FALSE(is_over) << "none after the end";
        is_inside = false;
    });
    std::vector<std::thread> threads;
    for (std::size_t n = 0; n < 3; ++n) {
        threads.emplace_back([&, n] {
            for (std::size_t i = 0; i < 100; ++i) {
                const auto started = monitor->start(sessions[(i + n) % sessions.size()]);
                EXPECT_TRUE(started || health_code(started) == health_code(errc::cancelled));
                (void)monitor->report();
                if (i % 7 == 0) {
                    monitor->stop();
                }
                std::this_thread::yield();
            }
        });
    }
    for (auto& each : threads) {
        each.join();
    }
    (void)monitor->start(sessions.front());
    monitor.reset();
    is_over = true;
}

TEST_F(sessions_on_two_loops, take_turns_in_a_timeout) {
    ASSERT_EQ(sessions.size(), 4U);
    std::atomic<bool> is_inside{false};
    std::atomic<bool> is_over{false};
    std::atomic<int> calls{0};
    auto timeout = std::make_unique<session_timeout>(milliseconds{1}, [&] {
        EXPECT_FALSE(is_inside.exchange(true)) << "one at a time";
        EXPECT_FALSE(is_over) << "none after the end";
        ++calls;
        is_inside = false;
    });
    std::vector<std::thread> threads;
    for (std::size_t n = 0; n < 3; ++n) {
        threads.emplace_back([&, n] {
            for (std::size_t i = n; calls < 20; ++i) {
                if (timeout->is_active()) {
                    std::this_thread::yield();
                } else {
                    // On another loop than the one on which it may be calling now.
                    EXPECT_TRUE(timeout->start(sessions[i % sessions.size()]));
                }
            }
        });
    }
    for (auto& each : threads) {
        each.join();
    }
    (void)timeout->start(sessions.front());
    timeout.reset();
    is_over = true;
}

}  // namespace
}  // namespace network_system::resilience
