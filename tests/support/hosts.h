// Hosts as people write them, and what this machine has to connect to: for the tests of every
// protocol.
#pragma once

#include "support/wrong_hosts.h"

#include <network_system/utils/endpoint.h>

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>

namespace network_system::inline v0_1::testing {

[[nodiscard]] inline bool has_ipv6() {
    const int probe = ::socket(AF_INET6, SOCK_STREAM, 0);
    if (probe < 0) {
        return false;
    }
    ::sockaddr_in6 local{};
    local.sin6_family = AF_INET6;
    local.sin6_addr = in6addr_loopback;
    const bool works =
        ::bind(probe, reinterpret_cast<const ::sockaddr*>(&local), sizeof local) == 0;
    ::close(probe);
    return works;
}

/// An address that means something together with an interface only.
struct link_local {
    /// "fe80::1"
    std::string address;
    /// "eth0"
    std::string zone;

    [[nodiscard]] std::string zoned() const { return address + '%' + zone; }
};

/// One of this machine's, if there is one.
[[nodiscard]] inline std::optional<link_local> find_link_local() {
    std::optional<link_local> found;
    ::ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) {
        return found;
    }
    for (const ::ifaddrs* each = all; each != nullptr && !found; each = each->ifa_next) {
        if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET6 ||
            (each->ifa_flags & IFF_UP) == 0) {
            continue;
        }
        ::sockaddr_in6 address{};
        std::copy_n(reinterpret_cast<const char*>(each->ifa_addr), sizeof address,
                    reinterpret_cast<char*>(&address));
        if (IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr)) {
            endpoint::address_bytes bytes{};
            std::copy_n(static_cast<const std::uint8_t*>(address.sin6_addr.s6_addr), bytes.size(),
                        bytes.begin());
            found = {endpoint(endpoint::family::ipv6, bytes, 0).address(), each->ifa_name};
        }
    }
    ::freeifaddrs(all);
    return found;
}

}  // namespace network_system::testing
