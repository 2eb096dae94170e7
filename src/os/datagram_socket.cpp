#include "os/datagram_socket.h"

#include "os/socket_platform.h"

#include <algorithm>
#include <optional>

#ifdef _WIN32
#include <iphlpapi.h>
#include <mstcpip.h>
#else
#include <ifaddrs.h>
#include <net/if.h>
#endif

namespace network_system::inline v0_1::runtime::sockets {
namespace {

static_assert(datagram_address::capacity >= sizeof(::sockaddr_in6));

/// Asks for half as much until the system agrees: some refuse what is more than they allow.
void set_buffer_size(socket_handle handle, int name, int size) noexcept {
    constexpr int smallest = 4096;
    while (size >= smallest && set_option(handle, SOL_SOCKET, name, size)) {
        size /= 2;
    }
}

int buffer_size(socket_handle handle, int name) noexcept {
    int value = 0;
    socklen_type length = sizeof value;
    return ::getsockopt(handle, SOL_SOCKET, name, reinterpret_cast<char*>(&value), &length) == 0
               ? value
               : 0;
}

/// Windows reports a refusal by any peer as an error of the next receive, whoever that is from.
void ignore_refusals([[maybe_unused]] socket_handle handle) noexcept {
#if defined(_WIN32) && defined(SIO_UDP_CONNRESET)
    BOOL report = FALSE;
    DWORD size = 0;
    (void)::WSAIoctl(handle, SIO_UDP_CONNRESET, &report, sizeof report, nullptr, 0, &size, nullptr,
                     nullptr);
#endif
}

std::error_code prepare(socket_handle handle, const datagram_settings& settings,
                        std::optional<bool> is_v6_only) noexcept {
    std::error_code error;
    const auto set = [&](bool wanted, int level, int name, int value) {
        if (wanted && !error) {
            error = set_option(handle, level, name, value);
        }
    };
    set(settings.reuse_address, SOL_SOCKET, SO_REUSEADDR, 1);
    if (settings.reuse_port) {
#ifdef SO_REUSEPORT
        set(true, SOL_SOCKET, SO_REUSEPORT, 1);
#else
        return std::make_error_code(std::errc::operation_not_supported);
#endif
    }
    set(settings.may_broadcast, SOL_SOCKET, SO_BROADCAST, 1);
    if (is_v6_only) {
        set(true, IPPROTO_IPV6, IPV6_V6ONLY, *is_v6_only ? 1 : 0);
    }
    set_buffer_size(handle, SO_SNDBUF, settings.send_buffer_size);
    set_buffer_size(handle, SO_RCVBUF, settings.receive_buffer_size);
    ignore_refusals(handle);
    return error;
}

unique_socket open_on(const endpoint& local, const datagram_settings& settings,
                      std::optional<bool> is_v6_only, std::error_code& error) {
    unique_socket opened = open_datagram_socket(family_of(local.kind()), error);
    if (!error) {
        error = prepare(opened.get(), settings, is_v6_only);
    }
    if (!error) {
        socket_address address = to_native(local);
        if (::bind(opened.get(), address.get(), address.length) != 0) {
            error = last_error();
        }
    }
    return error ? unique_socket{} : std::move(opened);
}

std::error_code join(socket_handle handle, const multicast_settings::group& group) noexcept {
    ::group_req request{};
    request.gr_interface = group.interface_index;
    const socket_address address = to_native(group.address);
    std::memcpy(&request.gr_group, &address.storage, sizeof request.gr_group);
    const int level = group.address.kind() == endpoint::family::ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
    return ::setsockopt(handle, level, MCAST_JOIN_GROUP, reinterpret_cast<const char*>(&request),
                        sizeof request) == 0
               ? std::error_code{}
               : last_error();
}

/// By default every socket of a port gets the groups that any process of the machine has joined.
void take_joined_groups_only([[maybe_unused]] socket_handle handle,
                             [[maybe_unused]] bool is_v6) noexcept {
#ifdef IP_MULTICAST_ALL
    (void)set_option(handle, IPPROTO_IP, IP_MULTICAST_ALL, 0);
#endif
#ifdef IPV6_MULTICAST_ALL
    if (is_v6) {
        (void)set_option(handle, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
    }
#endif
}

std::error_code connect_to(socket_handle handle, const datagram_address& peer) noexcept {
    return ::connect(handle, reinterpret_cast<const ::sockaddr*>(peer.bytes.data()),
                     static_cast<socklen_type>(peer.length)) == 0
               ? std::error_code{}
               : last_error();
}

/// POSIX connect(): a null address dissolves the association. `local`: as it was with the peer.
void leave_peer(socket_handle handle, const endpoint& local) {
    socket_address nobody = to_native({local.kind(), {}, 0});
#ifndef _WIN32
    nobody.storage.ss_family = AF_UNSPEC;
#endif
    // BSDs dissolve it and answer EAFNOSUPPORT.
    (void)::connect(handle, nobody.get(), nobody.length);
    const endpoint left = local_endpoint(handle);
    if (left.port() == 0 && left.kind() == local.kind()) {
        // Linux gives back a port that it had chosen itself.
        socket_address own = to_native({left.kind(), left.bytes(), local.port(), left.scope_id()});
        (void)::bind(handle, own.get(), own.length);
    }
}

/// `index` as the interface that IPv4 multicast leaves through.
std::error_code set_outgoing_v4(socket_handle handle, std::uint32_t index) noexcept {
#ifdef _WIN32
    return set_option(handle, IPPROTO_IP, IP_MULTICAST_IF, static_cast<int>(htonl(index)));
#else
    ::ip_mreqn request{};
    request.imr_ifindex = static_cast<int>(index);
    return ::setsockopt(handle, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) == 0
               ? std::error_code{}
               : last_error();
#endif
}

}  // namespace

unique_socket open_datagram(const endpoint& local, const datagram_settings& settings,
                            std::error_code& error) {
    error.clear();
    if (local.kind() != endpoint::family::unspecified) {
        const bool is_v6 = local.kind() == endpoint::family::ipv6;
        const bool is_any = local.bytes() == endpoint::address_bytes{};
        return open_on(local, settings,
                       is_v6 ? std::optional(!(is_any && settings.is_dual_stack)) : std::nullopt,
                       error);
    }
    if (settings.is_dual_stack) {
        auto opened = open_on({endpoint::family::ipv6, {}, local.port()}, settings, false, error);
        if (opened || error == std::errc::address_in_use || error == std::errc::permission_denied) {
            return opened;
        }
        // No IPv6 on this machine, or no dual stack.
        error.clear();
    }
    return open_on({endpoint::family::ipv4, {}, local.port()}, settings, std::nullopt, error);
}

std::error_code connect_datagram(socket_handle handle, const datagram_address& peer) {
    const endpoint former = remote_endpoint(handle);
    if (former.kind() == endpoint::family::unspecified) {
        return connect_to(handle, peer);
    }
    const endpoint local = local_endpoint(handle);
    leave_peer(handle, local);
    const auto error = connect_to(handle, peer);
    if (error) {
        (void)connect_to(handle, address_for(former, local.kind()));
    }
    return error;
}

bool is_open_to_all(socket_handle handle) {
    const endpoint local = local_endpoint(handle);
    const bool is_ip =
        local.kind() == endpoint::family::ipv4 || local.kind() == endpoint::family::ipv6;
    return is_ip && local.bytes() == endpoint::address_bytes{} &&
           remote_endpoint(handle).kind() == endpoint::family::unspecified;
}

std::error_code apply(socket_handle handle, const multicast_settings& settings,
                      endpoint::family family, bool joins) noexcept {
    const bool is_v6 = family == endpoint::family::ipv6;
    take_joined_groups_only(handle, is_v6);
    std::error_code error;
    const auto set = [&](int level, int name, int value) {
        if (!error) {
            error = set_option(handle, level, name, value);
        }
    };
    // An IPv6 socket that takes IPv4 too has the options of both.
    const bool has_v4_options = !is_v6 || set_option(handle, IPPROTO_IP, IP_MULTICAST_TTL,
                                                     settings.hops) == std::error_code{};
    if (has_v4_options) {
        set(IPPROTO_IP, IP_MULTICAST_TTL, settings.hops);
        set(IPPROTO_IP, IP_MULTICAST_LOOP, settings.is_looped ? 1 : 0);
    }
    if (is_v6) {
        set(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, settings.hops);
        set(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, settings.is_looped ? 1 : 0);
    }
    if (settings.outgoing_interface != 0) {
        if (is_v6) {
            set(IPPROTO_IPV6, IPV6_MULTICAST_IF, static_cast<int>(settings.outgoing_interface));
        }
        if (has_v4_options && !error) {
            error = set_outgoing_v4(handle, settings.outgoing_interface);
        }
    }
    for (const auto& each : settings.groups) {
        if (joins && !error) {
            error = join(handle, each);
        }
    }
    return error;
}

std::uint32_t find_interface(const std::string& text) {
    if (const auto index = interface_index(text); index != 0) {
        return index;
    }
#ifndef _WIN32
    const endpoint wanted = parse_address(text, 0);
    ::ifaddrs* all = nullptr;
    if (wanted.kind() == endpoint::family::unspecified || ::getifaddrs(&all) != 0) {
        return 0;
    }
    std::uint32_t found = 0;
    for (const ::ifaddrs* each = all; each != nullptr && found == 0; each = each->ifa_next) {
        if (each->ifa_addr == nullptr) {
            continue;
        }
        const bool is_v4 = each->ifa_addr->sa_family == AF_INET;
        if (!is_v4 && each->ifa_addr->sa_family != AF_INET6) {
            continue;
        }
        socket_address address;
        std::memcpy(&address.storage, each->ifa_addr,
                    is_v4 ? sizeof(::sockaddr_in) : sizeof(::sockaddr_in6));
        const endpoint own = from_native(address);
        if (own.kind() == wanted.kind() && own.bytes() == wanted.bytes()) {
            found = ::if_nametoindex(each->ifa_name);
        }
    }
    ::freeifaddrs(all);
    return found;
#else
    return 0;
#endif
}

int send_buffer_size(socket_handle handle) noexcept {
    return buffer_size(handle, SO_SNDBUF);
}

int receive_buffer_size(socket_handle handle) noexcept {
    return buffer_size(handle, SO_RCVBUF);
}

datagram_address address_for(const endpoint& peer, endpoint::family family) noexcept {
    datagram_address address;
    const bool is_v4 = peer.kind() == endpoint::family::ipv4;
    if (family == endpoint::family::ipv4 && is_v4) {
        ::sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(peer.port());
        std::memcpy(&v4.sin_addr, peer.bytes().data(), sizeof v4.sin_addr);
        std::memcpy(address.bytes.data(), &v4, sizeof v4);
        address.length = sizeof v4;
    } else if (family == endpoint::family::ipv6 &&
               (is_v4 || peer.kind() == endpoint::family::ipv6)) {
        ::sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(peer.port());
        auto* const bytes = reinterpret_cast<std::uint8_t*>(&v6.sin6_addr);
        if (is_v4) {
            // RFC 4291, 2.5.5.2
            bytes[10] = bytes[11] = 0xFF;
            std::memcpy(bytes + 12, peer.bytes().data(), 4);
        } else {
            std::memcpy(bytes, peer.bytes().data(), sizeof v6.sin6_addr);
            v6.sin6_scope_id = peer.scope_id();
        }
        std::memcpy(address.bytes.data(), &v6, sizeof v6);
        address.length = sizeof v6;
    }
    return address;
}

endpoint endpoint_of(const datagram_address& address) noexcept {
    endpoint::address_bytes bytes{};
    if (address.length == sizeof(::sockaddr_in)) {
        ::sockaddr_in v4;
        std::memcpy(&v4, address.bytes.data(), sizeof v4);
        std::memcpy(bytes.data(), &v4.sin_addr, sizeof v4.sin_addr);
        return {endpoint::family::ipv4, bytes, ntohs(v4.sin_port)};
    }
    if (address.length == sizeof(::sockaddr_in6)) {
        ::sockaddr_in6 v6;
        std::memcpy(&v6, address.bytes.data(), sizeof v6);
        std::memcpy(bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
        return {endpoint::family::ipv6, bytes, ntohs(v6.sin6_port), v6.sin6_scope_id};
    }
    return {};
}

}  // namespace network_system::runtime::sockets
