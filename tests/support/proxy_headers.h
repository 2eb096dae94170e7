// Headers of the PROXY protocol, built from its table and not by the library.
#pragma once

#include "support/bytes.h"

#include <cstdint>
#include <string_view>

namespace network_system::inline v0_1::testing {

inline constexpr unsigned proxy_local = 0x20;
inline constexpr unsigned proxy_proxy = 0x21;
inline constexpr unsigned proxy_unspecified = 0x00;
inline constexpr unsigned proxy_tcp4 = 0x11;
inline constexpr unsigned proxy_tcp6 = 0x21;
inline constexpr unsigned proxy_unix = 0x31;

inline byte_string proxy_wire(unsigned command, unsigned family, const byte_string& block) {
    return concat({text_bytes(std::string_view("\r\n\r\n\0\r\nQUIT\n", 12)),
                   {static_cast<std::uint8_t>(command), static_cast<std::uint8_t>(family)},
                   big_endian(block.size(), 2),
                   block});
}

/// From 192.0.2.`client`:`port` to 198.51.100.1:443.
inline byte_string proxy_tcp4_block(std::uint8_t client = 7, std::uint16_t port = 4711) {
    return concat({{192, 0, 2, client}, {198, 51, 100, 1}, big_endian(port, 2), {1, 187}});
}

/// From [2001:db8::7]:4711 to [2001:db8::1]:443.
inline byte_string proxy_tcp6_block() {
    byte_string source(16);
    source[0] = 0x20;
    source[1] = 0x01;
    source[2] = 0x0d;
    source[3] = 0xb8;
    byte_string destination = source;
    source[15] = 7;
    destination[15] = 1;
    return concat({source, destination, big_endian(4711, 2), {1, 187}});
}

inline byte_string proxy_unix_block(std::string_view source, std::string_view destination) {
    byte_string first = text_bytes(source);
    byte_string second = text_bytes(destination);
    first.resize(108);
    second.resize(108);
    return concat({first, second});
}

inline byte_string proxy_tlv(std::uint8_t type, std::size_t size) {
    return concat({{type}, big_endian(size, 2), pattern(size)});
}

}  // namespace network_system::testing
