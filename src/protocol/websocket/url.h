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

/// The text of it, without a port that is the default one. The zone of an address is left out, and
/// a Unix domain socket is "localhost", as in the Host field.
[[nodiscard]] std::string to_string(const url& of);

/// Whether scheme, host and port are the same: whether what is meant for one may go to the other.
/// In doubt it may not: "192.0.2.1" and a name of it are two, and so are a name with and without a
/// dot at its end.
[[nodiscard]] bool is_same_origin(const url& one, const url& other) noexcept;

}  // namespace network_system::websocket
