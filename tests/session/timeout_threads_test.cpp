// Timeouts of an application's that other threads begin, move and end.
#include "session/timeout_fixture.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;

TEST_F(session_timeout_test, the_destructor_waits_for_a_call_on_another_thread) {
    start_server();
    std::atomic<bool> has_entered{false};
    std::atomic<bool> is_destroying{false};
    std::atomic<bool> has_left{false};
    auto timeout = std::make_unique<session_timeout>(session, milliseconds{10}, [&] {
        has_entered = true;
        while (!is_destroying) {
            std::this_thread::yield();
        }
        for (int i = 0; i < 10'000; ++i) {
            std::this_thread::yield();
        }
        has_left = true;
    });
    std::thread io([this] { loop.advance(milliseconds{11}); });
    while (!has_entered) {
        std::this_thread::yield();
    }
    is_destroying = true;
    timeout.reset();
    EXPECT_TRUE(has_left);
    io.join();
}

TEST_F(session_timeout_test, threads_do_as_they_like) {
    start_server();
    std::atomic<int> calls{0};
    std::atomic<bool> is_inside{false};
    auto timeout = std::make_unique<session_timeout>(milliseconds{1}, [&] {
        EXPECT_FALSE(is_inside.exchange(true)) << "one at a time";
        ++calls;
        is_inside = false;
    });
    std::atomic<bool> is_over{false};
    std::thread io([&] {
        while (!is_over) {
            loop.run();
        }
    });
    std::vector<std::thread> others;
    for (int n = 0; n < 3; ++n) {
        others.emplace_back([&] {
            for (int i = 0; i < 300; ++i) {
                EXPECT_TRUE(timeout->start(session));
                timeout->touch();
                (void)timeout->extend(milliseconds{1});
                EXPECT_LE(timeout->remaining(), milliseconds{602});
                (void)timeout->is_active();
                if (i % 3 == 0) {
                    (void)timeout->cancel();
                }
            }
        });
    }
    for (auto& each : others) {
        each.join();
    }
    (void)timeout->start(session);
    timeout.reset();
    is_over = true;
    io.join();
    loop.run();
    EXPECT_TRUE(loop->deadlines().empty());
}

}  // namespace
}  // namespace network_system::session
