#pragma once

#include "protocol/message_encoder.h"
#include "session/message_connection.h"
#include "transport/write_queue.h"

#include <network_system/core/metrics.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::core {

/// A message that was encoded once, for many.
struct encoded_message {
    transport::shared_frame frame;
    /// Of the message itself.
    std::size_t size = 0;
};

[[nodiscard]] encoded_message encode_with(const session::message_encoder& encoder,
                                          session::message_kind kind,
                                          std::span<const std::uint8_t> data);

/// Sends one message to many sessions, which share it; every receiver is accounted for. Under
/// send_policy::wait it waits once for all that are full. `key` is the message's under
/// send_policy::conflate; `except` gets nothing.
[[nodiscard]] broadcast_result fan_out(
    const std::vector<std::shared_ptr<session::messaging_session>>& receivers,
    const encoded_message& message, std::string_view key = {},
    const session::messaging_session* except = nullptr);

}  // namespace network_system::core
