// Storms: many peers at once, in a process of their own, and what they leave in this one.
#pragma once

#include "support/child_process.h"
#include "support/loopback.h"
#include "support/process_memory.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <iostream>
#include <iterator>

namespace storms {

using namespace loopback;

using network_system::testing::read_process_memory;
using network_system::testing::succeeds_in_child;

/// KiB of this process.
[[nodiscard]] inline std::uint64_t resident() {
    return read_process_memory().value_or(network_system::testing::process_memory{}).resident;
}

[[nodiscard]] inline std::size_t running_threads() {
    const std::filesystem::directory_iterator all("/proc/self/task");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Peers in a process of their own, so that their memory is not ours: `work` makes them, they stay
/// until this object goes, and then end as a process that is killed does.
class crowd {
public:
    template <typename Work>
    explicit crowd(const Work& work) {
        EXPECT_EQ(::pipe(ready_.data()), 0);
        EXPECT_EQ(::pipe(hold_.data()), 0);
        process_ = ::fork();
        if (process_ == 0) {
            ::alarm(60);
            ::close(ready_[0]);
            ::close(hold_[1]);
            const auto peers = work();
            const char done = ::testing::Test::HasFailure() ? 1 : 0;
            EXPECT_EQ(::write(ready_[1], &done, 1), 1);
            char nothing = 0;
            (void)!::read(hold_[0], &nothing, 1);
            ::_exit(done);
        }
        ::close(ready_[1]);
        ::close(hold_[0]);
    }
    crowd(const crowd&) = delete;
    crowd& operator=(const crowd&) = delete;
    ~crowd() {
        ::close(hold_[1]);
        ::close(ready_[0]);
        EXPECT_EQ(::waitpid(process_, nullptr, 0), process_);
    }

    /// Until its work is done.
    [[nodiscard]] bool is_ready() const {
        char failed = 1;
        return ::read(ready_[0], &failed, 1) == 1 && failed == 0;
    }

private:
    std::array<int, 2> ready_{};
    std::array<int, 2> hold_{};
    ::pid_t process_ = -1;
};

/// What is resident before a storm, and whether that comes back after it.
class memory_watch {
public:
    /// Call it when the storm is at its worst.
    void record_peak() { peak_ = std::max(peak_, resident()); }
    [[nodiscard]] std::uint64_t start() const { return start_; }
    [[nodiscard]] std::uint64_t peak() const { return peak_; }

    [[nodiscard]] ::testing::AssertionResult falls_back() const {
        const std::uint64_t at_end = resident();
        const auto begin = std::chrono::steady_clock::now();
        const bool has_fallen = eventually([&] { return resident() <= 2 * start_; }, 10s);
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - begin);
        const std::string books = "resident KiB: " + std::to_string(start_) + " before, " +
                                  std::to_string(peak_) + " at the peak, " +
                                  std::to_string(at_end) + " after, " + std::to_string(resident()) +
                                  " after " + std::to_string(took.count()) + " ms";
        std::cout << books << std::endl;  // a child that ends at once flushes nothing
        return has_fallen ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << books;
    }

private:
    const std::uint64_t start_ = resident();
    std::uint64_t peak_ = start_;
};

/// Each in a process that has done nothing before.
class storm_test : public ::testing::Test {
protected:
    void SetUp() override {
        if (is_sanitized) {
            GTEST_SKIP() << "sanitizers keep what is freed";
        }
        if (!read_process_memory()) {
            GTEST_SKIP() << "nothing tells what is resident";
        }
        ::rlimit limit{};
        ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = limit.rlim_max;
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
        most_connections = std::min<std::size_t>(limit.rlim_cur - 200, 8000);
        ASSERT_GE(most_connections, 1000U);
    }

    // What the limit of descriptors allows for.
    std::size_t most_connections = 0;
};

inline constexpr std::size_t peers_that_never_read = 240;

/// So many connections that are made and left alone.
[[nodiscard]] inline std::vector<raw_peer> connected(std::uint16_t port, std::size_t count,
                                                     int receive_buffer = 0) {
    std::vector<raw_peer> all;
    for (std::size_t i = 0; i < count; ++i) {
        all.push_back(raw_peer::connect(port, receive_buffer));
    }
    return all;
}

[[nodiscard]] inline server_options for_storms() {
    server_options options;
    options.max_connections = 0;
    options.socket.send_buffer_size = 16 * 1024;
    return options;
}

/// A storm of `count` connections that `peers()` makes, in another process, and that is at its
/// worst after `rage(memory)`.
template <typename Server, typename Peers, typename Rage>
void expect_memory_back_after(Server& server, std::size_t count, const Peers& peers,
                              const Rage& rage) {
    memory_watch memory;
    {
        const crowd storm(peers);
        ASSERT_TRUE(storm.is_ready());
        ASSERT_TRUE(server.sessions.wait_for(count, 25s));
        rage(memory);
        memory.record_peak();
    }
    ASSERT_TRUE(server.closed.wait_for(count));
    server.sessions.clear();
    server.closed.clear();
    EXPECT_TRUE(memory.falls_back());
}

/// The worst is what has arrived by then.
inline void wait_for_much(memory_watch& memory) {
    ASSERT_TRUE(eventually([&] {
        memory.record_peak();
        return memory.peak() >= 10 * memory.start();
    }));
}

/// `fill` fills the queues of peers that never read, until each refuses more.
template <typename Fill>
void expect_memory_back(const Fill& fill, const server_options& options = for_storms()) {
    test_server server(options);
    const auto port = server.start();
    expect_memory_back_after(
        server, peers_that_never_read,
        [port] { return connected(port, peers_that_never_read, 4096); },
        [&](memory_watch& memory) {
            fill(server);
            memory.record_peak();
            EXPECT_GE(memory.peak(), 20 * memory.start()) << "no storm";
        });
}

inline void send_until_full(const session_ptr& session, std::size_t size) {
    const std::vector<std::uint8_t> message(size, 7);
    while (session->send_packet(std::span<const std::uint8_t>(message))) {}
}

}  // namespace storms
