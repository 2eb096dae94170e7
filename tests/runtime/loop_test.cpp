// The batches of a loop, moved by hand. On threads: loop_runner_test.cpp.
#include "runtime/loop.h"

#include "support/manual_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>

namespace network_system::inline v0_1::runtime {
namespace {

using network_system::testing::manual_loop;
using std::chrono::milliseconds;
using words = std::vector<std::string>;

class output final : public flushable {
public:
    explicit output(std::function<void()> action = {}) : action_(std::move(action)) {}
    void flush() override {
        ++flushes;
        if (action_) {
            action_();
        }
    }

    int flushes = 0;

private:
    std::function<void()> action_;
};

class alarm final : public deadline_entry {
public:
    explicit alarm(std::function<void()> action = {}) : action_(std::move(action)) {}
    void on_deadline(steady_time) override {
        ++fired;
        if (action_) {
            action_();
        }
    }

    int fired = 0;

private:
    std::function<void()> action_;
};

/// Runs something when the last copy goes.
class at_end {
public:
    explicit at_end(std::function<void()> action)
        : action_(new std::function<void()>(std::move(action)), [](std::function<void()>* each) {
              (*each)();
              delete each;
          }) {}
    [[nodiscard]] std::shared_ptr<void> object() const { return action_; }

private:
    std::shared_ptr<std::function<void()>> action_;
};

TEST(loop, takes_tasks_before_an_end_only) {
    manual_loop loop;
    std::atomic<bool> end{false};
    std::vector<int> ran;
    EXPECT_TRUE(loop->post_before(end, [&] { ran.push_back(1); }));
    end = true;
    unique_function<void()> late = [&] { ran.push_back(2); };
    EXPECT_FALSE(loop->post_before(end, std::move(late)));
    EXPECT_TRUE(late) << "what is refused stays the caller's";
    loop->post([&] { ran.push_back(3); });
    EXPECT_TRUE(loop.step());
    EXPECT_EQ(ran, (std::vector<int>{1, 3}));
    loop->shutdown();
    EXPECT_FALSE(loop->post_before(never, std::move(late)));
    EXPECT_TRUE(late);
}

TEST(loop, runs_tasks_in_order_and_wakes_once) {
    manual_loop loop;
    std::vector<int> ran;
    for (int i = 0; i < 5; ++i) {
        loop->post([&, i] {
            EXPECT_TRUE(loop->runs_here());
            ran.push_back(i);
        });
    }
    EXPECT_EQ(loop.requests().wakes, 1);
    EXPECT_TRUE(ran.empty()) << "nothing runs inside post";
    EXPECT_TRUE(loop.step());
    EXPECT_EQ(ran, (std::vector<int>{0, 1, 2, 3, 4})) << "in one batch";
    EXPECT_FALSE(loop.step());
}

TEST(loop, leaves_work_posted_by_a_task_to_the_next_batch) {
    manual_loop loop;
    words seen;
    output end_of_batch([&] { seen.emplace_back("end"); });
    const std::function<void(int)> task = [&](int more) {
        seen.emplace_back("task");
        loop->mark_dirty(end_of_batch);
        if (more > 0) {
            loop->post([&, more] { task(more - 1); });
        }
    };
    loop->post([&] { task(2); });
    loop.run();
    EXPECT_EQ(seen, (words{"task", "end", "task", "end", "task", "end"}));
}

TEST(loop, knows_where_it_runs) {
    manual_loop outer;
    manual_loop inner;
    EXPECT_FALSE(loop::is_on_io_thread());
    outer.in_batch([&] {
        inner.in_batch([&] {
            EXPECT_TRUE(inner->runs_here());
            EXPECT_FALSE(outer->runs_here());
        });
        EXPECT_TRUE(outer->runs_here());
        EXPECT_FALSE(inner->runs_here());
        EXPECT_TRUE(loop::is_on_io_thread());
    });
    EXPECT_FALSE(outer->runs_here());
    EXPECT_FALSE(loop::is_on_io_thread());
}

TEST(loop, flushes_a_dirty_output_once_at_the_end_of_the_batch) {
    manual_loop loop;
    output first;
    output second;
    for (int i = 0; i < 3; ++i) {
        loop->post([&] {
            EXPECT_EQ(first.flushes, 0);
            loop->mark_dirty(first);
            loop->mark_dirty(second);
            loop->mark_dirty(first);
        });
    }
    EXPECT_TRUE(loop.step());
    EXPECT_EQ(first.flushes, 1);
    EXPECT_EQ(second.flushes, 1);
    loop.in_batch([&] { loop->mark_dirty(first); });
    EXPECT_EQ(first.flushes, 2) << "it can be marked again";
    EXPECT_EQ(second.flushes, 1);
    EXPECT_FALSE(loop.step());
}

/// Has a block of memory from when it is marked dirty until it is flushed.
class block_holder {
public:
    explicit block_holder(manual_loop& loop, std::size_t& held) : loop_(loop), held_(held) {}
    void write() {
        block_ = block_pool::take(&loop_->blocks());
        ++held_;
        loop_->mark_dirty(output_);
    }

private:
    void give_back() {
        block_pool::give_back(&loop_->blocks(), block_);
        --held_;
    }

