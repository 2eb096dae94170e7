#pragma once

#include <network_system/utils/endpoint.h>

#include <asio/ip/address.hpp>
#include <asio/ip/basic_endpoint.hpp>

#include <algorithm>

namespace network_system::inline v0_1 {

/// An IPv4 or IPv6 endpoint as Asio's, for `asio::ip::udp` or `asio::ip::tcp`. Without an address
/// (unspecified, or a Unix domain socket) it is Asio's default: 0.0.0.0 and port 0.
template <typename Protocol>
[[nodiscard]] asio::ip::basic_endpoint<Protocol> to_asio(const endpoint& value) {
    if (value.kind() == endpoint::family::ipv4) {
        asio::ip::address_v4::bytes_type bytes;
        std::copy_n(value.bytes().begin(), bytes.size(), bytes.begin());
        return {asio::ip::address_v4(bytes), value.port()};
    }
    if (value.kind() == endpoint::family::ipv6) {
        asio::ip::address_v6::bytes_type bytes;
        std::copy_n(value.bytes().begin(), bytes.size(), bytes.begin());
        return {asio::ip::address_v6(bytes, value.scope_id()), value.port()};
    }
    return {};
}

/// Asio's endpoint as ours; an IPv4-mapped IPv6 address becomes IPv4.
template <typename Protocol>
[[nodiscard]] endpoint from_asio(const asio::ip::basic_endpoint<Protocol>& value) {
    endpoint::address_bytes bytes{};
    if (value.address().is_v4()) {
        const auto v4 = value.address().to_v4().to_bytes();
        std::copy(v4.begin(), v4.end(), bytes.begin());
        return {endpoint::family::ipv4, bytes, value.port()};
    }
    const auto address = value.address().to_v6();
    const auto v6 = address.to_bytes();
    std::copy(v6.begin(), v6.end(), bytes.begin());
    return {endpoint::family::ipv6, bytes, value.port(),
            static_cast<std::uint32_t>(address.scope_id())};
}

}  // namespace network_system
