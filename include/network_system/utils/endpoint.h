#pragma once

#include <network_system/export.h>
#include <network_system/internal/build_checks.h>
#include <network_system/utils/result_types.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace network_system::inline v0_1 {

/// An IPv4 or IPv6 address and a port, or the path of a Unix domain socket. IPv4-mapped IPv6
/// addresses (RFC 4291 section 2.5.5.2) are stored, and so shown, as IPv4. A default-constructed
/// endpoint is unspecified: no address, port 0.
///
/// Thread-safety: as a value type.
class NETWORK_SYSTEM_EXPORT endpoint {
public:
    enum class family : std::uint8_t { unspecified, ipv4, ipv6, unix_domain };
    using address_bytes = std::array<std::uint8_t, 16>;

    endpoint() noexcept : bytes_{} {}
    endpoint(const endpoint& other) noexcept;
    endpoint& operator=(const endpoint& other) noexcept;
    ~endpoint() { release(); }
    /// `bytes` holds 4 (IPv4) or 16 (IPv6) significant bytes in network order. Of a Unix domain
    /// socket there are none, see `unix_domain`: that kind becomes unspecified.
    endpoint(family kind, const address_bytes& bytes, std::uint16_t port,
             std::uint32_t scope_id = 0) noexcept;
    /// A numeric address or "unix:/path", as `parse(host, port)` takes them, and for texts of the
    /// program's own: where that fails the process aborts, as with `Result::value`.
    endpoint(std::string_view host, std::uint16_t port);
    /// The other way from `to_string`: "192.0.2.1:80", "[2001:db8::1]:80", "[fe80::1%3]:80" or
    /// "unix:/path". Names are not resolved, here and below.
    ///
    /// Error: `invalid_argument`, with a message that says what is wrong with the text.
    [[nodiscard]] static Result<endpoint> parse(std::string_view text);
    /// The address alone, "192.0.2.1" or "2001:db8::1", with or without brackets. The zone of an
    /// IPv6 address is the number of an interface. The port of "unix:/path" is 0.
    ///
    /// Error: as above.
    [[nodiscard]] static Result<endpoint> parse(std::string_view host, std::uint16_t port);
    /// A Unix domain socket. "@name" is a name in Linux's abstract namespace; empty is a socket
    /// without a name, as most clients have. The path is not checked here.
    [[nodiscard]] static endpoint unix_domain(std::string path);

    [[nodiscard]] family kind() const noexcept { return kind_; }
    /// All zero for a Unix domain socket.
    [[nodiscard]] const address_bytes& bytes() const noexcept;
    /// Host byte order.
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// The IPv6 zone (interface index) of a link-local address; 0 otherwise.
    [[nodiscard]] std::uint32_t scope_id() const noexcept { return scope_id_; }

    /// The path or "@name" of a Unix domain socket; empty otherwise.
    [[nodiscard]] const std::string& path() const noexcept;

    /// "192.0.2.1" or "2001:db8::1"; the path of a Unix domain socket; empty when unspecified.
    [[nodiscard]] std::string address() const;
    /// "192.0.2.1:80", "[2001:db8::1]:80" or "unix:/path" ("unix:" without a name);
    /// "unspecified" without an address. Control characters in a path are shown as "\xNN".
    [[nodiscard]] std::string to_string() const;

    friend NETWORK_SYSTEM_EXPORT std::strong_ordering operator<=>(const endpoint& one,
                                                                  const endpoint& other) noexcept;
    friend bool operator==(const endpoint& one, const endpoint& other) noexcept {
        return (one <=> other) == std::strong_ordering::equal;
    }

private:
    using shared_path = std::shared_ptr<const std::string>;

    void release() noexcept {
        if (kind_ == family::unix_domain) {
            path_.~shared_path();
        }
    }

    // There are two endpoints in every connection: an address and a path share their place. The
    // path is null when the socket has no name, and shared by copies.
    union {
        address_bytes bytes_;
        shared_path path_;
    };
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
        return h ^ std::hash<std::string>{}(value.path());
    }
};
