#pragma once

#include <network_system/session/messaging_session.h>
#include <network_system/utils/tls_info.h>

namespace network_system::inline v0_1::session {

/// A session over TLS is a session: `tls` and `peer_certificate` tell what was agreed on.
using secure_session = messaging_session;

}  // namespace network_system::session
