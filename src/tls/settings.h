#pragma once

#include "tls/resumption/session_cache.h"
#include "utils/counter.h"

#include <network_system/utils/connection_role.h>
#include <network_system/utils/tls_info.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

struct ssl_ctx_st;

namespace network_system::inline v0_1::transport {

/// The counters behind tls_metrics. Any thread counts: there is a handshake behind each.
struct tls_counters {
    detail::shared_counter handshakes;
    detail::shared_counter resumptions;
    detail::shared_counter verification_failures;
    detail::shared_counter peer_alerts;
    detail::shared_counter protocol_failures;
    detail::shared_counter timeouts;
    detail::shared_counter disconnects;
    detail::shared_counter truncations;

    [[nodiscard]] tls_metrics read() const noexcept {
        return {handshakes,        resumptions, verification_failures, peer_alerts,
                protocol_failures, timeouts,    disconnects,           truncations};
    }
};

/// What the connections of one server, or those of one client to one host, have in common.
struct tls_settings {
    connection_role role = connection_role::server;
    std::shared_ptr<ssl_ctx_st> context;
    /// Client: the name to ask for and to verify, as certificates have it; a numeric address is
    /// only verified.
    std::string server_name;
    /// Client: whether the name is verified.
    bool verifies_name = false;
    std::chrono::milliseconds handshake_timeout{10'000};
    std::shared_ptr<tls_counters> counters;
    /// Client: null = nothing is resumed.
    std::shared_ptr<tls_session_cache> sessions;
    /// Client: the server's place in `sessions`.
    std::string session_key;
};

}  // namespace network_system::transport
