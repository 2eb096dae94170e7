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

/// The sockets and timers that the process's epoll sets watch.
[[nodiscard]] inline std::size_t watched_descriptors() {
    std::size_t count = 0;
    for (const auto& each : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
        std::ifstream info(each.path());
        for (std::string line; std::getline(info, line);) {
            count += line.starts_with("tfd:") ? 1U : 0U;
        }
    }
    return count;
}

}  // namespace network_system::testing
