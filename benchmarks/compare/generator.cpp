// The load generator: one thread, non-blocking sockets, level-triggered epoll, nothing between it
// and the kernel. It keeps a number of messages in flight on every connection, checks every answer,
// and prints what it saw, and what the server process spent on it, as one line of JSON.

#include "common.h"
#include "histogram.h"
#include "load_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <ctime>
#include <fstream>
#include <memory>
#include <thread>

namespace {

using compare::check;
using compare::descriptor;
using compare::load_connection;

constexpr int stall_seconds = 10;
constexpr std::chrono::seconds settle_time{1};
constexpr std::uint64_t second = 1'000'000'000;

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
    std::size_t idle = 0;
};

std::uint64_t clock_ns(clockid_t clock) {
    timespec time{};
    check(::clock_gettime(clock, &time), "clock_gettime");
    return static_cast<std::uint64_t>(time.tv_sec) * second +
           static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t now_ns() {
    return clock_ns(CLOCK_MONOTONIC);
}

std::uint64_t to_ns(double seconds) {
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

// A blocking call that met its time limit fails with EAGAIN, connect with EINPROGRESS.
ssize_t check_in_time(ssize_t result, const char* what) {
    if (result < 0 && (errno == EAGAIN || errno == EINPROGRESS)) {
        throw std::runtime_error(std::string{what} + ": nothing from the server for 10 s");
    }
    return check(result, what);
}

void receive_exactly(int fd, std::uint8_t* to, std::size_t size, const char* what) {
    const ssize_t got = ::recv(fd, to, size, MSG_WAITALL);
    if (check_in_time(got, what) != static_cast<ssize_t>(size)) {
        throw std::runtime_error(std::string{what} + ": the server closed the connection early");
    }
}

void set_timeouts(int fd) {
    const timeval timeout{stall_seconds, 0};
    check(::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), "SO_RCVTIMEO");
    check(::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout), "SO_SNDTIMEO");
}

void receive_hello(int fd) {
    std::array<std::uint8_t, 4096> buffer;
    receive_exactly(fd, buffer.data(), compare::header_size, "hello");
    const compare::frame_header header = compare::read_header(buffer.data());
    if ((header.first & 0xf0) != compare::hello_frame || header.length > buffer.size()) {
        throw std::runtime_error("the first frame of the server is not a hello");
    }
    if (header.length > 0) {
        receive_exactly(fd, buffer.data(), header.length, "hello");
    }
}

