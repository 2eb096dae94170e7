#include "os/datagram_control.h"

#include <array>

namespace network_system::inline v0_1::runtime {

#if NETWORK_HAS_PACKET_INFO

namespace {

// RFC 4291 section 2.5.5.2
constexpr std::array<std::uint8_t, 12> mapped_v4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool is_v4(const datagram_source& source) noexcept {
    return std::equal(mapped_v4.begin(), mapped_v4.end(), source.address.begin());
}

/// The header's destination is no source when it is a group or a broadcast address; `ipi_spec_dst`
/// is what the system would answer from.
datagram_source source_of(const ::in_pktinfo& info) noexcept {
    datagram_source source;
    std::array<std::uint8_t, 4> local{};
    std::array<std::uint8_t, 4> asked{};
    std::memcpy(local.data(), &info.ipi_spec_dst, local.size());
    std::memcpy(asked.data(), &info.ipi_addr, asked.size());
    const bool is_group = (asked[0] & 0xF0U) == 0xE0U;
    const bool is_link_local = local[0] == 169 && local[1] == 254;  // RFC 3927
    if (is_group || is_link_local) {
        source.interface_index = static_cast<std::uint32_t>(info.ipi_ifindex);
    }
    if (source.interface_index != 0 || local != std::array<std::uint8_t, 4>{}) {
        std::copy(mapped_v4.begin(), mapped_v4.end(), source.address.begin());
        std::copy(local.begin(), local.end(), source.address.begin() + mapped_v4.size());
    }
    return source;
}

datagram_source source_of(const ::in6_pktinfo& info) noexcept {
    datagram_source source;
    std::array<std::uint8_t, 16> asked{};
    std::memcpy(asked.data(), &info.ipi6_addr, asked.size());
    const bool is_group = asked[0] == 0xFF;
    const bool is_link_local = asked[0] == 0xFE && (asked[1] & 0xC0U) == 0x80U;
    if (is_group || is_link_local) {
        source.interface_index = static_cast<std::uint32_t>(info.ipi6_ifindex);
    }
    if (!is_group) {
        source.address = asked;
    }
    return source;
}

template <typename Info>
Info info_in(const ::cmsghdr& message) noexcept {
    Info info{};
    std::memcpy(&info, CMSG_DATA(const_cast<::cmsghdr*>(&message)), sizeof info);
    return info;
}

}  // namespace

std::size_t datagram_control::put_source(std::uint8_t* where,
                                         const datagram_source& source) noexcept {
    if (is_v4(source)) {
        ::in_pktinfo info{};
        info.ipi_ifindex = static_cast<decltype(info.ipi_ifindex)>(source.interface_index);
        std::memcpy(&info.ipi_spec_dst, source.address.data() + mapped_v4.size(),
                    sizeof info.ipi_spec_dst);
        return put(where, IPPROTO_IP, IP_PKTINFO, info);
    }
    ::in6_pktinfo info{};
    info.ipi6_ifindex = static_cast<decltype(info.ipi6_ifindex)>(source.interface_index);
    std::memcpy(&info.ipi6_addr, source.address.data(), sizeof info.ipi6_addr);
    return put(where, IPPROTO_IPV6, IPV6_PKTINFO, info);
}

void datagram_control::read_destination(const ::cmsghdr& message,
                                        datagram_source& source) noexcept {
    if (message.cmsg_level == IPPROTO_IP && message.cmsg_type == IP_PKTINFO) {
        source = source_of(info_in<::in_pktinfo>(message));
    } else if (message.cmsg_level == IPPROTO_IPV6 && message.cmsg_type == IPV6_PKTINFO) {
        const auto found = source_of(info_in<::in6_pktinfo>(message));
        // Of an IPv4 datagram it is the header's destination; the other message says more.
        if (!is_v4(found)) {
            source = found;
        }
    }
}

bool sockets::report_destinations(socket_handle handle, endpoint::family family) noexcept {
    const bool has_v4 = !set_option(handle, IPPROTO_IP, IP_PKTINFO, 1);
    return family == endpoint::family::ipv6 ? !set_option(handle, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                                            : has_v4;
}

#else

#ifndef _WIN32
std::size_t datagram_control::put_source(std::uint8_t*, const datagram_source&) noexcept {
    return 0;
}

void datagram_control::read_destination(const ::cmsghdr&, datagram_source&) noexcept {}
#endif

bool sockets::report_destinations(socket_handle, endpoint::family) noexcept {
    return false;
}

#endif

}  // namespace network_system::runtime
