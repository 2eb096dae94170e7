// Tasks for tests of pools.
#pragma once

#include "support/loopback.h"

#include <network_system/utils/thread_pool.h>
#include <network_system/utils/thread_pool_interface.h>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace network_system::inline v0_1 {

using loopback::event_counter;

/// Holds a thread of a pool until it is let go.
class blocker {
public:
    explicit blocker(thread_pool_interface& pool) {
        EXPECT_TRUE(loopback::is_ok(pool.submit([state = state_] {
            state->has_begun.add();
            EXPECT_TRUE(state->may_end.wait_for(1));
        })));
        EXPECT_TRUE(state_->has_begun.wait_for(1));
    }
    blocker(const blocker&) = delete;
    blocker& operator=(const blocker&) = delete;
    ~blocker() { release(); }
    void release() { state_->may_end.add(); }

private:
    struct shared {
        event_counter has_begun;
        event_counter may_end;
    };
    std::shared_ptr<shared> state_ = std::make_shared<shared>();
};

/// A task that says whether it was run or only destroyed.
class witness {
public:
    witness(event_counter& run, event_counter& destroyed) : run_(&run), destroyed_(&destroyed) {}
    witness(witness&& other) noexcept
        : run_(other.run_), destroyed_(std::exchange(other.destroyed_, nullptr)) {}
    witness(const witness&) = delete;
    ~witness() {
        if (destroyed_ != nullptr) {
            destroyed_->add();
        }
    }
    void operator()() { run_->add(); }

private:
    event_counter* run_;
    event_counter* destroyed_;
};

/// Stops a pool twice while two threads go on with `submit(pool, task, number)` until it refuses:
/// each task is run or destroyed.
template <typename Submit>
void stop_while_others_submit(const Submit& submit) {
    event_counter run;
    event_counter destroyed;
    std::atomic<std::size_t> submitted{0};
    thread_pool pool(2);
    std::vector<std::thread> others;
    for (int i = 0; i < 2; ++i) {
        others.emplace_back([&] {
            while (submit(pool, witness(run, destroyed), submitted++).is_ok()) {}
        });
    }
    ASSERT_TRUE(run.wait_for(10));
    others.emplace_back([&] { pool.stop(); });
    pool.stop();
    for (auto& each : others) {
        each.join();
    }
    EXPECT_EQ(destroyed.count(), submitted.load());
    EXPECT_EQ(pool.pending_tasks(), 0U);
}

}  // namespace network_system
