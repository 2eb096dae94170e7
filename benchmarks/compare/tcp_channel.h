// The plain way of a load connection: a TCP socket.
#pragma once

#include "common.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <span>
#include <string>

namespace compare {

inline constexpr int stall_seconds = 10;

// A blocking call that met its time limit fails with EAGAIN, connect with EINPROGRESS.
inline ssize_t check_in_time(ssize_t result, const char* what) {
    if (result < 0 && (errno == EAGAIN || errno == EINPROGRESS)) {
        throw std::runtime_error(std::string{what} + ": nothing from the server for 10 s");
    }
    return check(result, what);
}

// Still blocking, each step bounded by the stall time.
inline descriptor connect_to(const std::string& host, std::uint16_t port) {
    descriptor fd{check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")};
    const timeval timeout{stall_seconds, 0};
    check(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), "SO_RCVTIMEO");
    check(::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout), "SO_SNDTIMEO");
    const int on = 1;
    check(::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
        throw std::invalid_argument("--host: not an IPv4 address: " + host);
    }
    check_in_time(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
                  "connect");
    return fd;
}

class tcp_channel {
public:
    tcp_channel(const std::string& host, std::uint16_t port) : fd_(connect_to(host, port)) {}

    int fd() const { return fd_.get(); }
    void set_non_blocking() { check(::fcntl(fd_.get(), F_SETFL, O_NONBLOCK), "O_NONBLOCK"); }

    // While it still blocks.
    void send_all(std::span<const std::uint8_t> data) {
        check(::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL), "send");
    }
    void receive_exactly(std::span<std::uint8_t> to, const char* what) {
        const ssize_t got = ::recv(fd_.get(), to.data(), to.size(), MSG_WAITALL);
        if (check_in_time(got, what) != static_cast<ssize_t>(to.size())) {
            throw std::runtime_error(std::string{what} +
                                     ": the server closed the connection early");
        }
    }

    // Then: what went out of the pieces, and what came in (0: nothing for now).
    std::size_t send(std::span<iovec> pieces) {
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = pieces.size();
        const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            return 0;
        }
        return static_cast<std::size_t>(check(sent, "send"));
    }
    std::size_t receive(std::span<std::uint8_t> to) {
        const ssize_t got = ::recv(fd_.get(), to.data(), to.size(), 0);
        if (got < 0 && errno == EAGAIN) {
            return 0;
        }
        if (check(got, "receive") == 0) {
            throw std::runtime_error("the server closed a connection");
        }
        return static_cast<std::size_t>(got);
    }

private:
    descriptor fd_;
};

}  // namespace compare
