#pragma once

#include "os/native_socket.h"

#include <network_system/utils/endpoint.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

namespace network_system::inline v0_1::runtime {

/// An IP address and port as the system takes it, without the bulk of a sockaddr_storage.
struct datagram_address {
    /// The size of a sockaddr_in6.
    static constexpr std::size_t capacity = 28;

    [[nodiscard]] bool is_set() const noexcept { return length != 0; }
    friend bool operator==(const datagram_address& one, const datagram_address& other) noexcept {
        return one.length == other.length &&
               std::memcmp(one.bytes.data(), other.bytes.data(), one.length) == 0;
    }

    alignas(8) std::array<std::uint8_t, capacity> bytes;
    std::uint32_t length = 0;
};

/// The address of this machine that a peer has asked, and so expects answers from (RFC 1122 section
/// 4.1.3.5).
struct datagram_source {
    [[nodiscard]] bool is_set() const noexcept { return *this != datagram_source{}; }
    friend bool operator==(const datagram_source&, const datagram_source&) = default;

    /// IPv4 as a mapped address. All zero: the system chooses.
    std::array<std::uint8_t, 16> address{};
    /// Where the address alone does not tell the interface: link-local, multicast. 0 = any.
    std::uint32_t interface_index = 0;
};

namespace sockets {

struct datagram_settings {
    bool reuse_address = false;
    bool reuse_port = false;
    bool is_dual_stack = true;
    bool may_broadcast = false;
    /// Bytes; 0 = the system's choice. As much as the system allows, if that is less.
    int send_buffer_size = 0;
    int receive_buffer_size = 0;
};

struct multicast_settings {
    struct group {
        endpoint address;
        /// Index of the interface; 0 = the system's choice.
        std::uint32_t interface_index = 0;
    };
    std::vector<group> groups;
    /// Where multicast is sent from; 0 = the system's choice.
    std::uint32_t outgoing_interface = 0;
    int hops = 1;
    bool is_looped = true;
};

/// A bound, non-blocking, close-on-exec UDP socket. An unspecified address means all addresses,
/// dual stack where it is asked for and the machine has IPv6.
[[nodiscard]] unique_socket open_datagram(const endpoint& local, const datagram_settings& settings,
                                          std::error_code& error);

/// Only the peer's datagrams arrive from here on, and its refusals. A socket that has a peer leaves
/// it first, so that the system chooses the source anew; an address and a port that it was bound to
/// stay, and so does the port that the system chose, if nobody takes it in that moment. On an error
/// the socket keeps its peer.
[[nodiscard]] std::error_code connect_datagram(socket_handle handle, const datagram_address& peer);

/// Whether the socket receives what is sent to any address of the machine, from anybody.
[[nodiscard]] bool is_open_to_all(socket_handle handle);
/// The local address that each datagram was sent to is received with it; false where the system
/// cannot do that.
[[nodiscard]] bool report_destinations(socket_handle handle, endpoint::family family) noexcept;

/// The options of multicast. `joins`: whether this socket is the one that receives the groups.
[[nodiscard]] std::error_code apply(socket_handle handle, const multicast_settings& settings,
                                    endpoint::family family, bool joins) noexcept;

/// The index of an interface by name, number or one of its addresses; 0 when there is none.
[[nodiscard]] std::uint32_t find_interface(const std::string& text);

/// What the system granted, in bytes.
[[nodiscard]] int send_buffer_size(socket_handle handle) noexcept;
[[nodiscard]] int receive_buffer_size(socket_handle handle) noexcept;

/// The peer as a socket of the family has to name it (IPv4 as a mapped address on an IPv6 socket);
/// not set when it cannot reach it.
[[nodiscard]] datagram_address address_for(const endpoint& peer, endpoint::family family) noexcept;
[[nodiscard]] endpoint endpoint_of(const datagram_address& address) noexcept;

}  // namespace sockets
}  // namespace network_system::runtime
