#pragma once

#include <network_system/internal/build_checks.h>
#include <network_system/session/message.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace network_system {

/// What a WebSocket message is said to contain.
using ws_message_type = message_kind;

/// A whole message, whatever the fragments it was sent in. Valid during the call that delivers it.
struct ws_message {
    ws_message_type type = ws_message_type::binary;
    /// May be empty.
    std::span<const std::uint8_t> data = {};

    [[nodiscard]] bool is_text() const noexcept { return type == ws_message_type::text; }
    /// The same bytes as characters.
    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(data.data()), data.size()};
    }
};

/// A message that was asked for; see `receive_mode::pull`.
using received_ws_message = received_message;

}  // namespace network_system
