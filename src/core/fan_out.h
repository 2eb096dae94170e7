#pragma once

#include "session/message_encoder.h"

#include <network_system/core/messaging_server.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace network_system::core {

/// Sends one message to many sessions: it is encoded once and shared, and every receiver is
/// accounted for. `key` is the message's under send_policy::conflate; `except` gets nothing.
[[nodiscard]] broadcast_result fan_out(
    const std::vector<std::shared_ptr<session::messaging_session>>& receivers,
    const session::message_encoder& encoder, session::message_kind kind,
    std::span<const std::uint8_t> data, std::string_view key = {},
    const session::messaging_session* except = nullptr);

}  // namespace network_system::core
