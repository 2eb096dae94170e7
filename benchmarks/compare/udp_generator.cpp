// The other side of the compared UDP programs. --role flood sends bursts to a port, each of which
// arrives at once (UDP_SEGMENT), as from a network card; --role echo keeps datagrams in flight on
// many sockets. Prints one line of JSON.

#include "udp_common.h"

#include <sys/epoll.h>

#include <algorithm>
#include <memory>

namespace {

using compare::check;
using compare::descriptor;
using std::chrono::steady_clock;

struct settings {
    std::uint16_t port = 0;
    std::size_t size = 64;
    double seconds = 0.3;
    std::size_t rate = 0;
    std::size_t sockets = 64;
    std::size_t in_flight = 8;
};

steady_clock::duration length_of(double seconds) {
    return std::chrono::duration_cast<steady_clock::duration>(
        std::chrono::duration<double>(seconds));
}

void connect_to(const descriptor& socket, std::uint16_t port) {
    const sockaddr_in peer = compare::loopback_address(port);
    check(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer),
          "connect");
}

/// `rate` datagrams a second in bursts of a batch; 0 = as fast as they go.
void flood(const settings& chosen) {
    const descriptor socket = compare::open_udp(0);
    connect_to(socket, chosen.port);
    const int size = static_cast<int>(chosen.size);
    check(::setsockopt(socket.get(), IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size), "UDP_SEGMENT");
    const std::size_t segments = std::min<std::size_t>(compare::udp_batch, 65507 / chosen.size);
    const std::vector<std::uint8_t> burst(segments * chosen.size, 1);
    std::uint64_t sent = 0;
    const auto begin = steady_clock::now();
    const auto end = begin + length_of(chosen.seconds);
    for (auto now = begin; now < end; now = steady_clock::now()) {
        const double due =
            std::chrono::duration<double>(now - begin).count() * static_cast<double>(chosen.rate);
        if (chosen.rate != 0 && static_cast<double>(sent) > due) {
            continue;
        }
        sent += ::send(socket.get(), burst.data(), burst.size(), 0) > 0 ? segments : 0;
    }
    compare::report_run(sent, compare::cpu_nanoseconds(),
                        std::chrono::duration<double>(steady_clock::now() - begin).count());
}

/// A datagram that is not answered for this long is lost, and another takes its place.
constexpr auto patience = std::chrono::milliseconds{50};

class echo_socket {
public:
    echo_socket(const settings& chosen)
        : socket_(compare::open_udp(0, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK)),
          places_(chosen.size, chosen.in_flight) {
        connect_to(socket_, chosen.port);
        for (auto& each : places_.headers) {
            each.msg_hdr.msg_name = nullptr;
            each.msg_hdr.msg_namelen = 0;
        }
    }
    int handle() const { return socket_.get(); }
    void fill() { send(places_.headers.size() - in_flight_); }
    // How many answers came.
    std::size_t answer(steady_clock::time_point now) {
        const std::size_t got = places_.receive(socket_.get(), 0);
        in_flight_ -= std::min(got, in_flight_);
        last_ = now;
        return got;
    }
    std::size_t give_up(steady_clock::time_point now) {
        return now - last_ > patience ? std::exchange(in_flight_, 0) : 0;
    }

private:
    void send(std::size_t count) {
        if (count > 0) {
            const int done =
                ::sendmmsg(socket_.get(), places_.headers.data(), static_cast<unsigned>(count), 0);
            in_flight_ += done > 0 ? static_cast<std::size_t>(done) : 0;
        }
    }

    descriptor socket_;
    compare::udp_places places_;
    std::size_t in_flight_ = 0;
    steady_clock::time_point last_ = steady_clock::now();
};

void echo(const settings& chosen) {
    const descriptor epoll{check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
    std::vector<std::unique_ptr<echo_socket>> all;
    for (std::size_t i = 0; i < chosen.sockets; ++i) {
        all.push_back(std::make_unique<echo_socket>(chosen));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = all.back().get();
        check(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, all.back()->handle(), &event), "epoll_ctl");
    }
    std::uint64_t answered = 0;
    std::uint64_t lost = 0;
    const auto begin = steady_clock::now();
    const auto end = begin + length_of(chosen.seconds);
    for (const auto& each : all) {
        each->fill();
    }
    std::array<epoll_event, 64> events;
    auto checked = begin;
    for (auto now = begin; now < end; now = steady_clock::now()) {
        const int count = ::epoll_wait(epoll.get(), events.data(), events.size(), 10);
        for (int i = 0; i < count; ++i) {
            auto& ready = *static_cast<echo_socket*>(events[static_cast<std::size_t>(i)].data.ptr);
            answered += ready.answer(now);
            ready.fill();
        }
        if (now - checked > patience) {
            checked = now;
            for (const auto& each : all) {
                lost += each->give_up(now);
                each->fill();
            }
        }
    }
    std::printf("{\"datagrams\": %llu, \"lost\": %llu, \"seconds\": %.6f}\n",
                static_cast<unsigned long long>(answered), static_cast<unsigned long long>(lost),
                std::chrono::duration<double>(steady_clock::now() - begin).count());
}

void generate(compare::arguments& options) {
    settings chosen;
    const std::string role = options.text("--role", "flood");
    chosen.port = options.number<std::uint16_t>("--port", 0);
    chosen.size = options.number<std::size_t>("--size", chosen.size);
    chosen.seconds = std::stod(options.text("--seconds", "0.3"));
    chosen.rate = options.number<std::size_t>("--rate", 0);
    chosen.sockets = options.number<std::size_t>("--sockets", chosen.sockets);
    chosen.in_flight = options.number<std::size_t>("--in-flight", chosen.in_flight);
    options.expect_no_more();
    role == "echo" ? echo(chosen) : flood(chosen);
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, generate);
}
