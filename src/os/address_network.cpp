#include "os/address_network.h"

#include "os/native_socket.h"

#include <charconv>
#include <string_view>

namespace network_system::inline v0_1::runtime {
namespace {

// What an IPv4-mapped IPv6 address begins with.
constexpr unsigned mapped_bits = 96;

std::optional<unsigned> parse_length(std::string_view text) noexcept {
    unsigned length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    const bool is_whole = error == std::errc{} && end == text.data() + text.size();
    return is_whole ? std::optional(length) : std::nullopt;
}

/// The bits of one of an address's bytes that belong to a prefix of the length.
std::uint8_t mask_of(unsigned bits, std::size_t byte) noexcept {
    const auto before = static_cast<unsigned>(byte) * 8;
    if (bits <= before) {
        return 0;
    }
    const unsigned count = bits - before;
    return static_cast<std::uint8_t>(count >= 8 ? 0xFFU : 0xFFU << (8 - count));
}

}  // namespace

std::optional<address_network> address_network::parse(const std::string& text,
                                                      further_bits beyond) {
    address_network network;
    if (text == "unix:") {
        network.family_ = endpoint::family::unix_domain;
        return network;
    }
    const auto slash = text.find('/');
    const std::string address = text.substr(0, slash);
    const endpoint parsed = sockets::parse_address(address, 0);
    const bool is_v6_text = address.find(':') != std::string::npos;
    network.family_ = parsed.kind();
    network.prefix_ = parsed.bytes();
    if ((parsed.kind() != endpoint::family::ipv4 && parsed.kind() != endpoint::family::ipv6) ||
        address.find('%') != std::string::npos) {
        return std::nullopt;
    }
    const unsigned skipped =
        is_v6_text && parsed.kind() == endpoint::family::ipv4 ? mapped_bits : 0;
    const unsigned most = (parsed.kind() == endpoint::family::ipv4 ? 32 : 128) + skipped;
    const auto length =
        slash == std::string::npos ? most : parse_length(std::string_view(text).substr(slash + 1));
    if (!length || *length > most || *length < skipped) {
        return std::nullopt;
    }
    network.bits_ = *length - skipped;
    for (std::size_t i = 0; i < network.prefix_.size(); ++i) {
        const std::uint8_t kept = network.prefix_[i] & mask_of(network.bits_, i);
        if (kept != network.prefix_[i] && beyond == further_bits::refused) {
            return std::nullopt;
        }
        network.prefix_[i] = kept;
    }
    return network;
}

bool address_network::contains(const endpoint& peer) const noexcept {
    if (peer.kind() != family_) {
        return false;
    }
    for (std::size_t i = 0; i < prefix_.size(); ++i) {
        if ((peer.bytes()[i] & mask_of(bits_, i)) != prefix_[i]) {
            return false;
        }
    }
    return true;
}

endpoint source_counted_as(const endpoint& peer, unsigned prefix_v6) noexcept {
    if (peer.kind() != endpoint::family::ipv4 && peer.kind() != endpoint::family::ipv6) {
        return peer;
    }
    endpoint::address_bytes network = peer.bytes();
    // fe80::/10 (RFC 4291 section 2.5.6)
    const bool is_link_local = network[0] == 0xFE && (network[1] & 0xC0U) == 0x80U;
    if (peer.kind() == endpoint::family::ipv6 && !is_link_local) {
        for (std::size_t i = 0; i < network.size(); ++i) {
            network[i] &= mask_of(prefix_v6, i);
        }
    }
    return {peer.kind(), network, 0, peer.scope_id()};
}

}  // namespace network_system::runtime
