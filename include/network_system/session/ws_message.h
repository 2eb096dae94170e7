#pragma once

#include <network_system/internal/build_checks.h>
#include <network_system/session/message.h>

namespace network_system::inline v0_1 {

/// What a WebSocket message is said to contain.
using ws_message_type = message_kind;

/// A whole message, whatever the fragments it was sent in. Valid during the call that delivers it.
using ws_message = message_view;

/// A message that was asked for; see `receive_mode::pull`.
using received_ws_message = received_message;

}  // namespace network_system
