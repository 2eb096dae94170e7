#pragma once

#include "echo_load.h"

#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

/// A load of echoed datagrams, of which some may be lost.
namespace sample {

/// What goes through the loopback interface with room for headers.
inline constexpr std::size_t largest_datagram = 65'507;

/// One client of a load: it sends a new datagram for each answer, and checks that the answers come
/// back unharmed. Everything after `start` happens inside its callbacks or `refill`.
class datagram_client {
public:
    datagram_client(int number, const load_shape& shape, steady::duration length)
        : shape_(shape), length_(length), message_(shape.size), client_("load") {
        for (std::size_t i = 0; i < message_.size(); ++i) {
            message_[i] = static_cast<std::uint8_t>((static_cast<std::size_t>(number) + i) % 251);
        }
        client_.set_receive_callback(
            [this](std::span<const std::uint8_t> data) { on_answer(data); });
    }

    void start(std::uint16_t port) {
        require(client_.start_client("127.0.0.1", port), "start_client");
        end_ = steady::now() + length_;
        const std::lock_guard lock(mutex_);
        fill();
    }
    /// Waits until the load is over. When nothing comes back for a while, what was under way is
    /// lost, and others take its place.
    void wait() {
        constexpr std::chrono::milliseconds patience{100};
        std::unique_lock lock(mutex_);
        while (!(steady::now() >= end_ && in_flight_ == 0)) {
            const auto before = answered_;
            changed_.wait_for(lock, patience,
                              [this] { return steady::now() >= end_ && in_flight_ == 0; });
            if (answered_ == before) {
                lost_ += static_cast<std::uint64_t>(in_flight_);
                in_flight_ = 0;
                if (steady::now() < end_) {
                    fill();
                }
            }
        }
    }
    void stop() { require(client_.stop_client(), "stop_client"); }

    [[nodiscard]] std::uint64_t answered() const { return answered_; }
    [[nodiscard]] std::uint64_t lost() const { return lost_; }
    [[nodiscard]] const latency_histogram& latency() const { return latency_; }
    [[nodiscard]] network_system::datagram_metrics metrics() const { return client_.metrics(); }

private:
    void on_answer(std::span<const std::uint8_t> data) {
        const auto now = steady::now();
        std::int64_t sent_at = 0;
        const std::lock_guard lock(mutex_);
        expect(data.size() == shape_.size, "an answer of the right size");
        std::memcpy(&sent_at, data.data(), sizeof sent_at);
        expect(std::memcmp(data.data() + sizeof sent_at, message_.data() + sizeof sent_at,
                           shape_.size - sizeof sent_at) == 0,
               "an answer that is what was sent");
        ++answered_;
        latency_.add(std::chrono::nanoseconds(now.time_since_epoch()) -
                     std::chrono::nanoseconds(sent_at));
        in_flight_ = std::max(in_flight_ - 1, 0);
        if (now < end_) {
            fill();
        } else if (in_flight_ == 0) {
            changed_.notify_all();
        }
    }

    void fill() {
        for (; in_flight_ < shape_.in_flight; ++in_flight_) {
            const std::int64_t now =
                std::chrono::nanoseconds(steady::now().time_since_epoch()).count();
            std::memcpy(message_.data(), &now, sizeof now);
            require(client_.send_packet(std::span<const std::uint8_t>(message_)), "send_packet");
        }
    }

    const load_shape shape_;
    const steady::duration length_;
    steady::time_point end_;
    std::mutex mutex_;
    std::condition_variable changed_;
    int in_flight_ = 0;
    std::uint64_t answered_ = 0;
    std::uint64_t lost_ = 0;
    latency_histogram latency_;
    std::vector<std::uint8_t> message_;
    network_system::core::messaging_udp_client client_;
};

struct datagram_report : load_report {
    std::uint64_t lost = 0;
};

/// Runs one load against a new server, and checks the books of both sides.
inline datagram_report measure_datagrams(const load_shape& shape, steady::duration length) {
    network_system::core::messaging_udp_server server("load");
    server.set_receive_callback(
        [&](std::span<const std::uint8_t> data, const network_system::endpoint& from) {
            // A refused answer is counted, and missed by the client.
            (void)server.send_to(data, from);
        });
    require(server.start_server(0), "start_server");
    std::vector<std::unique_ptr<datagram_client>> clients;
    for (int i = 0; i < shape.clients; ++i) {
        clients.push_back(std::make_unique<datagram_client>(i, shape, length));
    }
    const auto begin = steady::now();
    for (const auto& each : clients) {
        each->start(server.local_port());
    }
    datagram_report report;
    std::uint64_t sent = 0;
    for (const auto& each : clients) {
        each->wait();
    }
    report.seconds = std::chrono::duration<double>(steady::now() - begin).count();
    for (const auto& each : clients) {
        each->stop();
        report.messages += each->answered();
        report.lost += each->lost();
        report.latency.add(each->latency());
        const auto counted = each->metrics();
        sent += counted.datagrams_sent;
        expect(counted.callback_exceptions == 0, "every answer was right");
        expect(counted.send_failures == 0, "every datagram was taken by the system");
    }
    require(server.stop_server(), "stop_server");
    const auto served = server.metrics();
    expect(served.datagrams_received <= sent, "the server received no more than was sent");
    expect(served.datagrams_received + served.kernel_drops <= sent, "and knows what it lost");
    expect(served.datagrams_sent + served.sends_rejected + served.datagrams_dropped +
                   served.send_failures ==
               served.datagrams_received,
           "the server answered everything, or says what became of it");
    expect(report.messages <= served.datagrams_sent, "no answer came twice");
    return report;
}

inline load_report run_datagram_load(const load_shape& shape, steady::duration length) {
    return measure_datagrams(shape, length);
}

}  // namespace sample
