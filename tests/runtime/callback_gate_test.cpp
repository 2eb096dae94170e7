#include "runtime/callback_gate.h"

#include "support/loopback.h"

#include <future>

namespace network_system::inline v0_1::runtime {
namespace {

using loopback::patience;

TEST(callback_gate, lets_everyone_in_until_it_closes) {
    callback_gate gate;
    EXPECT_TRUE(gate.is_open());
    EXPECT_TRUE(gate.try_enter());
    EXPECT_TRUE(gate.try_enter());
    gate.leave();
    gate.leave();
    gate.close();
    EXPECT_FALSE(gate.is_open());
    EXPECT_FALSE(gate.try_enter());
    EXPECT_FALSE(gate.try_enter()) << "a refusal changes nothing";
    gate.close();
    EXPECT_FALSE(gate.try_enter()) << "closing twice is closing once";
}

TEST(callback_gate, does_not_hold_up_who_waits_at_an_empty_one) {
    callback_gate gate;
    gate.wait_until_idle();
    EXPECT_TRUE(gate.try_enter());
    gate.leave();
    gate.wait_until_idle();
    gate.close();
    gate.wait_until_idle();
}

TEST(callback_gate, can_be_closed_from_inside) {
    callback_gate gate;
    ASSERT_TRUE(gate.try_enter());
    ASSERT_TRUE(gate.try_enter()) << "nested";
    gate.close();
    EXPECT_FALSE(gate.try_enter()) << "nothing nested begins any more";
    gate.leave();
    gate.leave();
    gate.wait_until_idle();
}

/// A callback in a thread of its own that ends when it is told to.
class running_callback {
public:
    explicit running_callback(callback_gate& gate) {
        std::promise<bool> entered;
        auto has_entered = entered.get_future();
        thread_ = std::thread(
            [&gate, entered = std::move(entered), end = end_.get_future(), this]() mutable {
                const bool is_inside = gate.try_enter();
                entered.set_value(is_inside);
                end.wait();
                has_ended_ = true;
                if (is_inside) {
                    gate.leave();
                }
            });
        EXPECT_TRUE(has_entered.get());
    }
    running_callback(const running_callback&) = delete;
    running_callback& operator=(const running_callback&) = delete;
    ~running_callback() { thread_.join(); }

    void end() { end_.set_value(); }
    /// Plain: whoever may read it has to be ordered after the callback.
    [[nodiscard]] bool has_ended() const { return has_ended_; }

private:
    std::promise<void> end_;
    bool has_ended_ = false;
    std::thread thread_;
};

TEST(callback_gate, waits_for_every_callback_that_is_inside) {
    callback_gate gate;
    running_callback first(gate);
    running_callback second(gate);
    gate.close();
    std::promise<void> waiting;
    auto idle = std::async(std::launch::async, [&] {
        waiting.set_value();
        gate.wait_until_idle();
        EXPECT_TRUE(first.has_ended());
        EXPECT_TRUE(second.has_ended());
    });
    waiting.get_future().wait();
    EXPECT_FALSE(gate.try_enter());
    first.end();
    EXPECT_EQ(idle.wait_for(std::chrono::milliseconds{1}), std::future_status::timeout)
        << "the second is still inside";
    second.end();
    EXPECT_EQ(idle.wait_for(patience), std::future_status::ready);
}

TEST(callback_gate, keeps_everything_after_the_wait_apart_from_the_callbacks) {
    const std::size_t rounds = loopback::scaled(800);
    for (std::size_t round = 0; round < rounds; ++round) {
        const auto gate = std::make_shared<callback_gate>();
        // Plain numbers: a callback that overlaps what follows the wait is a data race.
        std::array<int, 3> callbacks{};
        std::vector<std::thread> threads;
        for (int& mine : callbacks) {
            threads.emplace_back([gate, &mine] {
                while (gate->try_enter()) {
                    ++mine;
                    gate->leave();
                }
            });
        }
        gate->close();
        gate->wait_until_idle();
        const std::array<int, 3> at_the_end = callbacks;
        callbacks.fill(-1);
        for (auto& thread : threads) {
            thread.join();
        }
        ASSERT_EQ(callbacks, (std::array<int, 3>{-1, -1, -1}));
        ASSERT_GE(at_the_end[0], 0);
    }
}

TEST(callback_gate, wakes_every_waiter) {
    callback_gate gate;
    running_callback inside(gate);
    gate.close();
    std::vector<std::future<void>> waiters;
    for (int i = 0; i < 4; ++i) {
        waiters.push_back(std::async(std::launch::async, [&] { gate.wait_until_idle(); }));
    }
    inside.end();
    for (auto& waiter : waiters) {
        EXPECT_EQ(waiter.wait_for(patience), std::future_status::ready);
    }
}

}  // namespace
}  // namespace network_system::runtime
