#ifndef _WIN32

#include "os/descriptor_handover.h"
#include "os/socket_platform.h"
#include "os/unix_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

namespace network_system::inline v0_1::runtime {
namespace {

using sockets::last_error;
using sockets::outcome;

// What travels with the descriptor: a mark of this library and version, and the flags.
using handover_message = std::array<std::uint8_t, 5>;
constexpr handover_message mark{'N', 'S', 'L', '1', 0};
constexpr std::uint8_t received_mark = 'K';
// Enough to see that somebody sent too many.
constexpr std::size_t most_descriptors = 4;
constexpr int retry_interval_ms = 10;

/// Waits for the events; false at the deadline, and when the system cannot wait.
bool wait_for(socket_handle handle, short events, detail::steady_time deadline) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            return false;
        }
        constexpr std::chrono::milliseconds most{60'000};
        ::pollfd watched{handle, events, 0};
        const int ready = ::poll(&watched, 1, static_cast<int>(std::min(left, most).count()));
        if (ready != 0 && !(ready < 0 && errno == EINTR)) {
            return ready > 0;
        }
    }
}

bool is_peer_trusted(socket_handle handle) noexcept {
#ifdef SO_PEERCRED
    ::ucred peer{};
    ::socklen_t length = sizeof peer;
    if (::getsockopt(handle, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
        return false;
    }
    const ::uid_t user = peer.uid;
#else
    ::uid_t user = 0;
    ::gid_t group = 0;
    if (::getpeereid(handle, &user, &group) != 0) {
        return false;
    }
#endif
    return user == ::geteuid() || user == 0;
}

/// Memory for control messages, aligned as they want it.
struct control_buffer {
    alignas(::cmsghdr) std::array<char, CMSG_SPACE(most_descriptors * sizeof(int))> bytes{};
};

/// Takes the descriptors out of the message; those that are too many are closed.
unique_socket take_descriptor(::msghdr& header) {
    unique_socket taken;
    std::size_t count = 0;
    for (::cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr;
         each = CMSG_NXTHDR(&header, each)) {
        if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t descriptors = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < descriptors; ++i) {
            int descriptor = -1;
            std::memcpy(&descriptor, CMSG_DATA(each) + i * sizeof(int), sizeof descriptor);
            taken = unique_socket(descriptor);
            ++count;
        }
    }
    const bool is_whole = (header.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0;
    return count == 1 && is_whole ? std::move(taken) : unique_socket{};
}

/// One message from a sender; nothing when it is not one of ours.
std::optional<handed_socket> read_handover(socket_handle from, detail::steady_time deadline) {
    if (!is_peer_trusted(from) || !wait_for(from, POLLIN, deadline)) {
        return std::nullopt;
    }
    handover_message message{};
    ::iovec slice{message.data(), message.size()};
    control_buffer control;
    ::msghdr header{};
    header.msg_iov = &slice;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
#ifdef MSG_CMSG_CLOEXEC
    const auto count = ::recvmsg(from, &header, MSG_CMSG_CLOEXEC);
#else
    const auto count = ::recvmsg(from, &header, 0);
#endif
    if (count < 0) {
        return std::nullopt;
    }
    handed_socket handed{take_descriptor(header), message.back()};
    const bool is_ours = static_cast<std::size_t>(count) == message.size() &&
                         std::equal(mark.begin(), mark.end() - 1, message.begin());
    if (!is_ours || !handed.socket || !sockets::is_listening(handed.socket.get()) ||
        sockets::make_private_and_non_blocking(handed.socket.get())) {
        return std::nullopt;
    }
    return handed;
}

std::error_code connect_to(const endpoint& peer, detail::steady_time deadline,
                           unique_socket& channel) {
    const auto begun = sockets::connect(peer, {}, channel);
    if (begun.kind != outcome::would_block) {
        return begun.error;
    }
    return wait_for(channel.get(), POLLOUT, deadline) ? sockets::connect_result(channel.get())
                                                      : std::make_error_code(std::errc::timed_out);
}

/// Connects to the receiver, who may not be there yet.
unique_socket reach(const endpoint& peer, detail::steady_time deadline, std::error_code& error) {
    for (;;) {
        unique_socket channel;
        error = connect_to(peer, deadline, channel);
        if (!error) {
            return channel;
        }
        const bool may_come = error == std::errc::no_such_file_or_directory ||
                              error == std::errc::connection_refused ||
                              error == std::errc::resource_unavailable_try_again;
        if (!may_come) {
            return {};
        }
        if (std::chrono::steady_clock::now() >= deadline) {
            error = std::make_error_code(std::errc::timed_out);
            return {};
        }
        (void)::poll(nullptr, 0, retry_interval_ms);
    }
}

std::error_code write_handover(socket_handle to, socket_handle handle,
                               std::uint8_t flags) noexcept {
    handover_message message = mark;
    message.back() = flags;
    ::iovec slice{message.data(), message.size()};
    control_buffer control;
    ::msghdr header{};
    header.msg_iov = &slice;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes.data();
    header.msg_controllen = CMSG_SPACE(sizeof(int));
    ::cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &handle, sizeof handle);
#ifdef MSG_NOSIGNAL
    const auto sent = ::sendmsg(to, &header, MSG_NOSIGNAL);
#else
    const auto sent = ::sendmsg(to, &header, 0);
#endif
    return sent == static_cast<::ssize_t>(message.size()) ? std::error_code{} : last_error();
}

}  // namespace

