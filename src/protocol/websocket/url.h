#pragma once

#include <network_system/utils/result_types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::websocket {

/// What a WebSocket URL (RFC 6455 section 3) names.
struct url {
    bool is_secure;
    /// A name or an address; IPv6 without brackets, with its zone behind '%'.
    std::string host;
    std::uint16_t port;
    /// The path and the query: what is asked for.
    std::string target;
};

/// The parts of "ws://host:port/path?query" or "wss://…". The host is not looked at beyond what
/// belongs to URLs.
///
/// Error: `invalid_argument`, with what is wrong.
[[nodiscard]] Result<url> parse_url(std::string_view text, std::string_view source);

}  // namespace network_system::websocket
