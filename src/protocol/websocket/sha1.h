#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace network_system::inline v0_1::protocol {

/// SHA-1 (RFC 3174), for the one use the WebSocket handshake makes of it: to show that the server
/// has read the key. It is no protection against anybody.
[[nodiscard]] std::array<std::uint8_t, 20> sha1(std::span<const std::uint8_t> message);

}  // namespace network_system::protocol
