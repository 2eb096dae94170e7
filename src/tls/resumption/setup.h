#pragma once

#include "runtime/time_source.h"

#include <openssl/ssl.h>

namespace network_system::inline v0_1::core {

/// A full handshake: from now on the session may be resumed, until `peer_until` (what the peer
/// proved may no longer hold then), the end of this side's own certificates, or that of its
/// lifetime, whichever is first.
[[nodiscard]] bool begin_origin(SSL* ssl, SSL_SESSION* session, runtime::wall_time peer_until);
/// Something else that was proved holds only until then.
[[nodiscard]] bool narrow_origin(SSL_SESSION* session, runtime::wall_time until);

/// The first moment at which a certificate of the chain, or the CRLs about one, may have expired.
[[nodiscard]] runtime::wall_time end_of_proof(X509_STORE_CTX* store, bool uses_crls);

}  // namespace network_system::core
