#pragma once

#include "runtime/native_socket.h"

#include <cstdint>
#include <system_error>

#ifndef _WIN32
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#endif

/// What native_socket.cpp needs and every platform spells differently.
namespace network_system::runtime::sockets {

#ifdef _WIN32
using socklen_type = int;
#else
using socklen_type = ::socklen_t;
#endif

[[nodiscard]] std::error_code last_error() noexcept;
[[nodiscard]] bool would_block(const std::error_code& error) noexcept;
[[nodiscard]] bool connect_in_progress(const std::error_code& error) noexcept;

/// A non-blocking socket that child processes do not inherit.
[[nodiscard]] unique_socket open_stream_socket(int family, std::error_code& error) noexcept;
[[nodiscard]] unique_socket accept_stream_socket(socket_handle listener, ::sockaddr* peer,
                                                 socklen_type* length,
                                                 std::error_code& error) noexcept;
[[nodiscard]] std::error_code suppress_sigpipe(socket_handle handle) noexcept;

[[nodiscard]] endpoint endpoint_of(const ::addrinfo& info, std::uint16_t port) noexcept;

}  // namespace network_system::runtime::sockets
