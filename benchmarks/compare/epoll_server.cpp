// The floor of the comparison: what the kernel asks for an echo. Bytes come back as they came, no
// framing, one thread, level-triggered epoll: one recv and one send for each ready connection. With
// --broadcast they go to every connection, one send each. With --tls-cert and --tls-key OpenSSL
// sits on the socket.

#include "common.h"
#ifdef COMPARE_WITH_TLS
#include "tls_channel.h"
#endif

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <span>

namespace {

using compare::check;
using compare::descriptor;

/// A connection; `receive` and `send` answer like the calls of the system.
struct plain_connection {
    explicit plain_connection(int fd) noexcept : socket(fd) {}

    ssize_t receive(std::span<std::uint8_t> into) const {
        return ::recv(socket.get(), into.data(), into.size(), 0);
    }
    ssize_t send(std::span<const std::uint8_t> data) const {
        return ::send(socket.get(), data.data(), data.size(), MSG_NOSIGNAL);
    }

    descriptor socket;
    std::vector<std::uint8_t> pending;
};

#ifdef COMPARE_WITH_TLS
/// Reads until OpenSSL would block: what it holds does not wake epoll.
struct tls_connection : plain_connection {
    inline static SSL_CTX* context = nullptr;

    explicit tls_connection(int fd) : plain_connection(fd), ssl(SSL_new(context)) {
        if (SSL_set_fd(ssl.get(), fd) != 1) {
            compare::throw_tls("SSL_set_fd");
        }
        SSL_set_accept_state(ssl.get());
    }

    ssize_t receive(std::span<std::uint8_t> into) const {
        std::size_t total = 0;
        while (total < into.size()) {
            std::size_t got = 0;
            if (SSL_read_ex(ssl.get(), into.data() + total, into.size() - total, &got) != 1) {
                return total > 0 ? static_cast<ssize_t>(total) : blocked_or_gone();
            }
            total += got;
        }
        return static_cast<ssize_t>(total);
    }
    ssize_t send(std::span<const std::uint8_t> data) const {
        std::size_t total = 0;
        while (total < data.size()) {
            std::size_t written = 0;
            if (SSL_write_ex(ssl.get(), data.data() + total, data.size() - total, &written) != 1) {
                return total > 0 ? static_cast<ssize_t>(total) : blocked_or_gone();
            }
            total += written;
        }
        return static_cast<ssize_t>(total);
    }

    compare::tls_object ssl;

private:
    ssize_t blocked_or_gone() const {
        const int error = SSL_get_error(ssl.get(), 0);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
            errno = EAGAIN;
            return -1;
        }
        ERR_clear_error();
        return 0;
    }
};
#endif

