// The load: connections with a number of messages in flight each, and what the server process
// spends on them.
#pragma once

#include "common.h"
#include "histogram.h"
#include "load_connection.h"
#include "tcp_channel.h"
#include "websocket.h"

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <ctime>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace compare {

inline constexpr std::uint64_t second = 1'000'000'000;

struct settings {
    std::string host;
    std::uint16_t port = 0;
    std::size_t connections = 0;
    std::size_t in_flight = 0;
    std::size_t payload = 0;
    double seconds = 0;
    double warmup = 0;
    pid_t server_pid = 0;
    bool hello = false;
    bool requests = false;
    bool broadcast = false;
    bool tls = false;
    std::string suites;  // see tls_channel::offered_suites
    std::optional<websocket_payload> websocket;
    bool comes_back_as_sent = false;  // a server that does not know the protocol
    std::size_t idle = 0;
    std::string handshakes;
};

inline std::uint64_t clock_ns(clockid_t clock) {
    timespec time{};
    check(::clock_gettime(clock, &time), "clock_gettime");
    return static_cast<std::uint64_t>(time.tv_sec) * second +
           static_cast<std::uint64_t>(time.tv_nsec);
}

inline std::uint64_t now_ns() {
    return clock_ns(CLOCK_MONOTONIC);
}

inline std::uint64_t to_ns(double seconds) {
    return static_cast<std::uint64_t>(seconds * static_cast<double>(second));
}

class server_process {
public:
    explicit server_process(pid_t pid) : pid_(pid) {
        if (const int error = ::clock_getcpuclockid(pid, &clock_); error != 0) {
            throw std::system_error(error, std::generic_category(), "CPU clock of the server");
        }
    }

    std::uint64_t cpu_ns() const { return clock_ns(clock_); }

    long rss_kib() const {
        std::ifstream status{"/proc/" + std::to_string(pid_) + "/status"};
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("VmRSS:")) {
                return std::stol(line.substr(6));
            }
        }
        throw std::runtime_error("no VmRSS of the server process");
    }

private:
    pid_t pid_;
    clockid_t clock_{};
};

template <typename Channel>
void receive_hello(Channel& channel) {
    std::array<std::uint8_t, 4096> buffer;
    channel.receive_exactly(std::span(buffer).first(header_size), "hello");
    const frame_header header = read_header(buffer.data());
    if ((header.first & 0xf0) != hello_frame || header.length > buffer.size()) {
        throw std::runtime_error("the first frame of the server is not a hello");
    }
    if (header.length > 0) {
        channel.receive_exactly(std::span(buffer).first(header.length), "hello");
    }
}

template <typename Channel>
Channel open_connection(const settings& config) {
    Channel channel(config.host, config.port);
    if (config.hello) {
        receive_hello(channel);
    }
    if (config.websocket && !config.comes_back_as_sent) {
        open_websocket(channel);
    }
    return channel;
}

inline exchange exchange_of(const settings& config) {
    if (config.websocket) {
        return websocket_exchange(*config.websocket, config.payload, config.comes_back_as_sent);
    }
    return config.requests ? request_exchange(config.payload) : echo_exchange(config.payload);
}

template <typename Channel>
class load {
    using connection = load_connection<Channel>;

public:
    explicit load(const settings& config)
        : epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")), buffer_(512 * 1024),
          shapes_(exchange_of(config)), is_broadcast_(config.broadcast) {
        for (std::size_t i = 0; i < config.connections; ++i) {
            // All receive what the first one sends when it is broadcast.
            const std::uint64_t first = is_broadcast_ ? 0 : std::uint64_t{i} << 40;
            connections_.push_back(std::make_unique<connection>(open_connection<Channel>(config),
                                                                shapes_, config.in_flight, first));
            watch(EPOLL_CTL_ADD, *connections_.back(), EPOLLIN);
        }
    }

    void start() {
        if (is_broadcast_) {
            send_to_all();
            return;
        }
        for (const auto& peer : connections_) {
            refill(*peer, now_ns());
        }
    }

    void pump(std::uint64_t duration) {
        for (const std::uint64_t end = now_ns() + duration; now_ns() < end;) {
            wake();
        }
    }

    // Every message that was sent has to be answered, so a connection that was forgotten shows.
    void finish() {
        sending_ = false;
        const std::uint64_t end = now_ns() + stall_seconds * second;
        for (const auto& peer : connections_) {
            while (peer->awaits_answers()) {
                if (now_ns() > end) {
                    throw std::runtime_error("stalled: the last answers did not come within 10 s");
                }
                wake();
            }
        }
    }

    void clear_latency() { latency_.clear(); }
    const histogram& latency() const { return latency_; }
    std::uint64_t errors() const { return errors_; }

private:
    void watch(int operation, connection& peer, std::uint32_t interest) {
        epoll_event event{};
        event.events = interest;
        event.data.ptr = &peer;
        check(::epoll_ctl(epoll_.get(), operation, peer.fd(), &event), "epoll_ctl");
    }

    void wake() {
        std::array<epoll_event, 256> events;
        const int count =
            check(::epoll_wait(epoll_.get(), events.data(), events.size(), stall_seconds * 1000),
                  "epoll_wait");
        if (count == 0) {
            throw std::runtime_error("stalled: no answer from the server for 10 s");
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
            auto& peer = *static_cast<connection*>(events[i].data.ptr);
            const std::uint64_t now =
                (events[i].events & ~std::uint32_t{EPOLLOUT}) != 0 ? receive(peer) : now_ns();
            if (!is_broadcast_) {
                refill(peer, now);
            } else if (awaited_ == 0 && sending_) {
                send_to_all();
            }
        }
    }

    // The next message begins when everybody has the one before.
    void send_to_all() {
        const std::uint64_t now = now_ns();
        awaited_ = connections_.size();
        for (std::size_t i = 1; i < connections_.size(); ++i) {
            connections_[i]->expect_one(now);
        }
        refill(*connections_.front(), now);
    }

    std::uint64_t receive(connection& peer) {
        const std::size_t got = peer.channel().receive(buffer_);
        const std::uint64_t now = now_ns();
        peer.receive(buffer_.data(), got, [this, now](std::uint64_t queued_at, bool right) {
            latency_.record(now - queued_at);
            errors_ += right ? 0 : 1;
            --awaited_;
        });
        return now;
    }

    void refill(connection& peer, std::uint64_t now) {
        if (sending_) {
            peer.queue_all(now);
        }
        if (peer.has_unsent()) {
            peer.send_queued();
        }
        if (peer.has_unsent() != peer.wants_out) {
            peer.wants_out = peer.has_unsent();
            const auto out = std::uint32_t{peer.wants_out ? EPOLLOUT : 0u};
            watch(EPOLL_CTL_MOD, peer, EPOLLIN | out);
        }
    }

    descriptor epoll_;
    std::vector<std::uint8_t> buffer_;
    exchange shapes_;
    std::vector<std::unique_ptr<connection>> connections_;
    bool is_broadcast_;
    std::size_t awaited_ = 0;
    histogram latency_;
    std::uint64_t errors_ = 0;
    bool sending_ = true;
};

}  // namespace compare
