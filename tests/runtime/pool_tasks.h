// Tasks for tests of pools.
#pragma once

#include "support/loopback.h"

#include <network_system/utils/thread_pool_interface.h>

#include <gtest/gtest.h>

#include <memory>
#include <utility>

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

}  // namespace network_system
