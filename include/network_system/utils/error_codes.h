#pragma once

#include <network_system/export.h>
#include <network_system/internal/build_checks.h>

#include <system_error>

namespace network_system::inline v0_1 {

/// The registry of error numbers. The numbers never change; new ones continue their block:
/// general −10…−99, connection −600…−619, session −620…−639, send and receive −640…−659,
/// server −660…−679.
enum class errc : int {
    /// An argument or an option is out of range: empty host, empty message, callback set after
    /// start, contradictory limits.
    invalid_argument = -10,
    not_initialized = -11,
    /// A client was started while it is connecting or connected.
    already_exists = -12,
    /// The chosen framing or build has no such operation (ping on raw framing, for example).
    not_supported = -13,
    /// A blocking call was made on an I/O thread.
    would_block = -14,
    /// The operation was given up by who began it.
    cancelled = -15,
    /// An allocation failed. What was asked for was not done; a connection that it happened to has
    /// ended.
    out_of_memory = -16,
    /// A defect here or in a user callback (an exception that left it).
    internal_error = -99,

    connection_failed = -600,
    connection_refused = -601,
    connection_timeout = -602,
    /// No connection: before start, after stop, or the peer has gone.
    connection_closed = -603,
    resolve_failed = -604,
    /// The peer broke the protocol: unknown type or flag, malformed control frame.
    protocol_error = -605,
    tls_handshake_failed = -606,
    certificate_verification_failed = -607,
    certificate_load_failed = -608,
    /// The stream ended in the middle of a message.
    connection_truncated = -609,
    handshake_rejected = -610,

    session_not_found = -620,
    session_expired = -621,
    invalid_session = -622,

    send_failed = -640,
    receive_failed = -641,
    message_too_large = -642,
    /// Over the high watermark; nothing was queued.
    send_buffer_full = -643,
    decryption_failed = -644,
    decompression_failed = -645,
    pipeline_mismatch = -646,
    /// A queued message gave way to a newer one (send_policy::drop_oldest and conflate).
    message_superseded = -647,
    /// The receiver of a message with an id remembers newer ids only: whether it has taken this one
    /// before cannot be told, so it was not delivered now.
    delivery_expired = -648,
    /// The receiver has forgotten the sender of a message with an id that may have been sent
    /// before: it was not delivered now.
    delivery_forgotten = -649,
    /// A circuit_breaker is open: the server has failed too often to be asked now.
    circuit_open = -650,

    server_not_started = -660,
    server_already_running = -661,
    bind_failed = -662,
    server_full = -663,
    rate_limited = -664,
};

/// The category of `errc`: name "network_system"; `default_error_condition` maps to the
/// equivalent `std::errc` where one exists.
[[nodiscard]] NETWORK_SYSTEM_EXPORT const std::error_category& error_category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

}  // namespace network_system

template <>
struct std::is_error_code_enum<network_system::errc> : std::true_type {};
