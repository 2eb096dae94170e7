// Loops on threads: on ones of ours and on those that run a context of the application's.
#include "runtime/loop_runner.h"

#include "stepped_loop.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <future>

namespace network_system::inline v0_1::runtime {
namespace {

using namespace network_system::testing;
using loopback::event_counter;
using loopback::patience;

/// A loop and the threads that run it, until it goes.
class threaded_loop {
public:
    threaded_loop() = default;
    threaded_loop(const threaded_loop&) = delete;
    threaded_loop& operator=(const threaded_loop&) = delete;
    virtual ~threaded_loop() = default;
    [[nodiscard]] virtual const std::shared_ptr<loop>& get() const = 0;
    /// Ends the threads; what was posted and has not run stays.
    virtual void stop() = 0;

    [[nodiscard]] loop* operator->() const { return get().get(); }
    /// Runs the work in a task and waits for it.
    template <typename Work>
    void run(Work work) {
        std::promise<void> done;
        get()->post([&] {
            work();
            done.set_value();
        });
        ASSERT_EQ(done.get_future().wait_for(patience), std::future_status::ready);
    }
};

class on_a_runner final : public threaded_loop {
public:
    explicit on_a_runner(readiness_method method)
        : runner_(loop_runner::make(method)), thread_([this] { runner_->run(); }) {}
    ~on_a_runner() override { on_a_runner::stop(); }

    const std::shared_ptr<loop>& get() const override { return runner_->loop_ptr(); }
    void stop() override {
        if (thread_.joinable()) {
            runner_->stop();
            thread_.join();
        }
    }

private:
    std::shared_ptr<loop_runner> runner_;
    std::thread thread_;
};

class on_a_context final : public threaded_loop {
public:
    explicit on_a_context(readiness_method method)
        : work_(context_.get_executor()), loop_(loop::of(context_, method)) {
        for (int i = 0; i < 3; ++i) {
            threads_.emplace_back([this] { context_.run(); });
        }
    }
    ~on_a_context() override { on_a_context::stop(); }

    const std::shared_ptr<loop>& get() const override { return loop_; }
    void stop() override {
        context_.stop();
        for (auto& thread : threads_) {
            thread.join();
        }
        threads_.clear();
    }

private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::shared_ptr<loop> loop_;
    std::vector<std::thread> threads_;
};

class threaded : public ::testing::TestWithParam<loop_kind> {
protected:
    [[nodiscard]] static std::unique_ptr<threaded_loop> make() {
        const loop_kind& kind = GetParam();
        if (kind.is_on_asio) {
            return std::make_unique<on_a_context>(kind.method);
        }
        return std::make_unique<on_a_runner>(kind.method);
    }

