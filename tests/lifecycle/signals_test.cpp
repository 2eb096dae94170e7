#ifndef _WIN32

#include "support/child_process.h"
#include "support/eventually.h"
#include "support/heard_log.h"

#include <network_system/utils/signals.h>

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace network_system::inline v0_1 {
namespace {

/// What the process does with a signal for the time of a test.
class handled {
public:
    handled(int number, void (*handler)(int)) : number_(number) {
        struct ::sigaction wanted {};
        wanted.sa_handler = handler;
        EXPECT_EQ(::sigaction(number, &wanted, &before_), 0);
    }
    handled(const handled&) = delete;
    handled& operator=(const handled&) = delete;
    ~handled() { EXPECT_EQ(::sigaction(number_, &before_, nullptr), 0); }

private:
    int number_;
    struct ::sigaction before_ {};
};

using handler = void (*)(int);

handler handler_of(int number) {
    struct ::sigaction now {};
    EXPECT_EQ(::sigaction(number, nullptr, &now), 0);
    return now.sa_handler;
}

std::atomic<int> own_handler_ran = 0;
void own_handler(int) {
    ++own_handler_ran;
}

/// What has been stopped, in order.
class record {
public:
    void add(const std::string& name) {
        const std::lock_guard lock(mutex_);
        names_.push_back(name);
    }
    [[nodiscard]] std::vector<std::string> names() const {
        const std::lock_guard lock(mutex_);
        return names_;
    }
    [[nodiscard]] bool becomes(const std::vector<std::string>& wanted) const {
        return loopback::eventually([&] { return names() == wanted; });
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> names_;
};

struct fake_server {
    record& all;
    void stop_server() { all.add("server"); }
};
struct fake_client {
    record& all;
    int stop_client() { return all.add("client"), 0; }
};
struct fake_resilient_client {
    record& all;
    void disconnect() { all.add("resilient client"); }
};
struct fake_pool {
    record& all;
    void stop() { all.add("pool"); }
};

class signals_test : public ::testing::TestWithParam<int> {};

TEST_P(signals_test, stop_objects_in_order) {
    const auto before = handler_of(GetParam());
    record all;
    fake_server server{all};
    const auto client = std::make_shared<fake_client>(fake_client{all});
    fake_resilient_client resilient{all};
    fake_pool pool{all};
    {
        const auto watch = stop_on_signals(
            {server, client, resilient, pool, [&] { all.add("function"); }}, {GetParam()});
        ASSERT_TRUE(watch.is_ok()) << watch.error().message;
        EXPECT_EQ(watch.value().received(), 0);
        EXPECT_EQ(std::raise(GetParam()), 0);
        EXPECT_TRUE(all.becomes({"server", "client", "resilient client", "pool", "function"}));
        EXPECT_EQ(watch.value().received(), GetParam());
    }
    EXPECT_EQ(handler_of(GetParam()), before);
}

TEST_P(signals_test, are_waited_for) {
    const auto before = handler_of(GetParam());
    auto waiting = std::async(std::launch::async, [] { return wait_for_signal({GetParam()}); });
    ASSERT_TRUE(loopback::eventually([&] { return handler_of(GetParam()) != before; }));
    EXPECT_EQ(std::raise(GetParam()), 0);
    const auto received = waiting.get();
    ASSERT_TRUE(received.is_ok()) << received.error().message;
    EXPECT_EQ(received.value(), GetParam());
    EXPECT_EQ(handler_of(GetParam()), before);
}

INSTANTIATE_TEST_SUITE_P(number, signals_test,
                         ::testing::Values(SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2),
                         [](const auto& each) { return std::string(::sigabbrev_np(each.param)); });

TEST(signals, reach_every_watch) {
    record first;
    record second;
    const auto one = stop_on_signals([&] { first.add("one"); }, {SIGUSR1, SIGTERM});
    {
        const auto two = stop_on_signals([&] { second.add("two"); }, {SIGUSR1});
        ASSERT_TRUE(one.is_ok() && two.is_ok());
        EXPECT_EQ(std::raise(SIGUSR1), 0);
        EXPECT_TRUE(first.becomes({"one"}));
        EXPECT_TRUE(second.becomes({"two"}));
    }
    EXPECT_NE(handler_of(SIGUSR1), SIG_DFL) << "one is still there";
}

TEST(signals, leave_what_was_there) {
    const handled by_the_program(SIGUSR1, own_handler);
    own_handler_ran = 0;
    record all;
    {
        const auto watch = stop_on_signals([&] { all.add("x"); }, {SIGUSR1});
        ASSERT_TRUE(watch.is_ok());
        EXPECT_EQ(std::raise(SIGUSR1), 0);
        EXPECT_TRUE(all.becomes({"x"}));
        EXPECT_EQ(own_handler_ran, 0);
    }
    EXPECT_EQ(std::raise(SIGUSR1), 0);
    EXPECT_EQ(own_handler_ran, 1);
}

TEST(signals, leave_who_has_come_later) {
    const handled restored_at_the_end(SIGUSR1, SIG_DFL);
    auto watch = stop_on_signals([] {}, {SIGUSR1});
    ASSERT_TRUE(watch.is_ok());
    std::optional<signal_watch> held(std::move(watch).value());
    const handled later(SIGUSR1, own_handler);
    held.reset();
    EXPECT_EQ(handler_of(SIGUSR1), own_handler);
}

TEST(signals, that_were_ignored_come) {
    const handled ignored(SIGHUP, SIG_IGN);
    record all;
    {
        const auto watch = stop_on_signals([&] { all.add("x"); }, {SIGHUP});
        EXPECT_EQ(std::raise(SIGHUP), 0);
        EXPECT_TRUE(all.becomes({"x"}));
    }
    EXPECT_EQ(handler_of(SIGHUP), SIG_IGN);
}

TEST(signals, do_not_stop_what_is_gone) {
    record all;
    auto gone = std::make_shared<fake_server>(fake_server{all});
    const auto watch = stop_on_signals(gone, [&] { all.add("there"); }, {SIGUSR2});
    gone.reset();
    EXPECT_EQ(std::raise(SIGUSR2), 0);
    EXPECT_TRUE(all.becomes({"there"}));
}

TEST(signals, go_on_after_what_throws) {
    const testing::heard_log log(log_level::info);
    record all;
    const auto watch = stop_on_signals([] { throw std::runtime_error("no"); },
                                       [&] { all.add("next"); }, {SIGUSR2});
    EXPECT_EQ(std::raise(SIGUSR2), 0);
    EXPECT_TRUE(all.becomes({"next"}));
    EXPECT_EQ(log.find("threw").level, log_level::error);
    EXPECT_NE(log.find("threw: no").text, "");
    EXPECT_NE(log.find("signal 12: stopping").text, "");
}

TEST(signals, end_their_own_watch) {
    std::optional<signal_watch> watch;
    std::promise<void> ended;
    watch = stop_on_signals(
                [&] {
                    watch.reset();
                    ended.set_value();
                },
                {SIGUSR1})
                .value();
    EXPECT_EQ(std::raise(SIGUSR1), 0);
    ended.get_future().get();
    EXPECT_TRUE(loopback::eventually([] { return handler_of(SIGUSR1) == SIG_DFL; }));
}

TEST(signals, of_a_watch_that_is_replaced) {
    record all;
    signal_watch watch = stop_on_signals([&] { all.add("first"); }, {SIGUSR1}).value();
    watch = stop_on_signals([&] { all.add("second"); }, {SIGUSR1}).value();
    EXPECT_EQ(std::raise(SIGUSR1), 0);
    EXPECT_TRUE(all.becomes({"second"}));
}

TEST(signals, need_to_be_signals_that_end_a_process) {
    for (const int wrong : {SIGSEGV, SIGKILL, SIGCHLD, SIGWINCH, SIGPIPE, 0, -1, 1'000}) {
        const auto refused = stop_on_signals([] {}, {SIGTERM, wrong});
        ASSERT_TRUE(refused.is_err()) << wrong;
        EXPECT_EQ(refused.error(), errc::invalid_argument);
        EXPECT_NE(refused.error().message.find(std::to_string(wrong)), std::string::npos);
        EXPECT_EQ(wait_for_signal({wrong}).error(), errc::invalid_argument);
    }
    EXPECT_EQ(stop_on_signals([] {}, std::initializer_list<int>{}).error(), errc::invalid_argument);
    EXPECT_EQ(stop_on_signals(std::initializer_list<stoppable>{}).error(), errc::invalid_argument);
    EXPECT_EQ(handler_of(SIGTERM), SIG_DFL);
}

TEST(signals, have_room_for_32_watches) {
    const std::size_t pipes = testing::open_descriptors("pipe:");
    {
        std::deque<signal_watch> all;
        for (int i = 0; i < 32; ++i) {
            auto made = stop_on_signals([] {}, {SIGUSR1});
            ASSERT_TRUE(made.is_ok()) << made.error().message;
            all.push_back(std::move(made).value());
        }
        EXPECT_EQ(stop_on_signals([] {}, {SIGUSR1}).error(), errc::already_exists);
        EXPECT_EQ(wait_for_signal({SIGUSR1}).error(), errc::already_exists);
        all.pop_front();
        EXPECT_TRUE(stop_on_signals([] {}, {SIGUSR1}).is_ok());
    }
    EXPECT_EQ(testing::open_descriptors("pipe:"), pipes);
}

#ifndef NETWORK_TEST_NO_FORK

TEST(signals, end_the_process_when_they_come_again) {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        const ::pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            ::alarm(30);
            std::promise<void> begun;
            const auto watch = stop_on_signals(
                [&] {
                    begun.set_value();
                    std::promise<void>().get_future().wait();  // a stop that takes for ever
                },
                {number});
            (void)std::raise(number);
            begun.get_future().get();
            (void)std::raise(number);
            ::_exit(0);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << status;
        EXPECT_EQ(WTERMSIG(status), number);
    }
}

TEST(signals, are_not_taken_in_a_child) {
    record all;
    const auto watch = stop_on_signals([&] { all.add("parent"); }, {SIGUSR1});
    EXPECT_TRUE(testing::succeeds_in_child([] { EXPECT_EQ(handler_of(SIGUSR1), SIG_DFL); }));
    EXPECT_TRUE(testing::succeeds_in_child([&] {
        record own;
        const auto anew = stop_on_signals([&] { own.add("child"); }, {SIGUSR1});
        EXPECT_EQ(std::raise(SIGUSR1), 0);
        EXPECT_TRUE(own.becomes({"child"}));
    }));
    EXPECT_EQ(all.names(), std::vector<std::string>{});
    EXPECT_EQ(std::raise(SIGUSR1), 0);
    EXPECT_TRUE(all.becomes({"parent"}));
}

#endif

}  // namespace
}  // namespace network_system

#endif
