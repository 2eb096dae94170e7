#ifdef _WIN32

#include "os/native_socket.h"
#include "os/socket_platform.h"

#include <mstcpip.h>

namespace network_system::inline v0_1::runtime::sockets {
namespace {

io_result failed_or_blocked() noexcept {
    const std::error_code error = last_error();
    return would_block(error) ? io_result{outcome::would_block, 0, {}}
                              : io_result{outcome::failed, 0, error};
}

WSABUF* buffers_of(std::span<const io_slice> slices) noexcept {
    static_assert(sizeof(io_slice) == sizeof(WSABUF));
    return const_cast<WSABUF*>(&slices.front().buffer);
}

std::error_code make_private_and_non_blocking(socket_handle handle) noexcept {
    u_long on = 1;
    if (::ioctlsocket(handle, static_cast<long>(FIONBIO), &on) != 0) {
        return last_error();
    }
    // Best effort: a socket that a child inherits is no error of this process.
    (void)::SetHandleInformation(reinterpret_cast<HANDLE>(handle), HANDLE_FLAG_INHERIT, 0);
    return {};
}

}  // namespace

std::error_code last_error() noexcept {
    return {::WSAGetLastError(), std::system_category()};
}

bool would_block(const std::error_code& error) noexcept {
    return error.value() == WSAEWOULDBLOCK;
}

bool connect_in_progress(const std::error_code& error) noexcept {
    return error.value() == WSAEWOULDBLOCK || error.value() == WSAEINPROGRESS;
}

io_result read(socket_handle handle, std::span<const io_slice> into) noexcept {
    DWORD received = 0;
    DWORD flags = 0;
    if (::WSARecv(handle, buffers_of(into), static_cast<DWORD>(into.size()), &received, &flags,
                  nullptr, nullptr) != 0) {
        return failed_or_blocked();
    }
    return received > 0 ? io_result{outcome::done, received, {}} : io_result{outcome::end, 0, {}};
}

io_result write(socket_handle handle, std::span<const io_slice> from) noexcept {
    DWORD sent = 0;
    if (::WSASend(handle, buffers_of(from), static_cast<DWORD>(from.size()), &sent, 0, nullptr,
                  nullptr) != 0) {
        return failed_or_blocked();
    }
    return {outcome::done, sent, {}};
}

unique_socket open_socket(int family, int type, std::error_code& error) noexcept {
    // Overlapped, as Asio's readiness waits want it.
    unique_socket opened(::WSASocketW(family, type, 0, nullptr, 0, WSA_FLAG_OVERLAPPED));
    error = opened ? make_private_and_non_blocking(opened.get()) : last_error();
    if (error) {
        opened.reset();
    }
    return opened;
}

unique_socket accept_stream_socket(socket_handle listener, ::sockaddr* peer, socklen_type* length,
                                   std::error_code& error) noexcept {
    unique_socket accepted(::accept(listener, peer, length));
    error = accepted ? make_private_and_non_blocking(accepted.get()) : last_error();
    if (error) {
        accepted.reset();
    }
    return accepted;
}

std::error_code suppress_sigpipe(socket_handle) noexcept {
    return {};
}

unacknowledged count_unacknowledged([[maybe_unused]] socket_handle handle,
                                    [[maybe_unused]] std::uint32_t written,
                                    unacknowledged::unit) noexcept {
#ifdef SIO_TCP_INFO
    DWORD version = 0;
    TCP_INFO_v0 info{};
    DWORD size = 0;
    if (::WSAIoctl(handle, SIO_TCP_INFO, &version, sizeof version, &info, sizeof info, &size,
                   nullptr, nullptr) == 0) {
        // What waits in this machine has not gone out at all.
        const auto taken =
            static_cast<std::uint32_t>(info.BytesOut - info.BytesRetrans - info.BytesInFlight);
        return {unacknowledged::unit::bytes, written - taken};
    }
#endif
    return {};
}

void shutdown_write(socket_handle handle) noexcept {
    (void)::shutdown(handle, SD_SEND);
}

void close(socket_handle handle) noexcept {
    (void)::closesocket(handle);
}

}  // namespace network_system::runtime::sockets

#endif
