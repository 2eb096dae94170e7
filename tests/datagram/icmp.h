// What a router says of a datagram, sent to the one who sent it.
#pragma once

#include "datagram/support.h"

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>

#include <cerrno>
#include <string>

namespace udp {

/// A socket that sends ICMP messages over the loopback interface, about datagrams that went from
/// one port of it to another. What it sends has arrived when `tell` returns.
class icmp_sender {
public:
    explicit icmp_sender(int family = AF_INET)
        : handle_(::socket(family, SOCK_RAW | SOCK_CLOEXEC,
                           family == AF_INET ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6})) {
        error_ = handle_ < 0 ? errno : 0;
    }
    icmp_sender(const icmp_sender&) = delete;
    icmp_sender& operator=(const icmp_sender&) = delete;
    ~icmp_sender() { ::close(handle_); }

    /// What there has to be for this; empty when it is there.
    [[nodiscard]] std::string missing() const {
        return error_ == 0 ? std::string()
                           : "the right to open raw sockets (root, CAP_NET_RAW): " +
                                 std::error_code(error_, std::system_category()).message();
    }

    /// "Destination unreachable" (RFC 792) with this code. Code 4, "fragmentation needed", names an
    /// MTU (RFC 1191) that changes nothing for the others who use the interface.
    void tell(std::uint8_t code, std::uint16_t from, std::uint16_t to) const {
        struct message {
            ::icmphdr head{};
            ::iphdr about{};
            ::udphdr datagram{};
        } said;
        said.head.type = ICMP_DEST_UNREACH;
        said.head.code = code;
        said.head.un.frag.mtu = htons(65'535);
        said.about.version = 4;
        said.about.ihl = 5;
        said.about.tot_len = htons(sizeof said.about + sizeof said.datagram);
        said.about.ttl = 64;
        said.about.protocol = IPPROTO_UDP;
        said.about.saddr = said.about.daddr = htonl(INADDR_LOOPBACK);
        said.datagram.source = htons(from);
        said.datagram.dest = htons(to);
        said.datagram.len = htons(sizeof said.datagram);
        said.head.checksum = checksum_of(&said, sizeof said);
        ::sockaddr_in target{};
        target.sin_family = AF_INET;
        target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::sendto(handle_, &said, sizeof said, 0,
                           reinterpret_cast<const ::sockaddr*>(&target), sizeof target),
                  static_cast<ssize_t>(sizeof said));
    }

    /// The same from ::1 to ::1 (RFC 4443 section 3.1).
    void tell_v6(std::uint8_t code, std::uint16_t from, std::uint16_t to) const {
        struct message {
            ::icmp6_hdr head{};
            ::ip6_hdr about{};
            ::udphdr datagram{};
        } said;
        said.head.icmp6_type = ICMP6_DST_UNREACH;
        said.head.icmp6_code = code;
        said.about.ip6_vfc = 0x60;
        said.about.ip6_plen = htons(sizeof said.datagram);
        said.about.ip6_nxt = IPPROTO_UDP;
        said.about.ip6_hlim = 64;
        said.about.ip6_src = said.about.ip6_dst = ::in6addr_loopback;
        said.datagram.source = htons(from);
        said.datagram.dest = htons(to);
        said.datagram.len = htons(sizeof said.datagram);
        ::sockaddr_in6 target{};
        target.sin6_family = AF_INET6;
        target.sin6_addr = ::in6addr_loopback;
        // The system adds the checksum (RFC 3542 section 3.1).
        EXPECT_EQ(::sendto(handle_, &said, sizeof said, 0,
                           reinterpret_cast<const ::sockaddr*>(&target), sizeof target),
                  static_cast<ssize_t>(sizeof said));
    }

private:
    /// RFC 1071
    static std::uint16_t checksum_of(const void* data, std::size_t size) {
        std::uint32_t sum = 0;
        for (std::size_t i = 0; i + 1 < size; i += 2) {
            std::uint16_t word = 0;
            std::memcpy(&word, static_cast<const std::uint8_t*>(data) + i, sizeof word);
            sum += word;
        }
        while (sum > 0xFFFFU) {
            sum = (sum & 0xFFFFU) + (sum >> 16U);
        }
        return static_cast<std::uint16_t>(~sum);
    }

    int handle_;
    int error_ = 0;
};

}  // namespace udp
