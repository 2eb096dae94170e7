#include "lifecycle/callbacks/dispatcher.h"
#include "runtime/loop.h"

#include <network_system/utils/error_codes.h>
#include <network_system/utils/log.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {
namespace {

/// Runs its tasks when it is told to.
class manual_pool final : public thread_pool_interface {
public:
    explicit manual_pool(std::size_t workers) : workers_(workers) {}

    VoidResult submit(unique_function<void()> task) noexcept override {
        if (!accepts || !is_up) {
            return error_void(static_cast<int>(errc::not_initialized), "refused");
        }
        ++submitted;
        tasks_.push_back(std::move(task));
        return ok();
    }
    VoidResult submit_delayed(unique_function<void()> task,
                              std::chrono::milliseconds) noexcept override {
        return submit(std::move(task));
    }
    std::size_t worker_count() const noexcept override {
        if (when_asked) {
            when_asked();
        }
        return workers_;
    }
    std::size_t pending_tasks() const noexcept override { return tasks_.size(); }
    bool is_running() const noexcept override { return is_up; }

    bool run_one() {
        if (tasks_.empty()) {
            return false;
        }
        const auto task = std::move(tasks_.front());
        tasks_.erase(tasks_.begin());
        task();
        return true;
    }
    void run_all() {
        while (run_one()) {}
    }
    void stop() {
        is_up = false;
        std::exchange(tasks_, {}).clear();
    }

    std::function<void()> when_asked;
    bool accepts = true;
    bool is_up = true;
    int submitted = 0;

private:
    const std::size_t workers_;
    std::vector<unique_function<void()>> tasks_;
};

using notes = std::vector<std::string>;

class source final : public callback_source {
public:
    source(notes& all, std::string name, int runs = 1)
        : all_(all), name_(std::move(name)), left_(runs) {}

    bool run() override {
        EXPECT_TRUE(runtime::loop::is_on_io_thread()) << "nothing may block here";
        all_.push_back(name_);
        if (meanwhile) {
            meanwhile();
        }
        return --left_ > 0;
    }
    void drop() noexcept override { all_.push_back(name_ + " dropped"); }

    std::function<void()> meanwhile;

private:
    notes& all_;
    const std::string name_;
    int left_;
};

class dispatcher : public ::testing::Test {
protected:
    dispatcher() { set_log_level(log_level::off); }
    ~dispatcher() override { set_log_level(log_level::warning); }

    void make(std::size_t workers) {
        pool = std::make_shared<manual_pool>(workers);
        made = std::make_shared<callback_dispatcher>(pool);
    }
    std::shared_ptr<source> add(const std::string& name, int runs = 1) {
        auto added = std::make_shared<source>(all, name, runs);
        must_start = made->add(added);
        return added;
    }

    notes all;
    bool must_start = false;
    std::shared_ptr<manual_pool> pool;
    std::shared_ptr<callback_dispatcher> made;
};

TEST_F(dispatcher, takes_no_more_tasks_than_the_pool_has_threads) {
    for (const std::size_t workers : {1U, 2U, 5U}) {
        make(workers);
        all.clear();
        for (const char* name : {"a", "b", "c"}) {
            (void)add(name);
        }
        EXPECT_TRUE(must_start);
        EXPECT_EQ(pool->submitted, 0) << "all at once, and only when told";
        made->start_workers();
        made->start_workers();
        EXPECT_EQ(pool->submitted, static_cast<int>(std::min<std::size_t>(workers, 3)));
        pool->run_all();
        EXPECT_EQ(all, (notes{"a", "b", "c"}));
        EXPECT_FALSE(runtime::loop::is_on_io_thread());
    }
}

TEST_F(dispatcher, asks_for_a_start_only_while_a_thread_is_free) {
    make(1);
    (void)add("a");
    made->start_workers();
    (void)add("b");
    EXPECT_FALSE(must_start) << "the one on its way takes it along";
    pool->run_all();
    EXPECT_EQ(all, (notes{"a", "b"}));
    (void)add("c");
    EXPECT_TRUE(must_start) << "it has ended";
    made->start_workers();
    pool->run_all();
    EXPECT_EQ(all.back(), "c");
}

TEST_F(dispatcher, lets_sources_take_turns) {
    make(1);
    (void)add("a", 3);
    (void)add("b", 2);
    made->start_workers();
    pool->run_all();
    EXPECT_EQ(all, (notes{"a", "b", "a", "b", "a"}));
}

TEST_F(dispatcher, lets_other_users_of_the_pool_go_first) {
    make(1);
    (void)add("endless", 1000);
    made->start_workers();
    ASSERT_TRUE(pool->run_one());
    const std::size_t first = all.size();
    EXPECT_LT(first, 1000U);
    EXPECT_EQ(pool->pending_tasks(), 1U) << "behind whatever else was submitted";
    pool->accepts = false;
    ASSERT_TRUE(pool->run_one());
    EXPECT_EQ(all.size(), 1000U) << "refused, it goes on with the thread it has";
}

TEST_F(dispatcher, drops_what_is_due_when_the_last_worker_is_dropped) {
    make(2);
    (void)add("a");
    (void)add("b");
    made->start_workers();
    pool->stop();
    EXPECT_EQ(all, (notes{"a dropped", "b dropped"}));
    (void)add("late");
    made->start_workers();
    EXPECT_EQ(all.back(), "late dropped") << "refused at once";
}

TEST_F(dispatcher, asks_the_pool_while_it_holds_no_lock) {
    make(2);
    (void)add("a");
    made->start_workers();
    // A pool may come to destroy tasks whenever it is asked for something.
    pool->when_asked = [this] { pool->stop(); };
    (void)add("b");
    made->start_workers();
    EXPECT_EQ(all, (notes{"a dropped", "b dropped"}));
}

TEST_F(dispatcher, leaves_what_is_due_to_a_worker_that_still_runs) {
    make(2);
    add("a")->meanwhile = [this] {
        (void)add("b");
        made->start_workers();
        pool->stop();
    };
    made->start_workers();
    pool->run_all();
    EXPECT_EQ(all, (notes{"a", "b"}));
}

TEST_F(dispatcher, gives_up_when_the_pool_ends_before_its_work) {
    make(1);
    (void)add("endless", 1000);
    pool->accepts = true;
    made->start_workers();
    ASSERT_TRUE(pool->run_one());
    pool->stop();
    EXPECT_EQ(all.back(), "endless dropped");
}

TEST_F(dispatcher, is_kept_by_its_tasks) {
    make(1);
    const std::weak_ptr<callback_dispatcher> watched = made;
    (void)add("a");
    made->start_workers();
    made.reset();
    pool->run_all();
    EXPECT_EQ(all, (notes{"a"}));
    EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace network_system::core
