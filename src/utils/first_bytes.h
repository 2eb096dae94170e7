#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::detail {

/// So many bytes of what a peer has said first are kept for an error text.
inline constexpr std::size_t kept_first_bytes = 24;

/// Which protocol the bytes begin, as far as that can be seen; empty when it cannot.
[[nodiscard]] std::string_view protocol_begun_by(std::string_view first) noexcept;

/// For errors: "received 'HTTP/1.1 400 Bad', which is HTTP", or that nothing was received.
[[nodiscard]] std::string describe_received(std::string_view first);
[[nodiscard]] std::string describe_received(std::span<const std::uint8_t> first);

}  // namespace network_system::detail
