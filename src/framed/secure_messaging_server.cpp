#include "tls/security.h"

#include <network_system/core/secure_messaging_server.h>

#include <utility>

namespace network_system::inline v0_1::core {
namespace {

tls_config with_identity(std::string certificate_file, std::string key_file) {
    tls_config config;
    config.identity.certificate_file = std::move(certificate_file);
    config.identity.key_file = std::move(key_file);
    return config;
}

}  // namespace

secure_messaging_server::secure_messaging_server(std::string server_id,
                                                 std::string certificate_file, std::string key_file,
                                                 server_options options)
    : secure_messaging_server(std::move(server_id),
                              with_identity(std::move(certificate_file), std::move(key_file)),
                              std::move(options)) {}

secure_messaging_server::secure_messaging_server(std::string server_id, tls_config config,
                                                 server_options options)
    : secure_messaging_server(std::move(server_id), std::move(config), std::move(options),
                              server_callbacks{}) {}

secure_messaging_server::secure_messaging_server(std::string server_id, tls_config&& config,
                                                 server_options&& options,
                                                 server_callbacks&& callbacks)
    : secure_messaging_server(std::move(server_id),
                              std::make_shared<server_tls>(std::move(config), options.log),
                              std::move(options), std::move(callbacks)) {}

secure_messaging_server::secure_messaging_server(std::string server_id,
                                                 std::shared_ptr<server_tls> tls,
                                                 server_options&& options,
                                                 server_callbacks&& callbacks)
    : messaging_server(std::move(server_id), std::move(callbacks), std::move(options), tls),
      tls_(std::move(tls)) {}

secure_messaging_server::~secure_messaging_server() = default;

VoidResult secure_messaging_server::reload_certificates() {
    return tls_->reload(server_id());
}

}  // namespace network_system::core