    manual_loop& loop_;
    std::size_t& held_;
    void* block_ = nullptr;
    output output_{[this] { give_back(); }};
};

// Each of many connections says goodbye, or sends a ping, in one batch.
TEST(loop, writes_early_when_much_memory_is_queued) {
    constexpr std::size_t many = 2'000;
    for (const bool is_deadline : {false, true}) {
        manual_loop loop;
        std::size_t held = 0;
        std::size_t most_held = 0;
        std::size_t written = 0;
        std::deque<block_holder> holders;
        std::deque<alarm> alarms;
        for (std::size_t i = 0; i < many; ++i) {
            block_holder& each = holders.emplace_back(loop, held);
            const auto write = [&] {
                each.write();
                ++written;
                most_held = std::max(most_held, held);
            };
            if (is_deadline) {
                alarm& due = alarms.emplace_back(write);
                loop.in_batch([&] { loop->deadlines().set(due, loop->now() + milliseconds{1}); });
            } else {
                loop->post(write);
            }
        }
        loop.advance(milliseconds{2});
        loop.run();
        EXPECT_EQ(written, many);
        EXPECT_EQ(held, 0U);
        EXPECT_LE(most_held, 256U) << (is_deadline ? "deadlines" : "tasks");
        EXPECT_GE(most_held, 64U) << "small crowds are written together";
    }
}

TEST(loop, gives_completions_four_rounds_and_then_its_sockets_a_turn) {
    manual_loop loop;
    output* self = nullptr;
    output chatty([&] { loop->mark_dirty(*self); });
    output quiet;
    self = &chatty;
    loop.in_batch([&] {
        loop->mark_dirty(chatty);
        loop->mark_dirty(quiet);
    });
    EXPECT_EQ(chatty.flushes, 4);
    EXPECT_EQ(quiet.flushes, 1);
    ASSERT_TRUE(loop.step()) << "the rest is due";
    EXPECT_EQ(chatty.flushes, 8);
}

TEST(loop, frees_what_was_closed_after_everything_else) {
    manual_loop loop;
    words seen;
    output written([&] { seen.emplace_back("flushed"); });
    const auto retired = [&](const char* name) {
        return at_end([&, name] {
                   EXPECT_TRUE(loop->runs_here());
                   seen.emplace_back(name);
               })
            .object();
    };
    loop.in_batch([&] {
        loop->retire(retired("freed"));
        loop->mark_dirty(written);
        seen.emplace_back("worked");
    });
    EXPECT_EQ(seen, (words{"worked", "flushed", "freed"}));
}

TEST(loop, frees_nothing_while_output_is_left) {
    manual_loop loop;
    int rounds = 0;
    bool is_freed = false;
    output* self = nullptr;
    output chatty([&] {
        EXPECT_FALSE(is_freed) << "the queue of a closed connection may be in here";
        if (++rounds < 6) {
            loop->mark_dirty(*self);
        }
    });
    self = &chatty;
    loop.in_batch([&] {
        loop->mark_dirty(chatty);
        loop->retire(at_end([&] { is_freed = true; }).object());
    });
    EXPECT_FALSE(is_freed);
    loop.run();
    EXPECT_EQ(rounds, 6);
    EXPECT_TRUE(is_freed);
}

TEST(loop, lets_a_destructor_retire_and_send) {
    manual_loop loop;
    words seen;
    output last_words([&] { seen.emplace_back("flushed"); });
    loop.in_batch([&] {
        loop->retire(at_end([&] {
                         seen.emplace_back("first");
                         loop->mark_dirty(last_words);
                         loop->retire(at_end([&] { seen.emplace_back("second"); }).object());
                     }).object());
    });
    EXPECT_EQ(seen, (words{"first"}));
    loop.run();
    EXPECT_EQ(seen, (words{"first", "flushed", "second"}));
}

TEST(loop, asks_to_be_woken_for_the_earliest_deadline) {
    manual_loop loop;
    const auto start = loop.now();
    constexpr milliseconds resolution{1};
    alarm early;
    alarm late;
    loop.in_batch([&] { loop->deadlines().set(late, start + milliseconds{50}); });
    ASSERT_TRUE(loop.requests().wake_at);
    EXPECT_LE(*loop.requests().wake_at, start + milliseconds{50} + resolution);
    loop.in_batch([&] { loop->deadlines().set(early, start + milliseconds{5}); });
    EXPECT_LE(*loop.requests().wake_at, start + milliseconds{5} + resolution);
    loop.advance(milliseconds{5} + resolution);
    EXPECT_EQ(early.fired, 1);
    EXPECT_EQ(late.fired, 0);
    loop.advance(milliseconds{45});
    EXPECT_EQ(late.fired, 1);
    EXPECT_FALSE(loop.requests().wake_at) << "nothing is left to wait for";
}

TEST(loop, gives_the_wake_up_back_when_no_deadline_is_left) {
    manual_loop loop;
    alarm cancelled;
    loop.in_batch([&] { loop->deadlines().set(cancelled, loop->now() + milliseconds{5}); });
    EXPECT_TRUE(loop.requests().wake_at);
    loop.in_batch([&] { deadline_wheel::cancel(cancelled); });
    EXPECT_FALSE(loop.requests().wake_at);
    loop.advance(milliseconds{10});
    EXPECT_EQ(cancelled.fired, 0);
}

TEST(loop, fires_deadlines_in_a_batch_with_everything_that_belongs_to_it) {
    manual_loop loop;
    output written;
    bool is_freed = false;
    alarm rings([&] {
        EXPECT_TRUE(loop->runs_here());
        EXPECT_EQ(loop->now(), loop.now());
        loop->mark_dirty(written);
        loop->retire(at_end([&] { is_freed = true; }).object());
    });
    loop.in_batch([&] { loop->deadlines().set(rings, loop->now() + milliseconds{1}); });
    loop.advance(milliseconds{2});
    EXPECT_EQ(rings.fired, 1);
    EXPECT_EQ(written.flushes, 1);
    EXPECT_TRUE(is_freed);
}

TEST(loop, has_one_time_per_batch) {
    manual_loop loop;
    loop.in_batch([&] {
        const auto begin = loop->now();
        loop.hold_up(milliseconds{7});
        EXPECT_EQ(loop->now(), begin);
    });
    loop.in_batch([&] { EXPECT_EQ(loop->now(), loop.now()); });
}

}  // namespace
}  // namespace network_system::runtime
