#pragma once

#include <network_system/internal/build_checks.h>

#include <cstdint>

namespace network_system::inline v0_1 {

/// How messages are delimited on a byte stream. Both peers must agree.
enum class framing : std::uint8_t {
    /// 5-byte header (type, flags, length) with hello, ping, goodbye and error frames. Default.
    message,
    /// A plain 4-byte big-endian length before each message, as Netty and Kafka speak.
    length_prefixed,
    /// No framing: bytes are delivered as they arrive.
    raw,
};

}  // namespace network_system
