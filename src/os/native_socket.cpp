// The parts that BSD sockets and Winsock spell alike. The rest: native_socket_posix.cpp and
// native_socket_windows.cpp.
#include "os/native_socket.h"

#include "os/socket_platform.h"
#include "utils/host.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#ifdef _WIN32
#include <iphlpapi.h>
#else
#include <net/if.h>
#endif

namespace network_system::inline v0_1::runtime {

void unique_socket::reset() noexcept {
    if (handle_ != invalid_socket) {
        const socket_handle closed = std::exchange(handle_, invalid_socket);
        origin_ == nullptr ? sockets::close(closed) : origin_->close(closed);
    }
}

namespace sockets {

socket_address to_native(const endpoint& value) noexcept {
    socket_address address;
    if (value.kind() == endpoint::family::ipv4) {
        ::sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(value.port());
        std::memcpy(&v4.sin_addr, value.bytes().data(), sizeof v4.sin_addr);
        std::memcpy(&address.storage, &v4, sizeof v4);
        address.length = sizeof v4;
    } else if (value.kind() == endpoint::family::unix_domain) {
#ifndef _WIN32
        put_unix_path(address, value);
#endif
    } else {
        ::sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(value.port());
        v6.sin6_scope_id = value.scope_id();
        std::memcpy(&v6.sin6_addr, value.bytes().data(), sizeof v6.sin6_addr);
        std::memcpy(&address.storage, &v6, sizeof v6);
        address.length = sizeof v6;
    }
    return address;
}

endpoint from_native(const socket_address& address) {
    endpoint::address_bytes bytes{};
    if (address.storage.ss_family == AF_INET) {
        ::sockaddr_in v4{};
        std::memcpy(&v4, &address.storage, sizeof v4);
        std::memcpy(bytes.data(), &v4.sin_addr, sizeof v4.sin_addr);
        return {endpoint::family::ipv4, bytes, ntohs(v4.sin_port)};
    }
    if (address.storage.ss_family == AF_INET6) {
        ::sockaddr_in6 v6{};
        std::memcpy(&v6, &address.storage, sizeof v6);
        std::memcpy(bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
        return {endpoint::family::ipv6, bytes, ntohs(v6.sin6_port), v6.sin6_scope_id};
    }
#ifndef _WIN32
    if (address.storage.ss_family == AF_UNIX) {
        return unix_endpoint_of(address);
    }
#endif
    return {};
}

int family_of(endpoint::family kind) noexcept {
    switch (kind) {
        case endpoint::family::ipv4: return AF_INET;
        case endpoint::family::unix_domain: return AF_UNIX;
        default: return AF_INET6;
    }
}

std::error_code set_option(socket_handle handle, int level, int name, int value) noexcept {
    if (::setsockopt(handle, level, name, reinterpret_cast<const char*>(&value), sizeof value) !=
        0) {
        return last_error();
    }
    return {};
}

namespace {

std::error_code prepare_listener(socket_handle handle, const listen_settings& settings,
                                 bool dual_stack) noexcept {
#ifndef _WIN32
    if (settings.reuse_address) {
        if (const auto error = set_option(handle, SOL_SOCKET, SO_REUSEADDR, 1)) {
            return error;
        }
    }
#endif
    if (settings.reuse_port) {
#ifdef SO_REUSEPORT
        if (const auto error = set_option(handle, SOL_SOCKET, SO_REUSEPORT, 1)) {
            return error;
        }
#else
        return std::make_error_code(std::errc::operation_not_supported);
#endif
    }
    if (const auto error = set_receive_buffer(handle, settings.receive_buffer_size)) {
        return error;
    }
    return dual_stack ? set_option(handle, IPPROTO_IPV6, IPV6_V6ONLY, 0) : std::error_code{};
}

unique_socket listen_on(const endpoint& local, const listen_settings& settings, bool dual_stack,
                        std::error_code& error) {
    unique_socket listener = open_stream_socket(family_of(local.kind()), error);
    if (error) {
        return {};
    }
    socket_address address = to_native(local);
    error = prepare_listener(listener.get(), settings, dual_stack);
    if (!error &&
        (::bind(listener.get(), address.get(), address.length) != 0 ||
         ::listen(listener.get(), settings.backlog > 0 ? settings.backlog : SOMAXCONN) != 0)) {
        error = last_error();
    }
    return error ? unique_socket{} : std::move(listener);
}

/// Gives a socket that is about to connect its local address.
std::error_code bind_local(socket_handle handle, const endpoint& wanted,
                           endpoint::family family) noexcept {
    const bool any_address = wanted.kind() == endpoint::family::unspecified;
    if (family == endpoint::family::unix_domain || (any_address && wanted.port() == 0)) {
        return {};
    }
    // Both are best effort: the bind itself says what is impossible without them.
    if (wanted.port() != 0) {
#ifndef _WIN32
        // Old connections from the port may be in TIME_WAIT.
        (void)set_option(handle, SOL_SOCKET, SO_REUSEADDR, 1);
#endif
    } else {
#ifdef IP_BIND_ADDRESS_NO_PORT
        // Without it bind takes a port that no other connection of the machine has; with it,
        // connect takes one that no other connection to this peer has.
        (void)set_option(handle, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
#endif
    }
    socket_address address = to_native(any_address ? endpoint(family, {}, wanted.port()) : wanted);
    return ::bind(handle, address.get(), address.length) == 0 ? std::error_code{} : last_error();
}

}  // namespace

std::error_code set_receive_buffer(socket_handle listener, int size) noexcept {
    return size > 0 ? set_option(listener, SOL_SOCKET, SO_RCVBUF, size) : std::error_code{};
}

unique_socket listen(const endpoint& local, const listen_settings& settings,
                     std::error_code& error) {
    error.clear();
    if (local.kind() != endpoint::family::unspecified) {
        return listen_on(local, settings, false, error);
    }
    const endpoint any6{endpoint::family::ipv6, {}, local.port()};
    unique_socket listener = listen_on(any6, settings, true, error);
    if (listener || error == std::errc::address_in_use || error == std::errc::permission_denied) {
        return listener;
    }
    // No IPv6 on this machine, or no dual stack.
    error.clear();
    return listen_on({endpoint::family::ipv4, {}, local.port()}, settings, false, error);
}

io_result accept(socket_handle listener, unique_socket& accepted, endpoint& peer) {
    socket_address address;
    std::error_code error;
    accepted = accept_stream_socket(listener, address.get(), &address.length, error);
    if (accepted) {
        peer = from_native(address);
        return {outcome::done, 0, {}};
    }
    return would_block(error) ? io_result{outcome::would_block, 0, {}}
                              : io_result{outcome::failed, 0, error};
}

io_result connect(const endpoint& peer, const connect_settings& settings,
                  unique_socket& connecting) noexcept {
    std::error_code error;
    connecting = open_stream_socket(family_of(peer.kind()), error);
    if (!error) {
        error = apply(connecting.get(), settings.socket, peer.kind());
    }
    if (!error) {
        error = bind_local(connecting.get(), settings.local, peer.kind());
    }
    if (error) {
        return {outcome::failed, 0, error};
    }
    socket_address address = to_native(peer);
    if (::connect(connecting.get(), address.get(), address.length) == 0) {
        return {outcome::done, 0, {}};
    }
    error = last_error();
    return connect_in_progress(error) ? io_result{outcome::would_block, 0, {}}
                                      : io_result{outcome::failed, 0, error};
}

std::error_code connect_result(socket_handle handle) noexcept {
    int value = 0;
    socklen_type length = sizeof value;
    if (::getsockopt(handle, SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&value), &length) != 0) {
        return last_error();
    }
    return {value, std::system_category()};
}

std::error_code apply(socket_handle handle, const tcp_settings& settings,
                      endpoint::family family) noexcept {
    const bool is_tcp = family != endpoint::family::unix_domain;
    std::error_code error = suppress_sigpipe(handle);
    if (!error && is_tcp && settings.no_delay) {
        error = set_option(handle, IPPROTO_TCP, TCP_NODELAY, 1);
    }
    if (!error && is_tcp && settings.keep_alive) {
        error = set_option(handle, SOL_SOCKET, SO_KEEPALIVE, 1);
    }
    if (!error && settings.send_buffer_size > 0) {
        error = set_option(handle, SOL_SOCKET, SO_SNDBUF, settings.send_buffer_size);
    }
    if (!error && settings.receive_buffer_size > 0) {
        error = set_option(handle, SOL_SOCKET, SO_RCVBUF, settings.receive_buffer_size);
    }
    return error;
}

void reset_on_close(socket_handle handle) noexcept {
    ::linger option{};
    option.l_onoff = 1;
    option.l_linger = 0;
    // Best effort: without it the close is merely graceful.
    (void)::setsockopt(handle, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&option),
                       sizeof option);
}

endpoint local_endpoint(socket_handle handle) {
    socket_address address;
    return ::getsockname(handle, address.get(), &address.length) == 0 ? from_native(address)
                                                                      : endpoint{};
}

endpoint remote_endpoint(socket_handle handle) {
    socket_address address;
    return ::getpeername(handle, address.get(), &address.length) == 0 ? from_native(address)
                                                                      : endpoint{};
}

std::uint32_t interface_index(const std::string& name) noexcept {
    std::uint32_t index = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), index);
    const bool is_number = failed == std::errc{} && end == name.data() + name.size();
    return is_number ? index : ::if_nametoindex(name.c_str());
}

endpoint address_of(const detail::host& host, std::uint16_t port) {
    const endpoint& address = host.address();
    if (host.is_name() || host.is_path()) {
        return address;
    }
    const std::uint32_t zone = host.zone().empty() ? 0 : interface_index(host.zone());
    if (zone == 0 && !host.zone().empty()) {
        return {};
    }
    return {address.kind(), address.bytes(), port, zone};
}

endpoint parse_address(const std::string& text, std::uint16_t port) {
    const auto parsed = detail::host::parse(text);
    return parsed ? address_of(parsed.value(), port) : endpoint{};
}

endpoint endpoint_of(const ::addrinfo& info, std::uint16_t port) {
    socket_address address;
    address.length = static_cast<socklen_type>(info.ai_addrlen);
    std::memcpy(
        &address.storage, info.ai_addr,
        std::min<std::size_t>(static_cast<std::size_t>(info.ai_addrlen), sizeof address.storage));
    const endpoint found = from_native(address);
    return {found.kind(), found.bytes(), port, found.scope_id()};
}

}  // namespace sockets
}  // namespace network_system::runtime
