#pragma once

#include "runtime/time_source.h"

#include <optional>
#include <string>

struct ssl_session_st;

namespace network_system::inline v0_1::transport {

/// What the trust in a session rests on: the full handshake it comes from. Kept inside the session
/// (on servers: inside its ticket), where renewals leave it as it is.
struct tls_session_origin {
    /// When the peers proved who they are. Whole seconds.
    runtime::wall_time since;
    /// The first moment at which something that was proved then may no longer hold: a certificate
    /// of a chain, a CRL or an OCSP response has expired, or the session's lifetime has passed.
    runtime::wall_time until;
    /// Servers: the name that the client asked for, in lower case; empty when it named none.
    std::string server_name;

    /// A clock that has been set back before `since` proves nothing.
    [[nodiscard]] bool holds_at(runtime::wall_time now) const noexcept {
        return since <= now && now < until;
    }
};

/// Nothing where the session has none, or one of another version of this library.
[[nodiscard]] std::optional<tls_session_origin> origin_of(ssl_session_st* session);
/// False when there is no memory.
[[nodiscard]] bool set_origin(ssl_session_st* session, const tls_session_origin& origin);

}  // namespace network_system::transport
