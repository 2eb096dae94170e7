// What the compared UDP programs share: sockets on loopback, batches, and the books of a run.
#pragma once

#include "common.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace compare {

inline constexpr std::size_t udp_batch = 64;
inline constexpr std::size_t udp_largest = 2048;
inline constexpr int udp_buffer = 4 * 1024 * 1024;

inline std::uint64_t cpu_nanoseconds() {
    rusage used{};
    check(::getrusage(RUSAGE_SELF, &used), "getrusage");
    const auto of = [](const timeval& time) {
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
               static_cast<std::uint64_t>(time.tv_usec) * 1'000;
    };
    return of(used.ru_utime) + of(used.ru_stime);
}

inline sockaddr_in loopback_address(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// Bound to a port of 127.0.0.1; 0 = any.
inline descriptor open_udp(std::uint16_t port, int type = SOCK_DGRAM | SOCK_CLOEXEC) {
    descriptor opened{check(::socket(AF_INET, type, 0), "socket")};
    // As much as the machine grants, as the library does.
    check(::setsockopt(opened.get(), SOL_SOCKET, SO_RCVBUF, &udp_buffer, sizeof udp_buffer),
          "SO_RCVBUF");
    const sockaddr_in address = loopback_address(port);
    check(::bind(opened.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
          "bind");
    return opened;
}

inline unsigned udp_port_of(const descriptor& socket) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    check(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    return ntohs(address.sin_port);
}

// Places for a batch of datagrams and their peers.
class udp_places {
public:
    explicit udp_places(std::size_t size, std::size_t count = udp_batch)
        : headers(count), names(count), slices_(count), distance_(size + 64),
          memory_(count * distance_) {
        for (std::size_t i = 0; i < count; ++i) {
            slices_[i] = {memory_.data() + i * distance_, size};
            headers[i].msg_hdr.msg_iov = &slices_[i];
            headers[i].msg_hdr.msg_iovlen = 1;
            headers[i].msg_hdr.msg_name = &names[i];
            headers[i].msg_hdr.msg_namelen = sizeof(sockaddr_in);
        }
    }
    // How many arrived; 0: none was there.
    std::size_t receive(int socket, int flags) {
        const int got = ::recvmmsg(socket, headers.data(), static_cast<unsigned>(headers.size()),
                                   flags, nullptr);
        if (got < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED) {
            throw_errno("recvmmsg");
        }
        return got < 0 ? 0 : static_cast<std::size_t>(got);
    }
    void set_size(std::size_t i, std::size_t size) { slices_[i].iov_len = size; }
    std::uint8_t* data(std::size_t i) { return memory_.data() + i * distance_; }

    std::vector<mmsghdr> headers;
    std::vector<sockaddr_in> names;

private:
    std::vector<iovec> slices_;
    std::size_t distance_;
    std::vector<std::uint8_t> memory_;
};

inline void report_run(std::uint64_t datagrams, std::uint64_t cpu, double seconds) {
    std::printf("{\"datagrams\": %llu, \"cpu_ns\": %llu, \"seconds\": %.6f}\n",
                static_cast<unsigned long long>(datagrams), static_cast<unsigned long long>(cpu),
                seconds);
    std::fflush(stdout);
}

// Time and CPU since the first datagram.
class udp_books {
public:
    void begin() {
        if (!has_begun_) {
            has_begun_ = true;
            cpu_ = cpu_nanoseconds();
            first_ = last_ = std::chrono::steady_clock::now();
        }
    }
    void add(std::uint64_t count) { datagrams_ += count; }
    void record_time() { last_ = std::chrono::steady_clock::now(); }
    void report() const {
        report_run(datagrams_, has_begun_ ? cpu_nanoseconds() - cpu_ : 0,
                   std::chrono::duration<double>(last_ - first_).count());
    }
    std::uint64_t datagrams() const { return datagrams_; }

private:
    bool has_begun_ = false;
    std::uint64_t datagrams_ = 0;
    std::uint64_t cpu_ = 0;
    std::chrono::steady_clock::time_point first_{};
    std::chrono::steady_clock::time_point last_{};
};

}  // namespace compare
