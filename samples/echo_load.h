#pragma once

#include "sample.h"

#include <network_system/utils/result_types.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <vector>

/// A load of echoed messages over any pair of server and client with the library's interface.
namespace sample {

using steady = std::chrono::steady_clock;

/// Counts durations in buckets that are at most 1/32 wide of their value.
class latency_histogram {
public:
    void add(std::chrono::nanoseconds latency) {
        ++counts_[bucket_of(
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, latency.count())))];
        ++total_;
    }
    void add(const latency_histogram& other) {
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            counts_[i] += other.counts_[i];
        }
        total_ += other.total_;
    }
    /// The upper edge of the bucket that holds the quantile, in microseconds.
    [[nodiscard]] double microseconds(double quantile) const {
        const auto wanted = static_cast<std::uint64_t>(quantile * static_cast<double>(total_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen > wanted) {
                return static_cast<double>(upper_edge(i)) / 1000.0;
            }
        }
        return 0;
    }

private:
    static constexpr unsigned sub_bits = 5;
    static constexpr std::uint64_t sub_buckets = std::uint64_t{1} << sub_bits;

    static std::size_t bucket_of(std::uint64_t value) {
        if (value < sub_buckets) {
            return static_cast<std::size_t>(value);
        }
        const auto shift = static_cast<unsigned>(std::bit_width(value)) - sub_bits - 1;
        return static_cast<std::size_t>((shift + 1) * sub_buckets +
                                        ((value >> shift) - sub_buckets));
    }
    static std::uint64_t upper_edge(std::size_t bucket) {
        const std::uint64_t row = bucket / sub_buckets;
        const std::uint64_t column = bucket % sub_buckets;
        return row == 0 ? column : (sub_buckets + column + 1) << (row - 1);
    }

    std::array<std::uint64_t, (64 - sub_bits) * sub_buckets + sub_buckets> counts_{};
    std::uint64_t total_ = 0;
};

struct load_shape {
    int clients;
    /// Messages each client has under way at a time.
    int in_flight;
    std::size_t size;
};

struct load_report {
    std::uint64_t messages = 0;
    double seconds = 0;
    latency_histogram latency;
};

/// One client of a load. It begins when the server says so, sends a new message for each answer,
/// and checks that the answers come back unharmed and in order. Everything after `start` happens
/// inside its callbacks, which never overlap.
template <typename Client>
class load_client {
public:
    load_client(std::unique_ptr<Client> client, int number, const load_shape& shape,
                steady::duration length)
        : shape_(shape), length_(length), message_(shape.size), client_(std::move(client)) {
        // Bytes that tell apart the clients, and the places in a message.
        for (std::size_t i = 0; i < message_.size(); ++i) {
            message_[i] = static_cast<std::uint8_t>((static_cast<std::size_t>(number) + i) % 251);
        }
        client_->set_receive_callback(
            [this](std::span<const std::uint8_t> message) { on_message(message); });
    }

    [[nodiscard]] std::future<std::string> start(std::uint16_t port) {
        require(client_->start_client("127.0.0.1", port), "start_client");
        return failure_.get_future();
    }
    void stop() { require(client_->stop_client(), "stop_client"); }

    [[nodiscard]] std::uint64_t answered() const { return answered_; }
    [[nodiscard]] const latency_histogram& latency() const { return latency_; }

private:
    void on_message(std::span<const std::uint8_t> message) {
        const auto now = steady::now();
        if (!has_begun_) {
            has_begun_ = true;
            end_ = now + length_;
            for (int i = 0; i < shape_.in_flight; ++i) {
                send_one();
            }
            return;
        }
        std::uint64_t number = 0;
        std::int64_t sent_at = 0;
        if (message.size() != shape_.size) {
            end_with("an answer of the wrong size");
            return;
        }
        std::memcpy(&number, message.data(), sizeof number);
        std::memcpy(&sent_at, message.data() + sizeof number, sizeof sent_at);
        if (number != answered_) {
            end_with("an answer out of order");
            return;
        }
        constexpr std::size_t head = sizeof number + sizeof sent_at;
        if (std::memcmp(message.data() + head, message_.data() + head, shape_.size - head) != 0) {
            end_with("an answer that is not what was sent");
            return;
        }
        ++answered_;
        latency_.add(std::chrono::nanoseconds(now.time_since_epoch()) -
                     std::chrono::nanoseconds(sent_at));
        if (now < end_) {
            send_one();
        } else if (answered_ == sent_) {
            end_with({});
        }
    }

    void send_one() {
        const std::int64_t now = std::chrono::nanoseconds(steady::now().time_since_epoch()).count();
        std::memcpy(message_.data(), &sent_, sizeof sent_);
        std::memcpy(message_.data() + sizeof sent_, &now, sizeof now);
        if (const auto sent = client_->send_packet(std::span<const std::uint8_t>(message_));
            !sent) {
            end_with(sent.error().message);
            return;
        }
        ++sent_;
    }

    void end_with(std::string failure) {
        if (!std::exchange(has_ended_, true)) {
            failure_.set_value(std::move(failure));
        }
    }

    const load_shape shape_;
    const steady::duration length_;
    steady::time_point end_;
    bool has_begun_ = false;
    bool has_ended_ = false;
    std::uint64_t sent_ = 0;
    std::uint64_t answered_ = 0;
    latency_histogram latency_;
    std::vector<std::uint8_t> message_;
    std::promise<std::string> failure_;
    std::unique_ptr<Client> client_;
};

/// Runs one load against a new server, and checks the accounting of both sides. `Protocol` names
/// the classes and makes the objects; see quickstart.cpp.
template <typename Protocol>
load_report run_load(const load_shape& shape, steady::duration length) {
    using client = load_client<typename Protocol::client>;
    const auto server = Protocol::make_server();
    server->set_receive_callback([](const auto& session, std::span<const std::uint8_t> message) {
        // A refused answer is missed by the client, whose check fails.
        (void)session->send_packet(message);
    });
    require(server->start_server(0), "start_server");

    std::vector<std::unique_ptr<client>> clients;
    std::vector<std::future<std::string>> ends;
    for (int i = 0; i < shape.clients; ++i) {
        clients.push_back(std::make_unique<client>(Protocol::make_client(), i, shape, length));
        ends.push_back(clients.back()->start(server->local_port()));
    }
    const auto begin = steady::now();
    require(server->broadcast("begin"), "broadcast");
    for (auto& end : ends) {
        const std::string failure = await(std::move(end), "the end of the load");
        expect(failure.empty(), failure);
    }
    load_report report;
    report.seconds = std::chrono::duration<double>(steady::now() - begin).count();
    for (const auto& each : clients) {
        each->stop();
        report.messages += each->answered();
        report.latency.add(each->latency());
    }
    require(server->stop_server(), "stop_server");
    const auto served = server->metrics();
    expect(served.totals.messages_received == report.messages, "the server received every message");
    expect(served.totals.messages_sent ==
               report.messages + static_cast<std::uint64_t>(shape.clients),
           "the server answered every message, and began the load once for each client");
    expect(served.session_errors == 0, "no connection failed");
    return report;
}

}  // namespace sample
