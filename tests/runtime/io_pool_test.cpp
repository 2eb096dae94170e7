// The threads of pools, and the gate that stops wait at.
#include "runtime/io_pool.h"

#include "loopback/support.h"
#include "runtime/callback_gate.h"
#include "runtime/running_loop.h"

#include <set>

namespace network_system::runtime {
namespace {

using loopback::event_counter;

class IoPoolTest : public testing::TestWithParam<readiness_method> {};
INSTANTIATE_TEST_SUITE_P(Method, IoPoolTest, both_methods(),
                         [](const auto& each) { return method_name(each.param); });

TEST_P(IoPoolTest, EveryLoopHasAThreadOfItsOwn) {
    io_pool pool(3, GetParam());
    ASSERT_EQ(pool.loops().size(), 3U);
    loopback::collector<std::thread::id> threads;
    for (int i = 0; i < 6; ++i) {
        pool.next_loop()->post([&] { threads.add(std::this_thread::get_id()); });
    }
    ASSERT_TRUE(threads.wait_for(6));
    const auto all = threads.all();
    EXPECT_EQ(std::set(all.begin(), all.end()).size(), 3U);
}

TEST_P(IoPoolTest, AfterStopNothingRuns) {
    io_pool pool(2, GetParam());
    std::atomic<int> ran{0};
    for (int i = 0; i < 1000; ++i) {
        pool.next_loop()->post([&] { ++ran; });
    }
    pool.stop();
    const int before = ran;
    const auto held = std::make_shared<int>(1);
    pool.next_loop()->post([held, &ran] { ++ran; });
    pool.stop();
    EXPECT_EQ(ran, before);
    EXPECT_EQ(held.use_count(), 1);
}

TEST_P(IoPoolTest, MayEndOnItsOwnThread) {
    for (int round = 0; round < 20; ++round) {
        auto pool = std::make_shared<io_pool>(2, GetParam());
        event_counter gone;
        const auto where = pool->next_loop();
        where->post([&gone, last = std::move(pool)]() mutable {
            last.reset();
            gone.add();
        });
        ASSERT_TRUE(gone.wait_for(1));
    }
}

TEST_P(IoPoolTest, ClientsShareAPoolThatEndsWithItsLastUser) {
    auto first = io_pool::shared_for_clients(GetParam());
    auto second = io_pool::shared_for_clients(GetParam());
    EXPECT_EQ(first, second);
    const std::weak_ptr<io_pool> watched = first;
    first.reset();
    EXPECT_FALSE(watched.expired());
    second.reset();
    EXPECT_TRUE(watched.expired());
    event_counter ran;
    first = io_pool::shared_for_clients(GetParam());
    first->next_loop()->post([&] { ran.add(); });
    EXPECT_TRUE(ran.wait_for(1));
}

TEST(CallbackGate, WaitsForWhoIsInside) {
    for (int round = 0; round < 500; ++round) {
        callback_gate gate;
        std::atomic<bool> is_inside{false};
        std::atomic<bool> has_left{false};
        std::thread callback([&] {
            if (gate.try_enter()) {
                is_inside = true;
                is_inside.notify_all();
                std::this_thread::yield();
                has_left = true;
                gate.leave();
            }
        });
        is_inside.wait(false);
        gate.close();
        gate.wait_until_idle();
        EXPECT_TRUE(has_left);
        EXPECT_FALSE(gate.try_enter());
        callback.join();
    }
}

TEST(CallbackGate, NobodyIsInsideAfterARace) {
    for (int round = 0; round < 500; ++round) {
        callback_gate gate;
        std::atomic<bool> is_stopped{false};
        std::atomic<int> late{0};
        std::thread callbacks([&] {
            while (gate.try_enter()) {
                late += is_stopped ? 1 : 0;
                gate.leave();
            }
        });
        gate.close();
        gate.wait_until_idle();
        is_stopped = true;
        callbacks.join();
        EXPECT_EQ(late, 0);
        EXPECT_FALSE(gate.is_open());
    }
}

}  // namespace
}  // namespace network_system::runtime
