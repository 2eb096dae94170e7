#pragma once

#include "os/native_socket.h"

#include <cstdint>
#include <system_error>

#ifndef _WIN32
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#endif

/// What native_socket.cpp needs and every platform spells differently.
namespace network_system::inline v0_1::runtime::sockets {

#ifdef _WIN32
using socklen_type = int;
#else
using socklen_type = ::socklen_t;
#endif

[[nodiscard]] std::error_code last_error() noexcept;
[[nodiscard]] bool would_block(const std::error_code& error) noexcept;
[[nodiscard]] bool connect_in_progress(const std::error_code& error) noexcept;

/// A non-blocking socket that child processes do not inherit.
[[nodiscard]] unique_socket open_socket(int family, int type, std::error_code& error) noexcept;
[[nodiscard]] inline unique_socket open_stream_socket(int family, std::error_code& error) noexcept {
    return open_socket(family, SOCK_STREAM, error);
}
[[nodiscard]] inline unique_socket open_datagram_socket(int family,
                                                        std::error_code& error) noexcept {
    return open_socket(family, SOCK_DGRAM, error);
}
[[nodiscard]] unique_socket accept_stream_socket(socket_handle listener, ::sockaddr* peer,
                                                 socklen_type* length,
                                                 std::error_code& error) noexcept;
[[nodiscard]] std::error_code suppress_sigpipe(socket_handle handle) noexcept;

/// An address as the system wants it.
struct socket_address {
    ::sockaddr_storage storage{};
    socklen_type length = sizeof(::sockaddr_storage);

    [[nodiscard]] ::sockaddr* get() noexcept { return reinterpret_cast<::sockaddr*>(&storage); }
};
[[nodiscard]] socket_address to_native(const endpoint& value) noexcept;
[[nodiscard]] endpoint from_native(const socket_address& address);
/// AF_INET, AF_INET6 or AF_UNIX.
[[nodiscard]] int family_of(endpoint::family kind) noexcept;

#ifndef _WIN32
/// `value.path()` has to fit; see check_unix_path.
void put_unix_path(socket_address& address, const endpoint& value) noexcept;
[[nodiscard]] endpoint unix_endpoint_of(const socket_address& address);
#endif

[[nodiscard]] std::error_code set_option(socket_handle handle, int level, int name,
                                         int value) noexcept;

[[nodiscard]] endpoint endpoint_of(const ::addrinfo& info, std::uint16_t port);

}  // namespace network_system::runtime::sockets
