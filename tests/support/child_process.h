// A forked child of a test: it has its parent's objects, and none of their threads.
#pragma once

#include "support/sanitizers.h"

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

// ThreadSanitizer does not follow threads that are made after a fork.
#if defined(__SANITIZE_THREAD__)
#define NETWORK_TEST_NO_FORK 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NETWORK_TEST_NO_FORK 1
#endif
#endif

namespace network_system::inline v0_1::testing {

inline bool is_forked_child = false;

/// The other threads of this process, each with how often it has slept and was put aside; nothing
/// while one of them does not sleep.
using sleepers = std::map<std::string, std::string>;

[[nodiscard]] inline std::optional<sleepers> sleeping_threads() {
    sleepers all;
    const std::string self = std::to_string(::gettid());
    for (const auto& each : std::filesystem::directory_iterator("/proc/self/task")) {
        const std::string name = each.path().filename().string();
        std::ifstream status(each.path() / "status");
        for (std::string line; name != self && std::getline(status, line);) {
            if (line.starts_with("State:") && line.find("sleeping") == std::string::npos) {
                return std::nullopt;
            }
            if (line.find("voluntary_ctxt_switches:") != std::string::npos) {
                all[name] += line;
            }
        }
    }
    return all;
}

/// Until no other thread does anything, or for ten seconds. A sanitizer's allocator has locks: the
/// child would wait for ever for one that another thread held at the fork.
inline void let_other_threads_rest() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    std::optional<sleepers> before;
    std::optional<sleepers> now;
    do {
        ::sched_yield();
        before = std::exchange(now, sleeping_threads());
    } while ((!now || now != before) && std::chrono::steady_clock::now() < end);
}

/// How a child ends: at once, or through the destructors of statics and what atexit was told.
enum class child_end { at_once, in_order };

/// Whether a child that does `work` ends well: its expectations hold, and it does not hang.
template <typename Work>
[[nodiscard]] ::testing::AssertionResult succeeds_in_child(const Work& work,
                                                           child_end end = child_end::at_once) {
    if constexpr (is_sanitized) {
        let_other_threads_rest();
    }
    const ::pid_t child = ::fork();
    if (child < 0) {
        return ::testing::AssertionFailure() << "no fork";
    }
    if (child == 0) {
        is_forked_child = true;
        ::alarm(60);  // a child that hangs is killed, and the test is red
        work();
        const int code = ::testing::Test::HasFailure() ? 1 : 0;
        if (end == child_end::at_once) {
            ::_exit(code);
        }
        std::exit(code);
    }
    int status = -1;
    if (::waitpid(child, &status, 0) != child) {
        return ::testing::AssertionFailure() << "no child";
    }
    if (WIFSIGNALED(status)) {
        return ::testing::AssertionFailure()
               << "the child was killed by signal " << WTERMSIG(status)
               << (WTERMSIG(status) == SIGALRM ? ": it hangs" : "");
    }
    return WEXITSTATUS(status) == 0 ? ::testing::AssertionSuccess()
                                    : ::testing::AssertionFailure() << "the child has failed";
}

/// The descriptors of this process that are of a kind: "socket:", "anon_inode:[eventpoll]".
[[nodiscard]] inline std::size_t open_descriptors(const std::string& kind) {
    std::size_t count = 0;
    for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        const auto target = std::filesystem::read_symlink(each.path(), gone);
        count += !gone && target.string().starts_with(kind) ? 1U : 0U;
    }
    return count;
}

/// How many sockets and timers each epoll set of the process watches, by its descriptor.
using watched_sets = std::map<std::string, std::size_t>;

[[nodiscard]] inline watched_sets watched_descriptors() {
    watched_sets all;
    for (const auto& each : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
        std::ifstream info(each.path());
        for (std::string line; std::getline(info, line);) {
            if (line.starts_with("tfd:")) {
                ++all[each.path().filename().string()];
            }
        }
    }
    return all;
}

/// Whether the sets still watch what they did. One that is gone meanwhile was an earlier test's,
/// whose threads were about to end.
[[nodiscard]] inline bool are_left_alone(const watched_sets& before) {
    const watched_sets now = watched_descriptors();
    return std::all_of(before.begin(), before.end(), [&](const auto& each) {
        const auto found = now.find(each.first);
        return found == now.end() || found->second == each.second;
    });
}

}  // namespace network_system::testing
