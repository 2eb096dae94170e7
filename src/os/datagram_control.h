#pragma once

#include "os/datagram_socket.h"
#include "os/socket_platform.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

// The local address of a datagram: RFC 3542 section 6, and Linux's ip(7). Where one of the two
// families lacks it, neither is used.
#if !defined(_WIN32) && defined(IP_PKTINFO) && defined(IPV6_PKTINFO) && defined(IPV6_RECVPKTINFO)
#define NETWORK_HAS_PACKET_INFO 1
#else
#define NETWORK_HAS_PACKET_INFO 0
#endif

#ifndef _WIN32

/// Control messages of datagrams. Building one costs two copies of a few bytes.
namespace network_system::inline v0_1::runtime::datagram_control {

#if NETWORK_HAS_PACKET_INFO
/// What the system may say of where a datagram went: of an IPv4 datagram on an IPv6 socket both.
inline constexpr std::size_t destination_space =
    CMSG_SPACE(sizeof(::in_pktinfo)) + CMSG_SPACE(sizeof(::in6_pktinfo));
inline constexpr std::size_t source_space =
    std::max(CMSG_SPACE(sizeof(::in_pktinfo)), CMSG_SPACE(sizeof(::in6_pktinfo)));
#else
inline constexpr std::size_t destination_space = 0;
inline constexpr std::size_t source_space = 0;
#endif

/// Writes a message to `where`, which is aligned for it and has room; how much it takes.
template <typename Value>
std::size_t put(std::uint8_t* where, int level, int type, const Value& value) noexcept {
    auto* const message = reinterpret_cast<::cmsghdr*>(where);
    message->cmsg_level = level;
    message->cmsg_type = type;
    message->cmsg_len = static_cast<decltype(message->cmsg_len)>(CMSG_LEN(sizeof value));
    std::memcpy(CMSG_DATA(message), &value, sizeof value);
    return CMSG_SPACE(sizeof value);
}

/// The same for the source of what is sent.
[[nodiscard]] std::size_t put_source(std::uint8_t* where, const datagram_source& source) noexcept;

/// Reads where a datagram went, if the message says so, as the source of its answers.
void read_destination(const ::cmsghdr& message, datagram_source& source) noexcept;

}  // namespace network_system::runtime::datagram_control

#endif
