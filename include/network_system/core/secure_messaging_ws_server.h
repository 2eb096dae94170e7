#pragma once

#include <network_system/config.h>
#include <network_system/core/messaging_ws_server.h>
#include <network_system/core/tls_config.h>
#include <network_system/export.h>

#include <concepts>
#include <string>
#include <utility>

#if !NETWORK_SYSTEM_WITH_TLS
#error "This build of network_system has no TLS: it was configured with BUILD_TLS_SUPPORT=OFF."
#endif

namespace network_system::inline v0_1::core {

/// A messaging_ws_server that speaks wss: everything of it is there, and works the same. It uses
/// the TLS of its constructor for every configuration that has none of its own.
///
/// Thread-safety, object lifetimes: those of messaging_ws_server.
class NETWORK_SYSTEM_EXPORT secure_messaging_ws_server : public messaging_ws_server {
public:
    /// `tls` needs an identity; see tls_config.
    explicit secure_messaging_ws_server(std::string server_id, tls_config tls,
                                        ws_server_config config = {})
        : secure_messaging_ws_server(std::move(server_id), std::move(tls), ws_server_callbacks{},
                                     std::move(config)) {}
    /// The same with its callbacks; see messaging_ws_server.
    template <std::same_as<ws_server_callbacks> Callbacks>
    secure_messaging_ws_server(std::string server_id, tls_config tls, Callbacks callbacks,
                               ws_server_config config = {})
        : messaging_ws_server(std::move(server_id), std::move(config), std::move(callbacks),
                              std::move(tls)) {}
};

}  // namespace network_system::core
