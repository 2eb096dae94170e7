#pragma once

#include <network_system/config.h>
#include <network_system/core/callbacks.h>
#include <network_system/core/messaging_server.h>
#include <network_system/core/tls_config.h>
#include <network_system/export.h>
#include <network_system/session/secure_session.h>

#include <concepts>
#include <memory>
#include <string>
#include <utility>

#if !NETWORK_SYSTEM_WITH_TLS
#error "This build of network_system has no TLS: it was configured with BUILD_TLS_SUPPORT=OFF."
#endif

namespace network_system::inline v0_1::core {

class server_tls;

/// A messaging_server whose connections are encrypted: everything of it is there, and works the
/// same. The connected callback runs when the handshake is complete; a failed handshake is an error
/// of its session (`tls_handshake_failed`, `certificate_verification_failed`,
/// `connection_timeout`), is logged with what was wrong, and counted in `server_metrics::tls`.
///
/// A client for which there is no room (`max_connections`) is told with an alert, before a
/// handshake.
///
/// `start_server` reads the certificates, and has these errors too: `certificate_load_failed`,
/// `invalid_argument` (see `tls_config`).
///
/// Thread-safety, object lifetimes: those of messaging_server.
class NETWORK_SYSTEM_EXPORT secure_messaging_server : public messaging_server {
public:
    /// `certificate_file`: the certificate and its chain in PEM; `key_file`: its key.
    secure_messaging_server(std::string server_id, std::string certificate_file,
                            std::string key_file, server_options options = {});
    secure_messaging_server(std::string server_id, tls_config config, server_options options = {});
    /// The same with its callbacks; see messaging_server.
    template <std::same_as<server_callbacks> Callbacks>
    secure_messaging_server(std::string server_id, tls_config config, Callbacks callbacks,
                            server_options options = {})
        : secure_messaging_server(std::move(server_id), std::move(config), std::move(options),
                                  std::move(callbacks)) {}
    secure_messaging_server(const secure_messaging_server&) = delete;
    secure_messaging_server& operator=(const secure_messaging_server&) = delete;
    ~secure_messaging_server() override;

    /// Reads the files of the configuration again. From now on new connections get the new
    /// certificates; old ones live on. Any thread; reads files, and may take some milliseconds.
    ///
    /// Errors: `certificate_load_failed`; the old certificates then stay in force.
    VoidResult reload_certificates();

private:
    secure_messaging_server(std::string server_id, tls_config&& config, server_options&& options,
                            server_callbacks&& callbacks);
    secure_messaging_server(std::string server_id, std::shared_ptr<server_tls> tls,
                            server_options&& options, server_callbacks&& callbacks);

    std::shared_ptr<server_tls> tls_;
};

}  // namespace network_system::core
