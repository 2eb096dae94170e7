// The application's share of an echo: loaded before everything else into a WebSocket echo server
// (replay.py does it), this library takes the place of the kernel once every connection has been
// heard. From then on each wait reports all of them, each read gives what the connection sent
// first, and each write takes everything. What the server spends between these calls repeats within
// a few percent, where the kernel's part of a real echo varies by more than all of it.
//
//   REPLAY_CONNECTIONS  how many there are
//   REPLAY_BYTES        of each, the first that are sent: whole frames
//   REPLAY_ROUNDS       waits to be measured, after which the process ends
//
// On standard output: "replayed", and the time of a round in nanoseconds, smallest and median
// of 20.

#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "replay: %s\n", what);
    std::_Exit(1);
}

std::size_t number_from(const char* name) {
    const char* const text = std::getenv(name);
    const auto number = text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
    if (number == 0) {
        give_up(name);
    }
    return number;
}

/// The function of the C library that one of this file stands in front of.
template <typename Function>
Function* behind(const char* name) {
    auto* const found = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
    if (found == nullptr) {
        give_up(name);
    }
    return found;
}

/// One thread serves all connections, so there is nothing to lock.
class replay {
public:
    static replay& instance() {
        static replay only;
        return only;
    }

    [[nodiscard]] bool is_on() const { return heard_.size() == connections_; }

    void record_interest(int fd, const epoll_event& event) { at(fd).event = event; }
    void record_read(int fd, const void* data, ssize_t size) {
        // The request of the handshake is no frame: those begin with FIN and an opcode.
        const auto* const begin = static_cast<const std::uint8_t*>(data);
        if (size >= static_cast<ssize_t>(bytes_) && begin[0] >> 4U == 8 && at(fd).bytes.empty()) {
            at(fd).bytes.assign(begin, begin + bytes_);
            heard_.push_back(fd);
        }
    }

    int wait(epoll_event* events, int room) {
        record_round();
        const std::size_t count = std::min(heard_.size(), static_cast<std::size_t>(room));
        for (std::size_t i = 0; i < count; ++i) {
            events[i] = at(heard_[i]).event;
            events[i].events = EPOLLIN;
        }
        return static_cast<int>(count);
    }
    ssize_t read(int fd, void* to, std::size_t room) {
        peer& from = at(fd);
        if (from.served == round_ || from.bytes.empty()) {
            errno = EAGAIN;
            return -1;
        }
        if (room < from.bytes.size()) {
            give_up("the server reads in smaller pieces");
        }
        from.served = round_;
        std::memcpy(to, from.bytes.data(), from.bytes.size());
        return static_cast<ssize_t>(from.bytes.size());
    }

private:
    struct peer {
        epoll_event event{};
        std::vector<std::uint8_t> bytes;
        std::size_t served = 0;
    };

    static constexpr std::size_t parts = 20;

    peer& at(int fd) {
        if (fd < 0 || static_cast<std::size_t>(fd) >= peers_.size()) {
            give_up("too many descriptors");
        }
        return peers_[static_cast<std::size_t>(fd)];
    }

    void record_round() {
        const std::size_t rounds_of_part = std::max<std::size_t>(rounds_ / parts, 1);
        if (round_ % rounds_of_part == 0) {
            const auto now = clock_type::now();
            if (round_ > 0) {
                const std::chrono::duration<double, std::nano> taken = now - began_;
                times_[measured_++] = taken.count() / static_cast<double>(rounds_of_part);
            }
            if (measured_ == parts) {
                report();
            }
            began_ = now;
        }
        ++round_;
    }
    [[noreturn]] void report() {
        std::sort(times_.begin(), times_.end());
        std::printf("replayed %.1f %.1f\n", times_.front(), times_[parts / 2]);
        std::fflush(stdout);
        std::_Exit(0);
    }

    const std::size_t connections_ = number_from("REPLAY_CONNECTIONS");
    const std::size_t bytes_ = number_from("REPLAY_BYTES");
    const std::size_t rounds_ = number_from("REPLAY_ROUNDS");
    std::vector<peer> peers_{4096};
    std::vector<int> heard_;
    std::size_t round_ = 0;
    std::size_t measured_ = 0;
    clock_type::time_point began_;
    std::array<double, parts> times_{};
};

}  // namespace

extern "C" {

int epoll_ctl(int set, int operation, int fd, epoll_event* event) noexcept {
    static auto* const real = behind<int(int, int, int, epoll_event*)>("epoll_ctl");
    if (replay::instance().is_on()) {
        return 0;
    }
    if (operation != EPOLL_CTL_DEL) {
        replay::instance().record_interest(fd, *event);
    }
    return real(set, operation, fd, event);
}

int epoll_wait(int set, epoll_event* events, int room, int timeout) {
    static auto* const real = behind<int(int, epoll_event*, int, int)>("epoll_wait");
    return replay::instance().is_on() ? replay::instance().wait(events, room)
                                      : real(set, events, room, timeout);
}

// What uSockets waits with.
int epoll_pwait2(int set, epoll_event* events, int room, const timespec* timeout,
                 const sigset_t* mask) {
    static auto* const real =
        behind<int(int, epoll_event*, int, const timespec*, const sigset_t*)>("epoll_pwait2");
    return replay::instance().is_on() ? replay::instance().wait(events, room)
                                      : real(set, events, room, timeout, mask);
}

ssize_t recv(int fd, void* to, size_t room, int flags) {
    static auto* const real = behind<ssize_t(int, void*, size_t, int)>("recv");
    if (replay::instance().is_on()) {
        return replay::instance().read(fd, to, room);
    }
    const ssize_t got = real(fd, to, room, flags);
    if (got > 0) {
        replay::instance().record_read(fd, to, got);
    }
    return got;
}

ssize_t send(int fd, const void* from, size_t size, int flags) {
    static auto* const real = behind<ssize_t(int, const void*, size_t, int)>("send");
    return replay::instance().is_on() ? static_cast<ssize_t>(size) : real(fd, from, size, flags);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    static auto* const real = behind<ssize_t(int, const msghdr*, int)>("sendmsg");
    if (!replay::instance().is_on()) {
        return real(fd, message, flags);
    }
    std::size_t size = 0;
    for (std::size_t i = 0; i < message->msg_iovlen; ++i) {
        size += message->msg_iov[i].iov_len;
    }
    return static_cast<ssize_t>(size);
}

}  // extern "C"