// Still blocking, each step bounded by the stall time.
descriptor open_connection(const settings& config) {
    descriptor fd{check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")};
    set_timeouts(fd.get());
    const int on = 1;
    check(::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(config.port);
    if (::inet_pton(AF_INET, config.host.c_str(), &address.sin_addr) != 1) {
        throw std::invalid_argument("--host: not an IPv4 address: " + config.host);
    }
    check_in_time(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
                  "connect");
    if (config.hello) {
        receive_hello(fd.get());
    }
    return fd;
}

class load {
public:
    explicit load(const settings& config)
        : epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")), buffer_(256 * 1024),
          is_broadcast_(config.broadcast) {
        const auto& shapes = config.requests ? compare::request_exchange : compare::echo_exchange;
        for (std::size_t i = 0; i < config.connections; ++i) {
            // All receive what the first one sends when it is broadcast.
            const std::uint64_t first = is_broadcast_ ? 0 : std::uint64_t{i} << 40;
            connections_.push_back(std::make_unique<load_connection>(
                open_connection(config), config.in_flight, config.payload, first, shapes));
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
    const compare::histogram& latency() const { return latency_; }
    std::uint64_t errors() const { return errors_; }

private:
    void watch(int operation, load_connection& peer, std::uint32_t interest) {
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
            auto& peer = *static_cast<load_connection*>(events[i].data.ptr);
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

    std::uint64_t receive(load_connection& peer) {
        const ssize_t got = ::recv(peer.fd(), buffer_.data(), buffer_.size(), 0);
        const std::uint64_t now = now_ns();
        if (got < 0 && errno == EAGAIN) {
            return now;
        }
        if (check(got, "receive") == 0) {
            throw std::runtime_error("the server closed a connection");
        }
        peer.receive(buffer_.data(), static_cast<std::size_t>(got),
                     [this, now](std::uint64_t queued_at, bool right) {
                         latency_.record(now - queued_at);
                         errors_ += right ? 0 : 1;
                         --awaited_;
                     });
        return now;
    }

    void refill(load_connection& peer, std::uint64_t now) {
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
    std::vector<std::unique_ptr<load_connection>> connections_;
    bool is_broadcast_;
    std::size_t awaited_ = 0;
    compare::histogram latency_;
    std::uint64_t errors_ = 0;
    bool sending_ = true;
};

void measure_load(const settings& config) {
    const server_process server{config.server_pid};
    const auto traffic = std::make_unique<load>(config);
    traffic->start();
    traffic->pump(to_ns(config.warmup));

    traffic->clear_latency();
    const std::uint64_t server_before = server.cpu_ns();
    const std::uint64_t own_before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    const std::uint64_t begin = now_ns();
    traffic->pump(to_ns(config.seconds));
    const auto elapsed = static_cast<double>(now_ns() - begin);
    const auto own_cpu = static_cast<double>(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own_before);
    const auto server_cpu = static_cast<double>(server.cpu_ns() - server_before);
    const long rss = server.rss_kib();
    const compare::histogram latency = traffic->latency();
    traffic->finish();

    const auto messages = static_cast<double>(latency.total());
    if (messages == 0) {
        throw std::runtime_error("no message was answered in the measured time");
    }
    const auto us = [&latency](double q) { return static_cast<double>(latency.quantile(q)) / 1e3; };
    std::printf("{\"messages\": %.0f, \"seconds\": %.6f, \"rate\": %.1f, \"p50_us\": %.2f, "
                "\"p99_us\": %.2f, \"p999_us\": %.2f, \"server_cpu_ns_per_message\": %.2f, "
                "\"server_busy\": %.3f, \"generator_busy\": %.3f, \"server_rss_kib\": %ld, "
                "\"errors\": %llu}\n",
                messages, elapsed / 1e9, messages / elapsed * 1e9, us(0.5), us(0.99), us(0.999),
                server_cpu / messages, server_cpu / elapsed, own_cpu / elapsed, rss,
                static_cast<unsigned long long>(traffic->errors()));
    if (traffic->errors() != 0) {
        throw std::runtime_error("answers with wrong contents");
    }
}

// Each connection has to echo one message: that proves that the server has accepted it, and an
// idle connection that has been used is the one that servers have to afford.
void measure_idle(const settings& config) {
    const server_process server{config.server_pid};
    std::vector<std::uint8_t> frame(compare::header_size + config.payload, 0x5a);
    compare::write_header(frame.data(),
                          {compare::data_frame, static_cast<std::uint32_t>(config.payload)});
    std::vector<std::uint8_t> answer(frame.size());
    std::vector<descriptor> connections;

    const long before = server.rss_kib();
    while (connections.size() < config.idle) {
        const int fd = connections.emplace_back(open_connection(config)).get();
        check(::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL), "send");
        receive_exactly(fd, answer.data(), answer.size(), "echo");
        if (answer != frame) {
            throw std::runtime_error("the answer differs from the message");
        }
    }
    std::this_thread::sleep_for(settle_time);
    const long after = server.rss_kib();
    std::printf("{\"connections\": %zu, \"rss_before_kib\": %ld, \"rss_after_kib\": %ld, "
                "\"kib_per_connection\": %.3f}\n",
                config.idle, before, after,
                static_cast<double>(after - before) / static_cast<double>(config.idle));
}

settings read_settings(compare::arguments& options) {
    settings config;
    config.host = options.text("--host", "127.0.0.1");
    config.port = options.number("--port", config.port);
    config.connections = options.number<std::size_t>("--connections", 1);
    config.in_flight = options.number<std::size_t>("--in-flight", 1);
    config.payload = options.number<std::size_t>("--payload", 64);
    config.seconds = options.number("--seconds", 1.0);
    config.warmup = options.number("--warmup", 0.2);
    config.server_pid = options.number<pid_t>("--server-pid", 0);
    config.hello = options.flag("--hello");
    config.requests = options.flag("--requests");
    config.broadcast = options.flag("--broadcast");
    config.idle = options.number<std::size_t>("--idle", 0);
    options.expect_no_more();
    if (config.port == 0 || config.server_pid == 0) {
        throw std::invalid_argument("--port and --server-pid are needed");
    }
    if (config.connections == 0 || config.in_flight == 0) {
        throw std::invalid_argument("--connections and --in-flight begin at 1");
    }
    if (config.broadcast && config.in_flight != 1) {
        throw std::invalid_argument("--broadcast has one message in flight");
    }
    if (config.payload < compare::sequence_size || config.payload > compare::max_payload) {
        throw std::invalid_argument("--payload is 8 bytes to 16 MiB");
    }
    return config;
}

void generate(compare::arguments& options) {
    const settings config = read_settings(options);
    compare::raise_descriptor_limit();
    if (config.idle > 0) {
        measure_idle(config);
    } else {
        measure_load(config);
    }
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, generate);
}
