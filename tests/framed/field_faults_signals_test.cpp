// The library's threads are guests in the process: its signals are not theirs to take.
#include "support/loopback.h"
#include "support/scripted_names.h"
#include "utils/threads.h"

#include <network_system/utils/signals.h>
#include <network_system/utils/thread_pool.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#ifdef __linux__

namespace loopback {
namespace {

using network_system::testing::scripted_name;

[[nodiscard]] std::set<std::string> threads_now() {
    std::set<std::string> all;
    for (const auto& each : std::filesystem::directory_iterator("/proc/self/task")) {
        all.insert(each.path().filename().string());
    }
    return all;
}

/// Bit n-1 is signal n.
[[nodiscard]] std::uint64_t blocked_by(const std::string& thread) {
    std::ifstream status("/proc/self/task/" + thread + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("SigBlk:")) {
            return std::stoull(line.substr(7), nullptr, 16);
        }
    }
    return 0;
}

/// Every number that a program can block; the C library keeps 32 and 33 for itself.
[[nodiscard]] std::uint64_t all_signals() {
    std::uint64_t all = 0;
    for (int each = 1; each <= SIGRTMAX; ++each) {
        const bool cannot_be_blocked = each == SIGKILL || each == SIGSTOP;
        const bool is_of_the_c_library = each == 32 || each == 33;
        all |= std::uint64_t{!cannot_be_blocked && !is_of_the_c_library}
               << static_cast<unsigned>(each - 1);
    }
    return all;
}

[[nodiscard]] std::uint64_t bit(int signal) {
    return std::uint64_t{1} << static_cast<unsigned>(signal - 1);
}

[[nodiscard]] std::uint64_t expected_mask() {
    std::uint64_t expected = all_signals() & ~bit(SIGPROF);
    for (const int each : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
        expected &= ~bit(each);
    }
    return expected;
}

/// Blocks signals for the calling thread until it is dropped.
class masked {
public:
    explicit masked(const std::vector<int>& signals) {
        ::sigset_t set;
        ::sigemptyset(&set);
        for (const int each : signals) {
            ::sigaddset(&set, each);
        }
        EXPECT_EQ(::pthread_sigmask(SIG_BLOCK, &set, &before_), 0);
    }
    masked(const masked&) = delete;
    masked& operator=(const masked&) = delete;
    ~masked() { (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    ::sigset_t before_{};
};

class signals_test : public BothReadiness {};
INSTANTIATE_TEST_SUITE_P(method, signals_test, both_methods(), method_of);

TEST_P(signals_test, the_threads_of_the_library_take_what_main_waits_for) {
    const auto before = threads_now();
    scripted_name nowhere("nowhere.test", {});
    nowhere.hold();
    server_options options = for_server();
    options.io_threads = 3;
    options.callback_pool = std::make_shared<network_system::thread_pool>(2);
    test_server server(options);
    test_client client(for_client());
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(client.exchange("signals"));
    test_client asker(for_client());
    ASSERT_TRUE(is_ok(asker.client.start_client(nowhere.text(), 1, [](const VoidResult&) {})));
    nowhere.wait_until_asked();
    std::size_t made = 0;
    for (const std::string& each : threads_now()) {
        if (!before.contains(each)) {
            ++made;
            // The C library lets a thread begin with everything blocked, and then as it should be.
            EXPECT_TRUE(eventually([&] { return blocked_by(each) == expected_mask(); }))
                << "thread " << each << std::hex << blocked_by(each);
        }
    }
    EXPECT_GE(made, 3U + 2U + 1U) << "I/O threads, callbacks, resolver; the clients' may be older";
    EXPECT_EQ(blocked_by(std::to_string(::gettid())) & ~bit(SIGPROF), 0U)
        << "whoever made them goes on as before";
    nowhere.release_self();
}

TEST(signals_test, a_signal_that_main_waits_for_kills_the_process) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            test_server server;
            test_client client;
            (void)client.connect(server.start());
            // Now, as a program may that has its objects in statics.
            const masked waits_for({SIGTERM, SIGUSR1, SIGRTMIN});
            for (const int each : {SIGTERM, SIGUSR1, SIGRTMIN}) {
                ::sigset_t one;
                ::sigemptyset(&one);
                ::sigaddset(&one, each);
                (void)::kill(::getpid(), each);
                int taken = 0;
                if (::sigwait(&one, &taken) != 0 || taken != each) {
                    std::_Exit(1);
                }
            }
            std::_Exit(client.exchange("after") ? 0 : 2);
        },
        testing::ExitedWithCode(0), "");
}

TEST(signals_test, a_creator_that_has_blocked_everything_hides_faults) {
    const std::vector<int> faults{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    const masked everything(faults);
    std::string thread;
    std::uint64_t blocked = ~std::uint64_t{0};
    auto made = network_system::detail::make_thread("", [&] {
        thread = std::to_string(::gettid());
        blocked = blocked_by(thread);
    });
    made.join();
    EXPECT_EQ(blocked, expected_mask());
    for (const int each : faults) {
        EXPECT_NE(blocked_by(std::to_string(::gettid())) & bit(each), 0U) << "the creator's stays";
    }
}

TEST(signals_test, a_profiler_is_as_the_creator_has_it) {
    for (const bool is_blocked : {false, true}) {
        const masked profiler(is_blocked ? std::vector<int>{SIGPROF} : std::vector<int>{});
        bool blocks_it = !is_blocked;
        auto made = network_system::detail::make_thread(
            "", [&] { blocks_it = (blocked_by(std::to_string(::gettid())) & bit(SIGPROF)) != 0; });
        made.join();
        EXPECT_EQ(blocks_it, is_blocked);
    }
}

TEST(signals_test, nobody_waits_for_one_inside_a_callback) {
    test_server server;
    collector<errc> refusals;
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t>) {
        const auto refused = network_system::wait_for_signal();
        refusals.add(refused.is_err() ? static_cast<errc>(refused.error().code) : errc{});
    };
    test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(is_ok(client.client.send_packet("x")));
    ASSERT_TRUE(refusals.wait_for(1));
    EXPECT_EQ(refusals.at(0), errc::would_block);
}

TEST(signals_test, a_write_to_a_peer_that_is_gone_raises_sigpipe) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            (void)::signal(SIGPIPE, SIG_DFL);
            test_server server;
            const auto port = server.start();
            for (int i = 0; i < 20; ++i) {
                raw_peer peer = raw_peer::connect(port);
                (void)server.sessions.wait_for(static_cast<std::size_t>(i) + 1);
                const auto session = server.sessions.at(static_cast<std::size_t>(i));
                peer.close();
                while (session->send_packet("gone")) {}
            }
            std::_Exit(0);
        },
        testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace loopback

#endif
