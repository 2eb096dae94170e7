// A forked child of a test: it has its parent's objects, and none of their threads.
#pragma once

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <system_error>

// ThreadSanitizer does not follow threads that are made after a fork.
#if defined(__SANITIZE_THREAD__)
#define NETWORK_TEST_NO_FORK 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NETWORK_TEST_NO_FORK 1
#endif
#endif

namespace network_system::testing {

inline bool is_forked_child = false;

/// How a child ends: at once, or through the destructors of statics and what atexit was told.
enum class child_end { at_once, in_order };

/// Whether a child that does `work` ends well: its expectations hold, and it does not hang.
template <typename Work>
[[nodiscard]] ::testing::AssertionResult succeeds_in_child(const Work& work,
                                                           child_end end = child_end::at_once) {
    const ::pid_t child = ::fork();
    if (child < 0) {
        return ::testing::AssertionFailure() << "no fork";
    }
    if (child == 0) {
        is_forked_child = true;
        ::alarm(30);  // a child that hangs is killed, and the test is red
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
