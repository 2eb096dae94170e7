#pragma once

#include <network_system/config.h>
#include <network_system/core/messaging_client.h>
#include <network_system/internal/async_operation.h>
#include <network_system/session/messaging_session.h>
#include <network_system/session/operation.h>
#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_client.h>
#endif

#include <asio/cancellation_type.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

// What the operations of async.h have in common.

namespace network_system::inline v0_1::detail {

using session_ptr = std::shared_ptr<session::messaging_session>;

/// Lets the slot, if there is one, cancel what gets the id that this returns. Before the operation
/// begins: its handler may run, and the slot be used for the next, before the beginning returns.
template <typename Slot>
session::operation_id cancel_through(Slot slot) {
    if (!slot.is_connected()) {
        return session::operation_id::none;
    }
    const auto id = session::next_operation_id();
    slot.assign([id](asio::cancellation_type) { session::cancel_operation(id); });
    return id;
}

/// Begins with a client's session, if there is one.
template <typename SessionPtr, typename Begin>
std::optional<error_info> with_session(const Result<SessionPtr>& current, const Begin& begin) {
    return unless_begun(current ? begin(current.value()) : VoidResult(current.error()));
}

// What clients call differently.

inline auto session_of(const core::messaging_client& client) {
    return client.get_session();
}
inline VoidResult send_bytes(core::messaging_client& client, std::vector<std::uint8_t>&& data,
                             session::send_callback&& done) {
    return client.send_packet(std::move(data), std::move(done));
}
#if NETWORK_SYSTEM_WITH_WEBSOCKET
inline auto session_of(const core::messaging_ws_client& client) {
    return client.get_connection();
}
inline VoidResult send_bytes(core::messaging_ws_client& client, std::vector<std::uint8_t>&& data,
                             session::send_callback&& done) {
    return client.send_binary(std::move(data), std::move(done));
}
#endif

/// A client that has one connection.
template <typename Client>
concept stream_client = requires(const Client& client) { session_of(client); };

/// A stop of what is stopped already is no error.
inline std::optional<VoidResult> unless_stopping(const VoidResult& begun) {
    return begun ? std::nullopt : std::optional(ok());
}

}  // namespace network_system::detail
