#ifndef _WIN32

#include "os/native_socket.h"
#include "os/socket_platform.h"

#include <fcntl.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/sockios.h>
#include <sys/ioctl.h>
#endif

#include <cerrno>

namespace network_system::inline v0_1::runtime::sockets {
namespace {

#ifdef MSG_NOSIGNAL
constexpr int send_flags = MSG_NOSIGNAL;
#else
constexpr int send_flags = 0;
#endif

template <typename Call>
auto without_interruption(Call call) noexcept {
    auto answer = call();
    while (answer < 0 && errno == EINTR) {
        answer = call();
    }
    return answer;
}

io_result failed_or_blocked() noexcept {
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return {outcome::would_block, 0, {}};
    }
    return {outcome::failed, 0, last_error()};
}

::msghdr header_for(std::span<const io_slice> slices) noexcept {
    static_assert(sizeof(io_slice) == sizeof(::iovec));
    ::msghdr header{};
    header.msg_iov = const_cast<::iovec*>(&slices.front().buffer);
    header.msg_iovlen = static_cast<decltype(header.msg_iovlen)>(slices.size());
    return header;
}

#if !defined(SOCK_NONBLOCK) || !defined(SOCK_CLOEXEC)
std::error_code make_private_and_non_blocking(socket_handle handle) noexcept {
    const int flags = ::fcntl(handle, F_GETFL);
    if (flags < 0 || ::fcntl(handle, F_SETFL, flags | O_NONBLOCK) < 0 ||
        ::fcntl(handle, F_SETFD, FD_CLOEXEC) < 0) {
        return last_error();
    }
    return {};
}
#endif

}  // namespace

std::error_code last_error() noexcept {
    return {errno, std::system_category()};
}

bool would_block(const std::error_code& error) noexcept {
    return error.value() == EAGAIN || error.value() == EWOULDBLOCK;
}

bool connect_in_progress(const std::error_code& error) noexcept {
    // An interrupted connect goes on in the background (POSIX connect()).
    return error.value() == EINPROGRESS || error.value() == EINTR;
}

io_result read(socket_handle handle, std::span<const io_slice> into) noexcept {
    const auto received = without_interruption([&] {
        if (into.size() == 1) {
            return ::recv(handle, into.front().data(), into.front().size(), 0);
        }
        ::msghdr header = header_for(into);
        return ::recvmsg(handle, &header, 0);
    });
    if (received > 0) {
        return {outcome::done, static_cast<std::size_t>(received), {}};
    }
    return received == 0 ? io_result{outcome::end, 0, {}} : failed_or_blocked();
}

io_result write(socket_handle handle, std::span<const io_slice> from) noexcept {
    const auto sent = without_interruption([&] {
        if (from.size() == 1) {
            return ::send(handle, from.front().data(), from.front().size(), send_flags);
        }
        const ::msghdr header = header_for(from);
        return ::sendmsg(handle, &header, send_flags);
    });
    return sent >= 0 ? io_result{outcome::done, static_cast<std::size_t>(sent), {}}
                     : failed_or_blocked();
}

unique_socket open_socket(int family, int type, std::error_code& error) noexcept {
    error.clear();
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
    unique_socket opened(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!opened) {
        error = last_error();
    }
#else
    unique_socket opened(::socket(family, type, 0));
    error = opened ? make_private_and_non_blocking(opened.get()) : last_error();
    if (error) {
        opened.reset();
    }
#endif
    return opened;
}

unique_socket accept_stream_socket(socket_handle listener, ::sockaddr* peer, socklen_type* length,
                                   std::error_code& error) noexcept {
    error.clear();
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
    unique_socket accepted(without_interruption(
        [&] { return ::accept4(listener, peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC); }));
    if (!accepted) {
        error = last_error();
    }
#else
    unique_socket accepted(without_interruption([&] { return ::accept(listener, peer, length); }));
    error = accepted ? make_private_and_non_blocking(accepted.get()) : last_error();
    if (error) {
        accepted.reset();
    }
#endif
    return accepted;
}

std::error_code suppress_sigpipe([[maybe_unused]] socket_handle handle) noexcept {
#if !defined(MSG_NOSIGNAL) && defined(SO_NOSIGPIPE)
    const int on = 1;
    if (::setsockopt(handle, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) != 0) {
        return last_error();
    }
#endif
    return {};
}

#if defined(__linux__)
namespace {

/// tcp(7), unix(7): TCP counts bytes from the first that is not acknowledged, Unix domain sockets
/// the memory of their buffers.
unacknowledged::unit unit_of(socket_handle handle) noexcept {
    int domain = 0;
    socklen_type length = sizeof domain;
    if (::getsockopt(handle, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0) {
        return unacknowledged::unit::unknown;
    }
    return domain == AF_UNIX ? unacknowledged::unit::buffers : unacknowledged::unit::bytes;
}

}  // namespace

unacknowledged count_unacknowledged(socket_handle handle, std::uint32_t,
                                    unacknowledged::unit known) noexcept {
    int size = 0;
    if (::ioctl(handle, SIOCOUTQ, &size) != 0 || size < 0) {
        return {};
    }
    return {known == unacknowledged::unit::unknown ? unit_of(handle) : known,
            static_cast<std::uint32_t>(size)};
}
#elif defined(SO_NWRITE)
unacknowledged count_unacknowledged(socket_handle handle, std::uint32_t,
                                    unacknowledged::unit) noexcept {
    int size = 0;
    socklen_type length = sizeof size;
    if (::getsockopt(handle, SOL_SOCKET, SO_NWRITE, &size, &length) != 0 || size < 0) {
        return {};
    }
    return {unacknowledged::unit::bytes, static_cast<std::uint32_t>(size)};
}
#else
unacknowledged count_unacknowledged(socket_handle, std::uint32_t, unacknowledged::unit) noexcept {
    return {};
}
#endif

void shutdown_write(socket_handle handle) noexcept {
    // The peer may have reset the connection already; the read that follows reports that.
    (void)::shutdown(handle, SHUT_WR);
}

void close(socket_handle handle) noexcept {
    // Not repeated on EINTR: on Linux the descriptor is gone even then.
    (void)::close(handle);
}

}  // namespace network_system::runtime::sockets

#endif
