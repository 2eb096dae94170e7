#pragma once

#include <network_system/core/options.h>
#include <network_system/core/tls_config.h>
#include <network_system/core/ws_options.h>
#include <network_system/export.h>

#include <cstdint>
#include <string>

namespace network_system::inline v0_1::resilience {

/// What a connection is made of.
enum class connection_kind : std::uint8_t {
    /// A messaging_client.
    tcp,
    /// A secure_messaging_client.
    tls,
    /// A messaging_ws_client, over TCP.
    ws,
    /// The same over TLS.
    wss,
};

/// A server to connect to.
struct server_address {
    /// As for `messaging_client::start_client`.
    std::string host = {};
    /// In host byte order. 1 … 65535; 0 for a Unix domain socket.
    std::uint16_t port = 0;
};

/// How connections are made, whoever makes them: a resilient_client or a connection_pool.
/// `auto_reconnect` and `retry_start_for` of what is in it are theirs to set.
struct connection_options {
    // In the library, as that of ws_client_config, and for the same reason.
    NETWORK_SYSTEM_EXPORT connection_options();

    connection_kind kind = connection_kind::tcp;
    /// Of `tcp` and `tls`.
    core::client_options client = {};
    /// Of `ws` and `wss`, but for the host and the port. `not_supported` in a build without
    /// WebSocket.
    core::ws_client_config ws = {};
    /// Of `tls` and `wss`. `not_supported` in a build without TLS.
    core::tls_config tls = {};
};

}  // namespace network_system::resilience
