// What a resilient_client costs beside a messaging_client, in one process and one run: echoes of
// both, and messages that are acknowledged instead. Client and server run in this process; CPU time
// is that of both. Rounds are interleaved, so that what the machine does meanwhile meets all alike;
// the medians of each round's ratio to the plain client are what counts.
//
//   compare_resilience [--connections N] [--in-flight N] [--size BYTES] [--messages N] [--rounds N]
//                      [--only K]

#include "common.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/resilience/resilient_client.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace network_system;
using resilience::delivery_mode;
using resilience::resilient_client;
using resilience::resilient_client_options;

void require(const VoidResult& result) {
    if (result.is_err()) {
        throw std::runtime_error(result.error().message);
    }
}

[[nodiscard]] double cpu_seconds() {
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

class plain_client {
public:
    plain_client(std::uint16_t port, std::span<const std::uint8_t> message,
                 round_of_messages& round)
        : client_("plain") {
        (void)client_.set_receive_callback([this, message, &round](std::span<const std::uint8_t>) {
            round.finish();
            if (round.take()) {
                require(client_.send_packet(message));
            }
        });
        require(client_.start_client("127.0.0.1", port));
    }
    void send(std::span<const std::uint8_t> message) { require(client_.send_packet(message)); }

private:
    core::messaging_client client_;
};

class at_most_once_client {
public:
    at_most_once_client(std::uint16_t port, std::span<const std::uint8_t> message,
                        round_of_messages& round)
        : client_("resilient", "127.0.0.1", port) {
        (void)client_.set_receive_callback([this, message, &round](std::span<const std::uint8_t>) {
            round.finish();
            if (round.take()) {
                require(client_.send_with_retry(message));
            }
        });
        require(client_.connect());
    }
    void send(std::span<const std::uint8_t> message) { require(client_.send_with_retry(message)); }

private:
    resilient_client client_;
};

class at_least_once_client {
public:
    at_least_once_client(std::uint16_t port, std::span<const std::uint8_t>,
                         round_of_messages& round)
        : round_(round), client_("acknowledged", options_for(port)) {
        require(client_.connect());
    }
    void send(std::span<const std::uint8_t> message) {
        require(client_.send_with_retry(message, [this, message](const VoidResult& result) {
            require(result);
            round_.finish();
            if (round_.take()) {
                send(message);
            }
        }));
    }

private:
    static resilient_client_options options_for(std::uint16_t port) {
        resilient_client_options options;
        options.endpoints = {{"127.0.0.1", port}};
        options.delivery = delivery_mode::at_least_once;
        return options;
    }

    round_of_messages& round_;
    resilient_client client_;
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

[[nodiscard]] double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void run(const shape& load, std::size_t rounds, std::size_t only) {
    core::messaging_server echo("echo");
    (void)echo.set_receive_callback([](const auto& session, std::span<const std::uint8_t> data) {
        (void)session->send_packet(data);
    });
    core::messaging_server taker("taker");
    (void)taker.set_receive_callback([](std::span<const std::uint8_t>) {});
    require(echo.start_server(0));
    require(taker.start_server(0));

    struct compared {
        const char* name;
        std::function<double()> measure;
        std::vector<double> cost;
        std::vector<double> ratio;
    };
    std::array<compared, 4> all{{
        {"messaging_client, echo",
         [&] { return measure<plain_client>(load, echo.local_port()); },
         {},
         {}},
        {"the same again", [&] { return measure<plain_client>(load, echo.local_port()); }, {}, {}},
        {"resilient_client, echo",
         [&] { return measure<at_most_once_client>(load, echo.local_port()); },
         {},
         {}},
        {"resilient_client, acknowledged",
         [&] { return measure<at_least_once_client>(load, taker.local_port()); },
         {},
         {}},
    }};
    if (only > 0) {
        // For a profiler.
        (void)all[std::min(only, all.size()) - 1].measure();
        return;
    }
    (void)all[0].measure();
    for (std::size_t i = 0; i < rounds; ++i) {
        for (std::size_t k = 0; k < all.size(); ++k) {
            // Forwards and backwards in turn.
            compared& each = all[i % 2 == 0 ? k : all.size() - 1 - k];
            each.cost.push_back(each.measure());
        }
        for (compared& each : all) {
            each.ratio.push_back(each.cost.back() / all[0].cost.back());
        }
    }
    std::printf("%zu connections, %zu in flight, %zu bytes; medians of %zu rounds\n",
                load.connections, load.in_flight, load.size, rounds);
    for (const compared& each : all) {
        std::printf("  %-32s %7.1f ns of CPU a message  %5.3f of the plain client\n", each.name,
                    median(each.cost) * 1e9, median(each.ratio));
    }
}

void compare_resilience(compare::arguments& options) {
    const shape load{options.number<std::size_t>("--connections", 64),
                     options.number<std::size_t>("--in-flight", 32),
                     options.number<std::size_t>("--size", 64),
                     options.number<std::size_t>("--messages", 1'000'000)};
    const auto rounds = options.number<std::size_t>("--rounds", 11);
    const auto only = options.number<std::size_t>("--only", 0);
    options.expect_no_more();
    run(load, rounds, only);
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, compare_resilience);
}
