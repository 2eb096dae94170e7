// Clients of several kinds that exchange messages with servers of this process, in interleaved
// rounds: what the machine does meanwhile meets all of them alike, and the medians of each round's
// ratio to the first kind are what counts. CPU time is that of clients and servers.
#pragma once

#include "common.h"

#include <network_system/utils/result_types.h>

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace compare {

inline void require(const network_system::VoidResult& result) {
    if (result.is_err()) {
        throw std::runtime_error(result.error().message);
    }
}

[[nodiscard]] inline double cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

struct shape {
    std::size_t connections;
    std::size_t in_flight;
    std::size_t size;
    std::size_t messages;
};

/// The messages that are still to be sent and to come back, over all clients of a round.
class round_of_messages {
public:
    explicit round_of_messages(std::size_t messages)
        : to_send_(static_cast<std::int64_t>(messages)),
          to_finish_(static_cast<std::int64_t>(messages)) {}

    [[nodiscard]] bool take() { return to_send_.fetch_sub(1, std::memory_order_relaxed) > 0; }
    void finish() {
        if (to_finish_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            const std::lock_guard lock(mutex_);
            is_over_ = true;
            over_.notify_all();
        }
    }
    void wait() {
        std::unique_lock lock(mutex_);
        over_.wait(lock, [this] { return is_over_; });
    }

private:
    std::atomic<std::int64_t> to_send_;
    std::atomic<std::int64_t> to_finish_;
    std::mutex mutex_;
    std::condition_variable over_;
    bool is_over_ = false;
};

/// CPU seconds per message.
template <typename Client>
[[nodiscard]] double measure(const shape& load, std::uint16_t port) {
    const std::vector<std::uint8_t> message(load.size, 0x5a);
    round_of_messages round(load.messages);
    std::vector<std::unique_ptr<Client>> clients;
    for (std::size_t i = 0; i < load.connections; ++i) {
        clients.push_back(std::make_unique<Client>(port, message, round));
    }
    const double before = cpu_seconds();
    for (const auto& each : clients) {
        for (std::size_t i = 0; i < load.in_flight && round.take(); ++i) {
            each->send(message);
        }
    }
    round.wait();
    return (cpu_seconds() - before) / static_cast<double>(load.messages);
}

[[nodiscard]] inline double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

/// One kind of clients: its name, and what a message costs in a round of its own.
struct kind {
    std::string name;
    std::function<double()> measure;
    std::vector<double> cost = {};
    std::vector<double> ratio = {};
};

/// Prints each kind beside the first. `only`: runs that one once, counted from 1, for a profiler;
/// 0 = all of them.
inline void compare_kinds(std::vector<kind> all, const shape& load, std::size_t rounds,
                          std::size_t only) {
    if (only > 0) {
        (void)all[std::min(only, all.size()) - 1].measure();
        return;
    }
    (void)all[0].measure();
    for (std::size_t i = 0; i < rounds; ++i) {
        for (std::size_t k = 0; k < all.size(); ++k) {
            // Forwards and backwards in turn.
            kind& each = all[i % 2 == 0 ? k : all.size() - 1 - k];
            each.cost.push_back(each.measure());
        }
        for (kind& each : all) {
            each.ratio.push_back(each.cost.back() / all[0].cost.back());
        }
    }
    std::printf("%zu connections, %zu in flight, %zu bytes; medians of %zu rounds\n",
                load.connections, load.in_flight, load.size, rounds);
    for (const kind& each : all) {
        std::printf("  %-40s %7.1f ns of CPU a message  %5.3f of the first\n", each.name.c_str(),
                    median(each.cost) * 1e9, median(each.ratio));
    }
}

/// The shape of the load, and which kinds in how many rounds, as the command line says.
struct settings {
    explicit settings(arguments& options)
        : load{options.number<std::size_t>("--connections", 64),
               options.number<std::size_t>("--in-flight", 32),
               options.number<std::size_t>("--size", 64),
               options.number<std::size_t>("--messages", 1'000'000)},
          rounds(options.number<std::size_t>("--rounds", 11)),
          only(options.number<std::size_t>("--only", 0)) {
        options.expect_no_more();
    }

    shape load;
    std::size_t rounds;
    std::size_t only;
};

}  // namespace compare
