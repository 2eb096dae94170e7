#pragma once

#include "protocol/framing/frame.h"

#include <network_system/utils/endpoint.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace network_system::inline v0_1::protocol {

/// What a proxy says of the connection it passes on: the binary header of the PROXY protocol,
/// version 2 (HAProxy, "The PROXY protocol", section 2.2).
struct proxy_header {
    /// The client; unspecified when the proxy speaks for itself (LOCAL, a health check for example)
    /// or does not know (UNSPEC): the connection's own address counts then.
    endpoint source;
    /// Where the client connected to; unspecified likewise.
    endpoint destination;
};

/// Reads one header, in whatever pieces it comes, and not a byte more: what follows it belongs to
/// the protocol above. Every length is checked before it is believed, and a byte that no header has
/// at its place ends it at once.
///
/// Accepted are stream connections over IPv4, IPv6 and Unix domain sockets. Extensions (TLVs) have
/// to be well-formed, and are skipped.
class proxy_header_parser {
public:
    /// Signature, version, command, family and length.
    static constexpr std::size_t fixed_size = 16;
    /// The whole header with its extensions: no more can be announced (section 2.2, "len"). Memory
    /// grows with what has arrived.
    static constexpr std::size_t max_size = fixed_size + 0xFFFF;

    enum class status : std::uint8_t { incomplete, complete, malformed };

    /// How many bytes may be read next; 0 once it is complete or malformed.
    [[nodiscard]] std::size_t wanted() const noexcept;
    /// Takes the bytes that belong to the header; how many.
    std::size_t consume(bytes_view data);

    [[nodiscard]] status state() const noexcept { return state_; }
    /// Once complete.
    [[nodiscard]] const proxy_header& header() const noexcept { return header_; }

private:
    [[nodiscard]] bool is_well_begun() const noexcept;
    [[nodiscard]] std::size_t total_size() const noexcept;
    [[nodiscard]] bool decode();
    [[nodiscard]] bool has_known_family() const noexcept;

    std::vector<std::uint8_t> bytes_;
    proxy_header header_;
    status state_ = status::incomplete;
};

}  // namespace network_system::protocol
