#pragma once

#include "support/raw_peer.h"

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

extern "C" char** environ;

namespace integration {

/// Whether this process may open that many descriptors, after raising its limit as far as it goes.
[[nodiscard]] inline bool allows_descriptors(std::size_t count) {
    ::rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return false;
    }
    limit.rlim_cur = limit.rlim_max;
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= count;
}

/// A program that is told and answers lines: its standard input and output are one socket to here.
/// It ends with this object at the latest.
class child_process {
public:
    child_process(std::string program, std::vector<std::string> arguments) {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
        channel_ = loopback::raw_peer(ends[0]);
        // Not a raw_peer: a child may wait for its input as long as it likes.
        const int of_child = ends[1];
        arguments.insert(arguments.begin(), std::move(program));
        std::vector<char*> words(arguments.size() + 1, nullptr);
        std::transform(arguments.begin(), arguments.end(), words.begin(),
                       [](std::string& word) { return word.data(); });
        ::posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, of_child, STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, of_child, STDOUT_FILENO);
        EXPECT_EQ(::posix_spawn(&id_, words[0], &actions, nullptr, words.data(), environ), 0);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(of_child);
    }
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;
    ~child_process() {
        if (id_ > 0) {
            ::kill(id_, SIGKILL);
            (void)wait();
        }
    }

    void tell(std::string line) {
        line += '\n';
        EXPECT_TRUE(
            channel_.send({reinterpret_cast<const std::uint8_t*>(line.data()), line.size()}));
    }

    /// The next line; nothing when the child has ended or says nothing for too long.
    [[nodiscard]] std::optional<std::string> hear() {
        auto end = heard_.find('\n');
        while (end == std::string::npos) {
            const loopback::bytes more = channel_.receive_some();
            if (more.empty()) {
                return std::nullopt;
            }
            heard_.append(more.begin(), more.end());
            end = heard_.find('\n');
        }
        std::string line = heard_.substr(0, end);
        heard_.erase(0, end + 1);
        return line;
    }

    /// Ends the child's input and waits for its end; its exit code, or -1.
    [[nodiscard]] int wait() {
        channel_.half_close();
        int status = -1;
        const bool has_ended = id_ > 0 && ::waitpid(std::exchange(id_, -1), &status, 0) > 0;
        return has_ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    loopback::raw_peer channel_;
    std::string heard_;
    ::pid_t id_ = -1;
};

/// The program of a test whose clients are in a process of their own: the same program, started
/// by `start_clients`.
inline std::string this_program;

[[nodiscard]] inline std::unique_ptr<child_process> start_clients(std::uint16_t port) {
    return std::make_unique<child_process>(
        this_program, std::vector<std::string>{"--clients", std::to_string(port)});
}

/// For main: runs the tests, or in the other process the clients of a server.
inline int run_tests_or_clients(int argc, char** argv, int (*run_clients)(std::uint16_t port)) {
    if (argc == 3 && std::string_view(argv[1]) == "--clients") {
        return run_clients(static_cast<std::uint16_t>(std::stoul(argv[2])));
    }
    testing::InitGoogleTest(&argc, argv);
    this_program = argv[0];
    return RUN_ALL_TESTS();
}

}  // namespace integration
