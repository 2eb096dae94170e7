// How the parts of a run are counted, and what a stop of it means; without sockets.
#include "lifecycle/run.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <thread>
#include <utility>

namespace network_system::inline v0_1::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class scripted_run final : public run, public std::enable_shared_from_this<scripted_run> {
public:
    explicit scripted_run(std::shared_ptr<runtime::io_pool> pool)
        : run("scripted", std::move(pool), {.drain_timeout = seconds(5)}) {}

    using run::add_parts;
    using run::ends_by;
    using run::run_callback;
    using run::stop_deadline;
    using run::withdraw_part;

    /// On the loop, as parts end; returns when that is done, and what follows from it.
    void release() {
        run_on_loop([this] { release_part(loop()); });
        run_on_loop([] {});
    }
    /// Returns when it has run.
    void run_on_loop(const std::function<void()>& work) {
        std::promise<void> done;
        loop().post([&] {
            work();
            done.set_value();
        });
        done.get_future().wait();
    }
    void release_here() { release_part(loop()); }
    [[nodiscard]] runtime::loop& loop() const { return *pool().loops().front(); }

    int failures = 0;
    int ends_begun = 0;
    runtime::steady_time deadline{};
    mutable std::atomic<int> ends_logged{0};

private:
    std::string_view component() const noexcept override { return "test"; }
    std::shared_ptr<void> keep_alive() override { return shared_from_this(); }
    void end_parts(runtime::steady_time when) override {
        if (failures > 0) {
            --failures;
            throw std::bad_alloc();
        }
        ++ends_begun;
        deadline = when;
    }
    void log_end() const noexcept override { ++ends_logged; }
};

class runs : public ::testing::Test {
protected:
    void TearDown() override { pool->stop(); }

    std::shared_ptr<runtime::io_pool> pool =
        std::make_shared<runtime::io_pool>(1, runtime::io_threads::settings{});
    std::shared_ptr<scripted_run> one = std::make_shared<scripted_run>(pool);
};

TEST_F(runs, end_with_their_last_part) {
    one->add_parts(2);
    one->withdraw_part();
    one->release();
    EXPECT_FALSE(one->end().is_over());
    EXPECT_EQ(one->ends_logged, 0);
    one->release();
    EXPECT_TRUE(one->end().is_over());
    EXPECT_EQ(one->ends_logged, 1);
    EXPECT_FALSE(one->is_stopping()) << "nobody has asked for it";
}

TEST_F(runs, are_stopped_once) {
    EXPECT_FALSE(one->is_stopping());
    const auto earliest = one->stop_deadline();
    one->begin_stop();
    one->begin_stop();
    EXPECT_TRUE(one->is_stopping());
    EXPECT_EQ(one->ends_begun, 1);
    EXPECT_GE(one->deadline, earliest);
    EXPECT_LE(one->deadline, one->stop_deadline());
    EXPECT_EQ(one->ends_by(), one->deadline);
    EXPECT_FALSE(one->end().is_over()) << "a part is left";
    one->release();
    EXPECT_TRUE(one->end().is_over());
}

TEST_F(runs, that_could_not_begin_to_stop_can_be_asked_again) {
    one->failures = 1;
    EXPECT_THROW(one->begin_stop(), std::bad_alloc);
    EXPECT_FALSE(one->is_stopping());
    one->begin_stop();
    EXPECT_TRUE(one->is_stopping());
    EXPECT_EQ(one->ends_begun, 1);
    one->release();
}

TEST_F(runs, are_stopped_when_what_was_asked_of_their_parts_is_answered) {
    std::promise<void> go_on;
    std::atomic<int> answered{0};
    one->run_on_loop([&] { one->release_here(); });
    one->loop().post([&] { go_on.get_future().wait(); });
    one->loop().post([&] { one->run_callback(one->loop(), [&] { ++answered; }); });
    std::thread stopping(
        [&] { EXPECT_TRUE(one->stop(seconds(5), run::driven_by::own_threads, true)); });
    go_on.set_value();
    stopping.join();
    EXPECT_EQ(answered, 1) << "it was posted before the stop";
}

TEST_F(runs, are_stopped_with_loops_that_have_ended) {
    one->run_on_loop([&] { one->release_here(); });
    pool->stop();
    EXPECT_TRUE(one->stop(seconds(5), run::driven_by::own_threads, true));
}

TEST_F(runs, answer_a_stop_before_they_are_over) {
    std::atomic<bool> was_over{true};
    session::stop_handler handler = [&](const VoidResult& result) {
        EXPECT_TRUE(result);
        was_over = one->end().is_over();
    };
    ASSERT_TRUE(one->stop_then(handler));
    one->release();
    one->end().wait();
    EXPECT_FALSE(was_over);
    session::stop_handler late = [](const VoidResult&) { FAIL() << "it is over"; };
    EXPECT_FALSE(one->stop_then(late));
    EXPECT_TRUE(late) << "what is refused stays the caller's";
}

TEST_F(runs, run_no_callback_once_they_are_stopped) {
    EXPECT_TRUE(one->run_callback(one->loop(), [] {}));
    one->release();
    EXPECT_TRUE(one->stop(milliseconds(0)));
    EXPECT_FALSE(one->run_callback(one->loop(), [] { FAIL() << "behind a closed gate"; }));
}

}  // namespace
}  // namespace network_system::core
