#pragma once

#include <network_system/config.h>
#include <network_system/core/callbacks.h>
#include <network_system/core/messaging_client.h>
#include <network_system/core/tls_config.h>
#include <network_system/export.h>
#include <network_system/session/secure_session.h>
#include <network_system/utils/strict_bool.h>

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#if !NETWORK_SYSTEM_WITH_TLS
#error "This build of network_system has no TLS: it was configured with BUILD_TLS_SUPPORT=OFF."
#endif

namespace network_system::inline v0_1::core {

/// A messaging_client whose connection is encrypted: everything of it is there, and works the same.
/// The server's certificate is verified: its chain, its validity, and that it is for the host given
/// to `start_client`, a name or an address.
///
/// `start_client` has these errors too, each with what was wrong in its text:
/// `tls_handshake_failed`, `certificate_verification_failed`, `certificate_load_failed`,
/// `invalid_argument` (see `tls_config`).
///
/// Thread-safety, object lifetimes: those of messaging_client.
class NETWORK_SYSTEM_EXPORT secure_messaging_client : public messaging_client {
public:
    /// Trusts what the system trusts. `verify_cert = false`: the server may be anybody, and a
    /// warning is logged; for experiments only.
    explicit secure_messaging_client(std::string client_id, strict_bool verify_cert = true,
                                     client_options options = {});
    template <typename Path>
        requires std::convertible_to<const Path&, std::string_view>
    secure_messaging_client(std::string client_id,  // a path belongs into tls_config::ca_file
                            const Path& file, client_options options = {}) = delete;
    secure_messaging_client(std::string client_id, tls_config config, client_options options = {});
    /// The same with its callbacks; see messaging_client.
    template <std::same_as<client_callbacks> Callbacks>
    secure_messaging_client(std::string client_id, tls_config config, Callbacks callbacks,
                            client_options options = {})
        : secure_messaging_client(std::move(client_id), std::move(config), std::move(options),
                                  std::move(callbacks)) {}
    secure_messaging_client(const secure_messaging_client&) = delete;
    secure_messaging_client& operator=(const secure_messaging_client&) = delete;
    ~secure_messaging_client() override;

private:
    secure_messaging_client(std::string client_id, tls_config&& config, client_options&& options,
                            client_callbacks&& callbacks);
};

}  // namespace network_system::core
