// The floor of the UDP comparison: the kernel's batched calls under level-triggered epoll, one
// thread.
// --role receive counts, echo answers, send sends as fast as it goes; --offload with UDP_SEGMENT
// and UDP_GRO.

#include "udp_common.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <algorithm>

namespace {

using compare::check;
using compare::descriptor;
using std::chrono::steady_clock;

// Waits for datagrams and for the end.
class waiter {
public:
    waiter(int socket, const sigset_t& stop_signals)
        : signals_(check(::signalfd(-1, &stop_signals, SFD_CLOEXEC), "signalfd")),
          epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
        for (const int fd : {socket, signals_.get()}) {
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.fd = fd;
            check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
        }
    }
    bool wait() {
        std::array<epoll_event, 2> events;
        const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
        for (int i = 0; i < count; ++i) {
            if (events[static_cast<std::size_t>(i)].data.fd == signals_.get()) {
                return false;
            }
        }
        return true;
    }

private:
    descriptor signals_;
    descriptor epoll_;
};

class serving {
public:
    serving(descriptor socket, const sigset_t& stop_signals, bool offload)
        : socket_(std::move(socket)), offload_(offload), waiter_(socket_.get(), stop_signals),
          places_(offload ? 65536 : compare::udp_largest), controls_(compare::udp_batch) {
        if (offload) {
            const int on = 1;
            check(::setsockopt(socket_.get(), IPPROTO_UDP, UDP_GRO, &on, sizeof on), "UDP_GRO");
        }
    }

    void count() {
        while (waiter_.wait()) {
            books_.begin();
            receive([this](std::size_t got) { add(got); });
        }
        books_.report();
    }

    void echo() {
        while (waiter_.wait()) {
            books_.begin();
            receive([this](std::size_t got) { send_back(got); });
        }
        books_.report();
    }

private:
    template <typename Use>
    void receive(const Use& use) {
        std::size_t got = 0;
        do {
            for (std::size_t i = 0; i < used_; ++i) {
                auto& header = places_.headers[i].msg_hdr;
                header.msg_namelen = sizeof(sockaddr_in);
                if (offload_) {
                    header.msg_control = controls_[i].data();
                    header.msg_controllen = controls_[i].size();
                }
            }
            got = places_.receive(socket_.get(), 0);
            used_ = got;
            use(got);
            books_.record_time();
        } while (got == compare::udp_batch);
    }

    void add(std::size_t got) {
        std::uint64_t count = got;
        for (std::size_t i = 0; offload_ && i < got; ++i) {
            auto& header = places_.headers[i].msg_hdr;
            for (cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr;
                 each = CMSG_NXTHDR(&header, each)) {
                int size = 0;
                std::memcpy(&size, CMSG_DATA(each), sizeof size);
                count += (places_.headers[i].msg_len - 1) / static_cast<unsigned>(size);
            }
        }
        books_.add(count);
    }

    void send_back(std::size_t got) {
        for (std::size_t i = 0; i < got; ++i) {
            places_.set_size(i, places_.headers[i].msg_len);
        }
        std::size_t done = 0;
        while (done < got) {
            const int sent = ::sendmmsg(socket_.get(), places_.headers.data() + done,
                                        static_cast<unsigned>(got - done), 0);
            done += sent > 0 ? static_cast<std::size_t>(sent) : 1;
        }
        for (std::size_t i = 0; i < got; ++i) {
            places_.set_size(i, compare::udp_largest);
        }
        books_.add(got);
    }

    descriptor socket_;
    bool offload_;
    waiter waiter_;
    compare::udp_places places_;
    std::vector<std::array<std::uint8_t, 64>> controls_;
    std::size_t used_ = compare::udp_batch;
    compare::udp_books books_;
};

void send_all(std::uint16_t port, std::size_t size, double seconds, bool offload) {
    const descriptor socket = compare::open_udp(0);
    const sockaddr_in peer = compare::loopback_address(port);
    check(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer),
          "connect");
    const std::size_t segments = offload ? std::min<std::size_t>(64, 65507 / size) : 1;
    const std::size_t messages = offload ? 8 : compare::udp_batch;
    if (offload) {
        const int segment = static_cast<int>(size);
        check(::setsockopt(socket.get(), IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment),
              "UDP_SEGMENT");
    }
    compare::udp_places places(size * segments, messages);
    for (auto& each : places.headers) {
        each.msg_hdr.msg_name = nullptr;
        each.msg_hdr.msg_namelen = 0;
    }
    compare::udp_books books;
    books.begin();
    const auto end = steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(
                                               std::chrono::duration<double>(seconds));
    while (steady_clock::now() < end) {
        // The application's part: it writes what it sends.
        for (std::size_t i = 0; i < messages; ++i) {
            std::memset(places.data(i), static_cast<int>(i), size * segments);
        }
        const int done =
            ::sendmmsg(socket.get(), places.headers.data(), static_cast<unsigned>(messages), 0);
        books.add(done > 0 ? static_cast<std::uint64_t>(done) * segments : 0);
    }
    books.record_time();
    books.report();
}

void serve(compare::arguments& options) {
    const std::string role = options.text("--role", "receive");
    const auto port = options.number<std::uint16_t>("--port", 0);
    const auto size = options.number<std::size_t>("--size", 64);
    const double seconds = std::stod(options.text("--seconds", "0.3"));
    const bool offload = options.flag("--offload");
    options.expect_no_more();
    if (role == "send") {
        send_all(port, size, seconds, offload);
        return;
    }
    const sigset_t stop_signals = compare::block_stop_signals();
    descriptor socket = compare::open_udp(port, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
    const unsigned bound = compare::udp_port_of(socket);
    serving server(std::move(socket), stop_signals, offload);
    compare::announce_port(bound);
    role == "echo" ? server.echo() : server.count();
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, serve);
}
