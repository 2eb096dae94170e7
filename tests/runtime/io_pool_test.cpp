// io_pool and the io_threads below it.
#include "runtime/io_pool.h"

#include "stepped_loop.h"
#include "support/no_descriptors.h"

#include <future>
#include <set>

namespace network_system::inline v0_1::runtime {
namespace {

using namespace network_system::testing;
using loopback::event_counter;
using loopback::eventually;
using loopback::patience;

/// The loops of a pool end with their threads.
class loops_of {
public:
    explicit loops_of(const io_pool& pool) : loops_(pool.loops().begin(), pool.loops().end()) {}
    [[nodiscard]] bool have_ended() const {
        return std::all_of(loops_.begin(), loops_.end(),
                           [](const std::weak_ptr<loop>& each) { return each.expired(); });
    }

private:
    std::vector<std::weak_ptr<loop>> loops_;
};

class io_pools : public ::testing::TestWithParam<readiness_method> {
protected:
    [[nodiscard]] static std::shared_ptr<io_pool> make(std::size_t threads) {
        return std::make_shared<io_pool>(threads, io_threads::settings{.method = GetParam()});
    }
};
INSTANTIATE_TEST_SUITE_P(every, io_pools, both_methods(), method_name);

TEST_P(io_pools, take_their_loops_in_turn) {
    const auto pool = make(3);
    ASSERT_EQ(pool->loops().size(), 3U);
    EXPECT_EQ(std::set(pool->loops().begin(), pool->loops().end()).size(), 3U);
    for (std::size_t i = 0; i < 7; ++i) {
        EXPECT_EQ(pool->next_loop(), pool->loops()[i % 3]);
    }
}

TEST_P(io_pools, spread_work_evenly_whoever_asks) {
    constexpr std::size_t askers = 4;
    const std::size_t each = loopback::scaled(2400);
    const auto pool = make(3);
    std::array<std::atomic<std::size_t>, 3> taken{};
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < askers; ++i) {
        threads.emplace_back([&] {
            for (std::size_t n = 0; n < each; ++n) {
                const auto& all = pool->loops();
                const auto which = std::find(all.begin(), all.end(), pool->next_loop());
                ++taken.at(static_cast<std::size_t>(which - all.begin()));
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    for (const auto& count : taken) {
        EXPECT_EQ(count, askers * each / 3);
    }
}

TEST_P(io_pools, run_each_loop_on_a_thread_of_its_own) {
    const auto pool = make(3);
    // Each waits for all: on fewer threads none would go on.
    event_counter arrived;
    std::vector<std::future<std::thread::id>> where;
    for (const auto& each : pool->loops()) {
        auto done = std::make_shared<std::promise<std::thread::id>>();
        where.push_back(done->get_future());
        each->post([&, done] {
            EXPECT_TRUE(loop::is_on_io_thread());
            arrived.add();
            EXPECT_TRUE(arrived.wait_for(3));
            done->set_value(std::this_thread::get_id());
        });
    }
    std::set<std::thread::id> threads{std::this_thread::get_id()};
    for (auto& each : where) {
        ASSERT_EQ(each.wait_for(patience), std::future_status::ready);
        threads.insert(each.get());
    }
    EXPECT_EQ(threads.size(), 4U);
}

TEST_P(io_pools, stop_and_wait_for_the_task_that_runs) {
    const auto pool = make(2);
    const loops_of loops(*pool);
    std::promise<void> is_running;
    std::promise<void> go_on;
    int done = 0;  // plain: stop orders it
    pool->loops()[0]->post([&, resume = go_on.get_future()] {
        is_running.set_value();
        resume.wait();
        done = 1;
    });
    is_running.get_future().wait();
    std::thread helper([&] { go_on.set_value(); });
    pool->stop();
    EXPECT_EQ(done, 1);
    helper.join();
    pool->stop();
    const auto held = std::make_shared<int>(0);
    pool->next_loop()->post([held] { ++*held; });
    EXPECT_EQ(held.use_count(), 1) << "dropped";
    EXPECT_FALSE(loops.have_ended()) << "the pool still names them";
}

TEST_P(io_pools, may_be_stopped_by_many_at_once) {
    const auto pool = make(2);
    std::vector<std::thread> stoppers;
    for (int i = 0; i < 4; ++i) {
        stoppers.emplace_back([&] {
            pool->stop();
            for (const auto& each : pool->loops()) {
                EXPECT_TRUE(each->is_shut_down()) << "stop returned before the end";
            }
        });
    }
    for (auto& stopper : stoppers) {
        stopper.join();
    }
}

TEST_P(io_pools, only_begin_to_stop_on_an_own_thread) {
    auto pool = make(2);
    const loops_of loops(*pool);
    std::promise<void> stopped;
    pool->loops()[0]->post([&] {
        pool->stop();
        pool->stop();
        stopped.set_value();
    });
    ASSERT_EQ(stopped.get_future().wait_for(patience), std::future_status::ready);
    pool.reset();
    EXPECT_TRUE(eventually([&] { return loops.have_ended(); }));
}

TEST_P(io_pools, let_a_task_stop_them_while_another_thread_waits_for_its_end) {
    const auto pool = make(2);
    class end_of_loop final : public io_watch {
    public:
        void on_ready(interest) override {}
        void on_loop_shutdown() override { told.set_value(); }
        std::promise<void> told;
    } first_has_ended;
    event_counter ready;
    pool->loops()[0]->post([&] {
        pool->loops()[0]->sockets().add_waiting(first_has_ended);
        ready.add();
    });
    pool->loops()[1]->post([&] {
        ready.add();
        // From here on the other thread is inside stop, and this one is the next it waits for.
        first_has_ended.told.get_future().wait();
        pool->stop();
    });
    ASSERT_TRUE(ready.wait_for(2));
    pool->stop();
    EXPECT_TRUE(pool->loops()[1]->is_shut_down());
}

TEST_P(io_pools, may_end_on_an_own_thread) {
    for (int round = 0; round < 20; ++round) {
        auto pool = make(2);
        const loops_of loops(*pool);
        auto& where = *pool->loops()[static_cast<std::size_t>(round % 2)];
        where.post([last = std::move(pool)]() mutable { last.reset(); });
        ASSERT_TRUE(eventually([&] { return loops.have_ended(); }));
    }
}

TEST_P(io_pools, may_end_on_a_thread_of_another_pool) {
    const auto other = make(1);
    auto pool = make(2);
    const loops_of loops(*pool);
    other->next_loop()->post([last = std::move(pool)]() mutable { last.reset(); });
    EXPECT_TRUE(eventually([&] { return loops.have_ended(); }));
}

/// Starts and ends another thread when it is destroyed.
class starts_another {
public:
    explicit starts_another(std::promise<void>& done) : done_(&done) {}
    starts_another(starts_another&& other) noexcept : done_(std::exchange(other.done_, nullptr)) {}
    starts_another& operator=(starts_another&&) = delete;
    ~starts_another() {
        if (done_ != nullptr) {
            io_threads::end(io_threads::start({}, 0).thread);
            done_->set_value();
        }
    }

private:
    std::promise<void>* done_;
};

TEST_P(io_pools, let_an_ending_thread_start_another) {
    const auto [ending, where] = io_threads::start({.method = GetParam()}, 0);
    std::promise<void> done;
    where->post([&, ending = ending, where = where] {
        // Still there when the thread ends, which drops it as its very last act.
        where->post([last = starts_another(done)] {});
        io_threads::end(ending);
    });
    EXPECT_EQ(done.get_future().wait_for(patience), std::future_status::ready);
    // Joins the one that ended by itself.
    io_threads::end(io_threads::start({.method = GetParam()}, 0).thread);
}

TEST_P(io_pools, say_that_they_cannot_start) {
    const no_descriptors left;
    EXPECT_THROW((void)make(2), std::system_error);
}

TEST_P(io_pools, are_shared_by_clients_while_one_uses_them) {
    auto first = io_pool::shared_for_clients(GetParam());
    EXPECT_EQ(first->loops().size(), 2U);
    EXPECT_EQ(io_pool::shared_for_clients(GetParam()), first);
    const auto other_method = GetParam() == readiness_method::automatic
                                  ? readiness_method::per_socket
                                  : readiness_method::automatic;
    EXPECT_NE(io_pool::shared_for_clients(other_method), first);
    const loops_of loops(*first);
    first.reset();
    EXPECT_TRUE(loops.have_ended()) << "with its last user";
    const auto next = io_pool::shared_for_clients(GetParam());
    std::promise<void> done;
    next->next_loop()->post([&] { done.set_value(); });
    EXPECT_EQ(done.get_future().wait_for(patience), std::future_status::ready);
}

TEST_P(io_pools, use_a_context_and_leave_it_alone) {
    asio::io_context context;
    bool has_run = false;
    {
        io_pool pool(context, GetParam());
        EXPECT_EQ(pool.loops(), std::vector{loop::of(context, GetParam())});
        EXPECT_EQ(pool.next_loop(), pool.next_loop());
        pool.next_loop()->post([&] { has_run = true; });
        pool.stop();
    }
    EXPECT_FALSE(context.stopped());
    context.run();
    EXPECT_TRUE(has_run);
}

}  // namespace
}  // namespace network_system::runtime
