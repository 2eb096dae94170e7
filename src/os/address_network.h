#pragma once

#include <network_system/utils/endpoint.h>

#include <cstdint>
#include <optional>
#include <string>

namespace network_system::inline v0_1::runtime {

/// A set of peers: one address, a network, or all peers of Unix domain sockets.
class address_network {
public:
    /// What becomes of bits beyond the prefix.
    enum class further_bits : std::uint8_t { refused, dropped };

    /// "192.0.2.1", "10.0.0.0/8", "2001:db8::/32", "unix:"; nothing when the text is none of these.
    /// Bits beyond the prefix have to be 0, and an IPv4 address needs its four numbers: a slip of
    /// the pen in a list of trusted peers must not widen it. Elsewhere the bits may be dropped.
    [[nodiscard]] static std::optional<address_network> parse(
        const std::string& text, further_bits beyond = further_bits::refused);

    /// Ports and zones do not count. IPv4-mapped addresses are IPv4 addresses.
    [[nodiscard]] bool contains(const endpoint& peer) const noexcept;

private:
    endpoint::address_bytes prefix_{};
    unsigned bits_ = 0;
    endpoint::family family_ = endpoint::family::unspecified;
};

/// Who counts as one where a limit is per address: the peer without its port, and of IPv6 the
/// network of `prefix_v6` bits, of which a subscriber has a whole one. Link-local neighbours, which
/// share one network, count one by one. Other kinds of endpoints stay as they are.
[[nodiscard]] endpoint source_counted_as(const endpoint& peer, unsigned prefix_v6) noexcept;

}  // namespace network_system::runtime