handed_socket receive_socket(const endpoint& local, detail::steady_time deadline,
                             std::error_code& error) {
    constexpr unsigned owner_only = 0600;
    unix_socket_file file;
    const unique_socket waiting = sockets::listen(local, {0, owner_only}, file, error);
    std::optional<handed_socket> handed;
    while (!error && !handed) {
        if (!wait_for(waiting.get(), POLLIN, deadline)) {
            error = std::make_error_code(std::errc::timed_out);
            break;
        }
        unique_socket channel;
        endpoint sender;
        const auto accepted = sockets::accept(waiting.get(), channel, sender);
        if (accepted.kind != outcome::done) {
            if (accepted.kind == outcome::failed) {
                // Without descriptors the sender stays in the queue, and the listener is ready.
                (void)::poll(nullptr, 0, retry_interval_ms);
            }
            continue;
        }
        handed = read_handover(channel.get(), deadline);
        if (handed) {
            const io_slice slice(&received_mark, 1);
            // A sender that is gone by now has no more to do with it.
            (void)sockets::write(channel.get(), {&slice, 1});
        }
    }
    file.remove();
    return handed ? std::move(*handed) : handed_socket{};
}

std::error_code send_socket(const endpoint& peer, socket_handle handle, std::uint8_t flags,
                            detail::steady_time deadline) {
    std::error_code error;
    const unique_socket channel = reach(peer, deadline, error);
    if (error) {
        return error;
    }
    if (!is_peer_trusted(channel.get())) {
        return std::make_error_code(std::errc::permission_denied);
    }
    error = write_handover(channel.get(), handle, flags);
    if (error) {
        return error;
    }
    if (!wait_for(channel.get(), POLLIN, deadline)) {
        return std::make_error_code(std::errc::timed_out);
    }
    std::uint8_t answer = 0;
    const io_slice slice(&answer, 1);
    const auto result = sockets::read(channel.get(), {&slice, 1});
    return result.kind == outcome::done && answer == received_mark
               ? std::error_code{}
               : std::make_error_code(std::errc::connection_aborted);
}

namespace sockets {

unique_socket duplicate(socket_handle handle, std::error_code& error) noexcept {
    unique_socket copy(::fcntl(handle, F_DUPFD_CLOEXEC, 0));
    error = copy ? std::error_code{} : last_error();
    return copy;
}

bool is_listening(socket_handle handle) {
    const auto option = [handle](int name) {
        int value = -1;
        socklen_type length = sizeof value;
        return ::getsockopt(handle, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
    };
    return option(SO_TYPE) == SOCK_STREAM && option(SO_ACCEPTCONN) == 1 &&
           local_endpoint(handle).kind() != endpoint::family::unspecified;
}

std::error_code make_private_and_non_blocking(socket_handle handle) noexcept {
    const int flags = ::fcntl(handle, F_GETFL);
    if (flags < 0 || ::fcntl(handle, F_SETFL, flags | O_NONBLOCK) < 0 ||
        ::fcntl(handle, F_SETFD, FD_CLOEXEC) < 0) {
        return last_error();
    }
    return {};
}

}  // namespace sockets
}  // namespace network_system::runtime

#endif
