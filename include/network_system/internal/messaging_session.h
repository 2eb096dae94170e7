#pragma once

/// Forwarding header: the class lives in session/messaging_session.h.
#include <network_system/session/messaging_session.h>

namespace network_system::inline v0_1::internal {
using session::messaging_session;
}  // namespace network_system::internal
