#include "tls/security.h"

#include <network_system/core/secure_messaging_client.h>

#include <utility>

namespace network_system::inline v0_1::core {
namespace {

tls_config with_verification(bool verify_cert) {
    tls_config config;
    config.verify_peer = verify_cert;
    return config;
}

}  // namespace

secure_messaging_client::secure_messaging_client(std::string client_id, strict_bool verify_cert,
                                                 client_options options)
    : secure_messaging_client(std::move(client_id), with_verification(verify_cert),
                              std::move(options)) {}

secure_messaging_client::secure_messaging_client(std::string client_id, tls_config config,
                                                 client_options options)
    : secure_messaging_client(std::move(client_id), std::move(config), std::move(options),
                              client_callbacks{}) {}

secure_messaging_client::secure_messaging_client(std::string client_id, tls_config&& config,
                                                 client_options&& options,
                                                 client_callbacks&& callbacks)
    : messaging_client(std::move(client_id), std::move(callbacks), std::move(options),
                       std::make_shared<client_tls>(std::move(config), options.log)) {}

secure_messaging_client::~secure_messaging_client() = default;

}  // namespace network_system::core