    std::unique_ptr<threaded_loop> owner = make();
    threaded_loop& loop = *owner;
};
INSTANTIATE_TEST_SUITE_P(
    every, threaded,
    ::testing::Values(loop_kind{"runner_automatic", false, readiness_method::automatic, true},
                      loop_kind{"runner_per_socket", false, readiness_method::per_socket, true},
                      loop_kind{"context_automatic", true, readiness_method::automatic, false},
                      loop_kind{"context_per_socket", true, readiness_method::per_socket, false}),
    kind_name);

TEST_P(threaded, runs_the_tasks_of_every_thread_once_and_in_order) {
    constexpr std::size_t posters = 4;
    const std::size_t each = loopback::scaled(4000);
    std::array<std::size_t, posters> next{};  // plain: tasks never overlap
    bool is_in_order = true;
    event_counter ran;
    std::vector<std::thread> threads;
    for (std::size_t me = 0; me < posters; ++me) {
        threads.emplace_back([&, me] {
            for (std::size_t i = 0; i < each; ++i) {
                loop->post([&, me, i] {
                    is_in_order = is_in_order && next[me]++ == i;
                    ran.add();
                });
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    ASSERT_TRUE(ran.wait_for(posters * each));
    loop.run([&] {
        EXPECT_TRUE(is_in_order);
        for (const std::size_t count : next) {
            EXPECT_EQ(count, each);
        }
    });
}

TEST_P(threaded, runs_what_a_task_posts) {
    std::promise<void> done;
    std::function<void(int)> task = [&](int more) {
        EXPECT_TRUE(loop->runs_here());
        EXPECT_TRUE(loop->context_runs_here());
        if (more == 0) {
            done.set_value();
        } else {
            loop->post([&, more] { task(more - 1); });
        }
    };
    loop->post([&] { task(100); });
    EXPECT_EQ(done.get_future().wait_for(patience), std::future_status::ready);
    EXPECT_FALSE(loop->runs_here());
    EXPECT_FALSE(loop->context_runs_here());
}

class timed_alarm final : public deadline_entry {
public:
    void on_deadline(steady_time now) override { fired_at.set_value(now); }
    std::promise<steady_time> fired_at;
};

TEST_P(threaded, is_woken_by_its_deadlines) {
    timed_alarm soon;
    timed_alarm later;
    timed_alarm never;
    steady_time start;
    loop.run([&] {
        start = loop->now();
        loop->deadlines().set(never, start + std::chrono::hours{1});
        loop->deadlines().set(later, start + milliseconds{20});
    });
    // Sooner than what the thread already waits for.
    loop.run([&] { loop->deadlines().set(soon, start + milliseconds{5}); });
    auto first = soon.fired_at.get_future();
    auto second = later.fired_at.get_future();
    ASSERT_EQ(first.wait_for(patience), std::future_status::ready);
    ASSERT_EQ(second.wait_for(patience), std::future_status::ready);
    EXPECT_GE(first.get(), start + milliseconds{5});
    EXPECT_GE(second.get(), start + milliseconds{20});
    loop.run([&] {
        EXPECT_TRUE(never.is_set());
        deadline_wheel::cancel(never);
    });
}

TEST_P(threaded, is_woken_by_its_sockets) {
    connection pair;
    event_counter bytes_read;
    class reader final : public io_watch {
    public:
        explicit reader(event_counter& count) : count_(count) {}
        void on_ready(interest) override { count_.add(read_all(poller::handle_of(*this))); }
        void on_loop_shutdown() override {}

    private:
        event_counter& count_;
    } watch(bytes_read);
    loop.run([&] {
        EXPECT_FALSE(loop->sockets().add(watch, std::move(pair.ours), {true, false}));
    });
    for (std::size_t i = 1; i <= 50; ++i) {
        ASSERT_TRUE(pair.theirs.send(loopback::bytes{1, 2, 3}));
        ASSERT_TRUE(bytes_read.wait_for(3 * i));
    }
    loop.run([&] { loop->sockets().remove(watch); });
    EXPECT_EQ(pair.theirs.drain(), loopback::stream_end::orderly);
}

TEST_P(threaded, drops_what_is_still_pending_when_it_ends) {
    const auto held = std::make_shared<int>(0);
    std::promise<void> is_busy;
    std::promise<void> go_on;
    loop->post([&, resume = go_on.get_future()] {
        is_busy.set_value();
        resume.wait();
        for (int i = 0; i < 10; ++i) {
            loop->post([held] {});
        }
    });
    is_busy.get_future().wait();
    std::thread stopper([&] { loop.stop(); });
    go_on.set_value();
    stopper.join();
    const auto survivor = loop.get();
    owner.reset();
    EXPECT_TRUE(survivor->is_shut_down());
    EXPECT_EQ(held.use_count(), 1);
    survivor->post([held] {});
    EXPECT_EQ(held.use_count(), 1);
}

class runners : public ::testing::TestWithParam<readiness_method> {};
INSTANTIATE_TEST_SUITE_P(every, runners, both_methods(), method_name);

TEST_P(runners, may_be_stopped_before_they_run) {
    const auto runner = loop_runner::make(GetParam());
    runner->stop();
    runner->run();
}

TEST_P(runners, may_be_stopped_by_their_own_task) {
    const auto runner = loop_runner::make(GetParam());
    int ran = 0;
    runner->loop_ptr()->post([&] {
        runner->loop_ptr()->post([&] { ++ran; });
        runner->stop();
    });
    runner->run();
    EXPECT_EQ(ran, 0) << "what came later is left";
    EXPECT_FALSE(runner->loop_ptr()->runs_here());
    EXPECT_FALSE(runner->loop_ptr()->context_runs_here());
}

TEST_P(runners, keep_what_is_posted_before_they_run) {
    const auto runner = loop_runner::make(GetParam());
    int ran = 0;
    std::thread([&] { runner->loop_ptr()->post([&] { ++ran; }); }).join();
    runner->loop_ptr()->post([&] { runner->stop(); });
    runner->run();
    EXPECT_EQ(ran, 1);
}

/// How often the calling thread has given its processor away by itself.
[[nodiscard]] long rests_of_this_thread() {
    ::rusage used{};
    EXPECT_EQ(::getrusage(RUSAGE_THREAD, &used), 0);
    return used.ru_nvcsw;
}

TEST(epoll_runners, rest_and_say_so_once_when_their_set_cannot_be_waited_for) {
    loopback::collector<std::string> lines;
    set_log_level(log_level::error);
    set_log_sink([&](const log_record& record) { lines.add(to_string(record)); });
    on_a_runner loop(readiness_method::automatic);
    int set = -1;
    loop.run([&] { set = dynamic_cast<epoll_poller&>(loop->sockets()).native_set(); });
    const int kept = ::dup(set);
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(::dup2(nothing, set), 0) << "as by a program that closes what is not its own";
    // The thread waits in the old set until it is woken.
    long before = 0;
    loop.run([&] { before = rests_of_this_thread(); });
    EXPECT_TRUE(lines.wait_for(1));
    EXPECT_TRUE(loopback::eventually([&] {
        long now = 0;
        loop.run([&] { now = rests_of_this_thread(); });
        return now > before + 5;
    })) << "it spins";
    event_counter fired;
    class timer final : public deadline_entry {
    public:
        explicit timer(event_counter& fired) : fired_(fired) {}
        void on_deadline(steady_time) override { fired_.add(); }

    private:
        event_counter& fired_;
    } deadline(fired);
    loop.run([&] { loop->deadlines().set(deadline, loop->now()); });
    EXPECT_TRUE(fired.wait_for(1)) << "deadlines go on";
    EXPECT_EQ(lines.size(), 1U);
    EXPECT_NE(lines.at(0).find("cannot wait for its sockets"), std::string::npos) << lines.at(0);
    ASSERT_GE(::dup2(kept, set), 0);
    ::close(kept);
    ::close(nothing);
    loop.stop();
    set_log_sink({});
    set_log_level(log_level::off);
}

}  // namespace
}  // namespace network_system::runtime
