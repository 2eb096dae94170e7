// TLS over scripted streams: both ends, with certificates of the test authority.
#pragma once

#include "support/scripted_stream.h"
#include "support/tls_authority.h"
#include "tls/context.h"
#include "tls/credentials/trust.h"
#include "tls/resumption/ticket_keys.h"
#include "tls/settings.h"
#include "tls/stream.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace network_system::inline v0_1::testing {

using scripted_tls = transport::tls_stream<scripted_stream>;

inline std::shared_ptr<transport::tls_settings> make_settings(connection_role role,
                                                              const core::tls_config& config) {
    auto trust =
        core::verifies_chains(config, role) ? core::tls_trust::of(config, "test").value() : nullptr;
    auto context = role == connection_role::server
                       ? core::make_server_context(
                             config, trust, std::make_shared<core::tls_ticket_keys>(), "test")
                       : core::make_client_context(config, trust, "test");
    if (!context) {
        throw std::runtime_error(context.error().message);
    }
    auto settings = std::make_shared<transport::tls_settings>();
    settings->role = role;
    settings->context = std::move(context).value();
    settings->server_name = role == connection_role::client ? "localhost" : "";
    settings->verifies_name = role == connection_role::client;
    settings->handshake_timeout = std::chrono::milliseconds{800};
    settings->counters = std::make_shared<transport::tls_counters>();
    return settings;
}

inline std::shared_ptr<transport::tls_settings> make_settings(connection_role role,
                                                              core::tls_version version) {
    core::tls_config config;
    config.min_version = config.max_version = version;
    const auto& authority = test_authority::shared();
    if (role == connection_role::server) {
        static const auto files = authority.issue_local("scripted");
        config.identity = {files.certificate, files.key, {}, {}};
    } else {
        config.ca_file = authority.ca_file();
    }
    return make_settings(role, config);
}

/// A connection over the script, as a transport makes it.
inline std::shared_ptr<transport::transport> make_scripted_tls(
    std::shared_ptr<runtime::loop> where, scripted_stream stream,
    std::shared_ptr<const transport::tls_settings> settings) {
    return std::make_shared<transport::stream_transport<scripted_tls>>(
        std::move(where), scripted_tls(std::move(stream), std::move(settings)));
}

}  // namespace network_system::testing