descriptor listen_on(std::uint16_t port) {
    descriptor listener{
        check(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket")};
    const int on = 1;
    check(::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    // Accepted sockets inherit it, which saves a system call for each.
    check(::setsockopt(listener.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
          "bind");
    check(::listen(listener.get(), SOMAXCONN), "listen");
    return listener;
}

unsigned port_of(const descriptor& listener) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    check(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size),
          "getsockname");
    return ntohs(address.sin_port);
}

template <typename connection>
class server {
public:
    server(descriptor listener, const sigset_t& stop_signals, bool is_broadcast)
        : is_broadcast_(is_broadcast), listener_(std::move(listener)),
          signals_(check(::signalfd(-1, &stop_signals, SFD_CLOEXEC), "signalfd")),
          epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
        watch(EPOLL_CTL_ADD, listener_.get(), EPOLLIN, &listener_);
        watch(EPOLL_CTL_ADD, signals_.get(), EPOLLIN, &signals_);
    }

    void run() {
        std::array<epoll_event, 256> events;
        for (;;) {
            const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
            if (count < 0 && errno != EINTR) {
                compare::throw_errno("epoll_wait");
            }
            for (int i = 0; i < count; ++i) {
                const epoll_event& event = events[static_cast<std::size_t>(i)];
                if (event.data.ptr == &signals_) {
                    return;
                }
                if (event.data.ptr == &listener_) {
                    accept_one();
                } else {
                    serve(static_cast<connection*>(event.data.ptr), event.events);
                }
            }
        }
    }

private:
    void watch(int operation, int fd, std::uint32_t interest, void* owner) {
        epoll_event event{};
        event.events = interest;
        event.data.ptr = owner;
        check(::epoll_ctl(epoll_.get(), operation, fd, &event), "epoll_ctl");
    }

    // The listener stays readable while more are waiting, so there is no call that only finds out
    // that nobody is.
    void accept_one() {
        const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) {
                return;
            }
            compare::throw_errno("accept4");
        }
        auto owner = std::make_unique<connection>(fd);
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, owner.get());
        if (is_broadcast_ && !greet(*owner)) {
            return;
        }
        everybody_.push_back(owner.release());
    }

    // The generator begins to send when everybody has been accepted.
    bool greet(connection& peer) {
        std::array<std::uint8_t, compare::header_size> hello{};
        compare::write_header(hello.data(), {compare::hello_frame, 0});
        return send(peer, hello);
    }

    void serve(connection* peer, std::uint32_t ready) {
        const bool alive = (ready & EPOLLOUT) != 0 ? send_pending(*peer) : echo(*peer);
        if (!alive) {
            std::erase(everybody_, peer);
            delete peer;
        }
    }

    bool echo(connection& peer) {
        const ssize_t got = peer.receive(buffer_);
        if (got <= 0) {
            return got < 0 && errno == EAGAIN;
        }
        const std::span<const std::uint8_t> received{buffer_.data(), static_cast<std::size_t>(got)};
        if (!is_broadcast_) {
            return send(peer, received);
        }
        for (connection* const each : everybody_) {
            // Who is gone shows as an event of its own.
            (void)send(*each, received);
        }
        return true;
    }

    bool send(connection& peer, std::span<const std::uint8_t> data) {
        const ssize_t sent = peer.send(data);
        if (sent == 0 || (sent < 0 && errno != EAGAIN)) {
            return false;
        }
        const auto rest = data.subspan(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
        if (!rest.empty()) {
            // Not reading until the rest is gone bounds what a peer that never reads can cost.
            peer.pending.assign(rest.begin(), rest.end());
            watch(EPOLL_CTL_MOD, peer.socket.get(), EPOLLOUT, &peer);
        }
        return true;
    }

    bool send_pending(connection& peer) {
        const ssize_t sent = peer.send(peer.pending);
        if (sent <= 0) {
            return sent < 0 && errno == EAGAIN;
        }
        peer.pending.erase(peer.pending.begin(), peer.pending.begin() + sent);
        if (peer.pending.empty()) {
            watch(EPOLL_CTL_MOD, peer.socket.get(), EPOLLIN, &peer);
        }
        return true;
    }

    bool is_broadcast_;
    std::vector<connection*> everybody_;
    descriptor listener_;
    descriptor signals_;
    descriptor epoll_;
    std::array<std::uint8_t, 64 * 1024> buffer_;
};

template <typename connection>
void serve_with(descriptor listener, const sigset_t& stop_signals, bool is_broadcast) {
    const unsigned bound = port_of(listener);
    const auto echo_server =
        std::make_unique<server<connection>>(std::move(listener), stop_signals, is_broadcast);
    compare::announce_port(bound);
    echo_server->run();
}

void serve_echo(compare::arguments& options) {
    const auto port = options.number<std::uint16_t>("--port", 0);
    const bool is_broadcast = options.flag("--broadcast");
    const std::string certificate = options.text("--tls-cert", "");
    const std::string key = options.text("--tls-key", "");
    options.expect_no_more();
    const sigset_t stop_signals = compare::block_stop_signals();
    compare::raise_descriptor_limit();
    descriptor listener = listen_on(port);
    if (certificate.empty()) {
        serve_with<plain_connection>(std::move(listener), stop_signals, is_broadcast);
        return;
    }
#ifdef COMPARE_WITH_TLS
    // OpenSSL writes with write(2).
    std::signal(SIGPIPE, SIG_IGN);
    const compare::tls_context context = compare::serving_context(certificate, key);
    tls_connection::context = context.get();
    serve_with<tls_connection>(std::move(listener), stop_signals, is_broadcast);
#else
    throw std::invalid_argument("--tls-cert: built without OpenSSL");
#endif
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, serve_echo);
}
