// The batches of a loop, without sockets or Asio.
#include "support/manual_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <thread>

namespace network_system::runtime {
namespace {

using network_system::testing::manual_loop;
using namespace std::chrono_literals;

class output final : public flushable {
public:
    explicit output(std::function<void(output&)> action = {}) : action_(std::move(action)) {}
    void flush() override {
        ++flushes;
        if (action_) {
            action_(*this);
        }
    }
    int flushes = 0;

private:
    std::function<void(output&)> action_;
};

class timer final : public deadline_entry {
public:
    void on_deadline(steady_time now) override { fired_at = now; }
    std::optional<steady_time> fired_at;
};

TEST(loop, tasks_run_in_order_and_wake_the_driver_once) {
    manual_loop loop;
    std::string order;
    for (const char each : {'a', 'b', 'c'}) {
        loop->post([&order, each] { order += each; });
    }
    EXPECT_EQ(loop.requests().wakes, 1);
    EXPECT_EQ(order, "");
    loop.run();
    EXPECT_EQ(order, "abc");
}

TEST(loop, a_task_posted_by_a_task_runs_in_the_next_batch) {
    manual_loop loop;
    output out;
    int flushes_seen = -1;
    loop->post([&] {
        loop->mark_dirty(out);
        loop->post([&] { flushes_seen = out.flushes; });
    });
    loop.run();
    EXPECT_EQ(flushes_seen, 1) << "the first batch was over";
}

TEST(loop, tasks_of_several_threads_run_once_and_in_each_ones_order) {
    constexpr int threads = 4;
    constexpr int each_posts = 2000;
    manual_loop loop;
    std::vector<std::vector<int>> seen(threads);
    std::vector<std::thread> posters;
    posters.reserve(threads);
    for (int poster = 0; poster < threads; ++poster) {
        posters.emplace_back([&, poster] {
            for (int i = 0; i < each_posts; ++i) {
                loop->post(
                    [&seen, poster, i] { seen[static_cast<std::size_t>(poster)].push_back(i); });
            }
        });
    }
    for (auto& each : posters) {
        each.join();
    }
    loop.run();
    for (const auto& each : seen) {
        ASSERT_EQ(each.size(), static_cast<std::size_t>(each_posts));
        EXPECT_TRUE(std::ranges::is_sorted(each));
    }
}

TEST(loop, what_is_dirty_is_flushed_once_at_the_end_of_the_batch) {
    manual_loop loop;
    output out;
    loop.in_batch([&] {
        loop->mark_dirty(out);
        loop->mark_dirty(out);
        EXPECT_EQ(out.flushes, 0);
    });
    EXPECT_EQ(out.flushes, 1);
    loop.in_batch([] {});
    EXPECT_EQ(out.flushes, 1);
}

// Output whose completions send again must not keep the loop from its sockets.
TEST(loop, output_that_never_ends_is_spread_over_batches) {
    manual_loop loop;
    output endless([&](output& self) { loop->mark_dirty(self); });
    loop.in_batch([&] { loop->mark_dirty(endless); });
    const int in_one_batch = endless.flushes;
    EXPECT_EQ(in_one_batch, 4);
    ASSERT_TRUE(loop.step());
    EXPECT_EQ(endless.flushes, 2 * in_one_batch);
    loop->shutdown();
}

TEST(loop, retired_objects_live_until_the_batch_has_been_flushed) {
    manual_loop loop;
    auto object = std::make_shared<int>(1);
    const std::weak_ptr<int> watched = object;
    output out([&](output&) { EXPECT_FALSE(watched.expired()); });
    loop.in_batch([&] {
        loop->mark_dirty(out);
        loop->retire(std::move(object));
    });
    EXPECT_EQ(out.flushes, 1);
    EXPECT_TRUE(watched.expired());
}

TEST(loop, the_destructor_of_a_retired_object_may_retire_another) {
    manual_loop loop;
    bool is_second_gone = false;
    struct on_end {
        std::function<void()> action;
        ~on_end() { action(); }
    };
    auto first = std::make_shared<on_end>();
    first->action = [&] {
        auto second = std::make_shared<on_end>();
        second->action = [&] { is_second_gone = true; };
        loop->retire(std::move(second));
    };
    loop.in_batch([&] { loop->retire(std::move(first)); });
    loop.run();
    EXPECT_TRUE(is_second_gone);
}

TEST(loop, the_driver_is_asked_for_the_earliest_deadline) {
    manual_loop loop;
    timer late;
    timer early;
    const auto begin = loop.now();
    loop.in_batch([&] {
        loop->deadlines().set(late, begin + 50ms);
        loop->deadlines().set(early, begin + 20ms);
    });
    ASSERT_TRUE(loop.requests().wake_at);
    EXPECT_LE(*loop.requests().wake_at, begin + 21ms) << "the wheel rounds up to a millisecond";
    loop.advance(100ms);
    ASSERT_TRUE(early.fired_at && late.fired_at);
    EXPECT_GE(*early.fired_at, begin + 20ms);
    EXPECT_LT(*early.fired_at, begin + 25ms);
    EXPECT_GE(*late.fired_at, begin + 50ms);
    EXPECT_FALSE(loop.requests().wake_at) << "nothing is due any more";
}

TEST(loop, a_batch_is_an_io_thread) {
    manual_loop one;
    manual_loop two;
    EXPECT_FALSE(loop::is_on_io_thread());
    one.in_batch([&] {
        EXPECT_TRUE(one->runs_here());
        two.in_batch([&] {
            EXPECT_TRUE(two->runs_here());
            EXPECT_FALSE(one->runs_here());
        });
        EXPECT_TRUE(one->runs_here());
    });
    EXPECT_FALSE(loop::is_on_io_thread());
}

TEST(loop, a_gate_is_left_when_the_batch_is_over) {
    manual_loop loop;
    const auto gate = std::make_shared<callback_gate>();
    const auto other = std::make_shared<callback_gate>();
    loop.in_batch([&] {
        EXPECT_TRUE(loop->enter(gate));
        EXPECT_TRUE(loop->enter(gate));
        EXPECT_TRUE(loop->enter(other));
        gate->close();
        gate->wait_until_idle();  // entering another has left it
        EXPECT_FALSE(loop->enter(gate));
        EXPECT_TRUE(loop->enter(other));
        other->close();
        EXPECT_FALSE(loop->enter(other)) << "closed by a callback that is inside";
    });
    other->wait_until_idle();
}

TEST(loop, shutting_down_drops_tasks_without_running_them) {
    manual_loop loop;
    auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> watched = held;
    bool has_run = false;
    loop->post([keep = std::move(held), &has_run] { has_run = true; });
    loop->shutdown();
    EXPECT_TRUE(watched.expired());
    held = std::make_shared<int>(2);
    loop->post([keep = held, &has_run] { has_run = true; });
    EXPECT_EQ(held.use_count(), 1) << "a later task is dropped at once";
    EXPECT_FALSE(loop.step());
    EXPECT_FALSE(has_run);
}

}  // namespace
}  // namespace network_system::runtime
