#include "transport/stream_security.h"

#include "transport/plain_transport.h"
#include "utils/failure.h"

#include <network_system/config.h>

namespace network_system::inline v0_1::core {

std::optional<tls_config> over_http(std::optional<tls_config> config) {
    if (config && config->application_protocols.empty()) {
        config->application_protocols = {"http/1.1"};
    }
    return config;
}

Result<transport::transport_factory> make_transports(stream_security* security,
                                                     std::string_view host, std::uint16_t port,
                                                     std::string_view source) {
    if (security == nullptr) {
        return transport::transport_factory(transport::make_plain_transport);
    }
    return security->transports_to(host, port, source);
}

#if !NETWORK_SYSTEM_WITH_TLS

namespace {

Result<std::shared_ptr<stream_security>> without_tls(const std::optional<tls_config>& config,
                                                     std::string_view source) {
    if (config) {
        return detail::failure(errc::not_supported, "this build has no TLS (BUILD_TLS_SUPPORT=OFF)",
                               source);
    }
    return std::shared_ptr<stream_security>();
}

}  // namespace

Result<std::shared_ptr<stream_security>> make_server_security(
    const std::optional<tls_config>& config, std::shared_ptr<log_output>, std::string_view source) {
    return without_tls(config, source);
}

Result<std::shared_ptr<stream_security>> make_client_security(
    const std::optional<tls_config>& config, std::shared_ptr<log_output>, std::string_view source) {
    return without_tls(config, source);
}

Result<transport::transport_factory> make_transports_through(const secure_proxy& proxy,
                                                             std::shared_ptr<log_output>,
                                                             stream_security*, std::string_view,
                                                             std::uint16_t,
                                                             std::string_view source) {
    return without_tls(proxy.config, source).error();
}

#endif

}  // namespace network_system::core
