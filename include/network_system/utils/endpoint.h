#pragma once

#include <network_system/export.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace network_system {

/// An IPv4 or IPv6 address and a port. IPv4-mapped IPv6 addresses (RFC 4291 section 2.5.5.2) are
/// stored, and so shown, as IPv4. A default-constructed endpoint is unspecified: no address,
/// port 0.
///
/// Thread-safety: as a value type.
class NETWORK_SYSTEM_EXPORT endpoint {
public:
    enum class family : std::uint8_t { unspecified, ipv4, ipv6 };
    using address_bytes = std::array<std::uint8_t, 16>;

    endpoint() = default;
    /// `bytes` holds 4 (IPv4) or 16 (IPv6) significant bytes in network order.
    endpoint(family kind, const address_bytes& bytes, std::uint16_t port,
             std::uint32_t scope_id = 0) noexcept;

    [[nodiscard]] family kind() const noexcept { return kind_; }
    [[nodiscard]] const address_bytes& bytes() const noexcept { return bytes_; }
    /// Host byte order.
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// The IPv6 zone (interface index) of a link-local address; 0 otherwise.
    [[nodiscard]] std::uint32_t scope_id() const noexcept { return scope_id_; }

    /// "192.0.2.1" or "2001:db8::1"; empty when unspecified.
    [[nodiscard]] std::string address() const;
    /// "192.0.2.1:80" or "[2001:db8::1]:80"; "unspecified" without an address.
    [[nodiscard]] std::string to_string() const;

    friend auto operator<=>(const endpoint&, const endpoint&) = default;

private:
    address_bytes bytes_{};
    std::uint32_t scope_id_ = 0;
    std::uint16_t port_ = 0;
    family kind_ = family::unspecified;
};

}  // namespace network_system

template <>
struct std::hash<network_system::endpoint> {
    std::size_t operator()(const network_system::endpoint& value) const noexcept {
        std::size_t h = value.port() * 0x9E3779B97F4A7C15U;
        for (std::uint8_t byte : value.bytes()) {
            h = (h ^ byte) * 0x100000001B3U;
        }
        return h;
    }
};
