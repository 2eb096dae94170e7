#pragma once

#include <network_system/config.h>
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/tls_config.h>
#include <network_system/export.h>

#include <concepts>
#include <string>
#include <utility>

#if !NETWORK_SYSTEM_WITH_TLS
#error "This build of network_system has no TLS: it was configured with BUILD_TLS_SUPPORT=OFF."
#endif

namespace network_system::inline v0_1::core {

/// A messaging_ws_client that speaks wss: everything of it is there, and works the same. It uses
/// the TLS of its constructor for every configuration that has none of its own.
///
/// Thread-safety, object lifetimes: those of messaging_ws_client.
class NETWORK_SYSTEM_EXPORT secure_messaging_ws_client : public messaging_ws_client {
public:
    /// By default the server's certificate is verified against what the system trusts.
    explicit secure_messaging_ws_client(std::string client_id, tls_config tls = {},
                                        ws_client_config config = {})
        : secure_messaging_ws_client(std::move(client_id), std::move(tls), ws_client_callbacks{},
                                     std::move(config)) {}
    /// The same with its callbacks; see messaging_ws_client.
    template <std::same_as<ws_client_callbacks> Callbacks>
    secure_messaging_ws_client(std::string client_id, tls_config tls, Callbacks callbacks,
                               ws_client_config config = {})
        : messaging_ws_client(std::move(client_id), std::move(config), std::move(callbacks),
                              std::move(tls)) {}
};

}  // namespace network_system::core
