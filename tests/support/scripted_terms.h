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

using transport::tls_role;
using scripted_tls = transport::tls_stream<scripted_stream>;

inline std::shared_ptr<transport::tls_settings> make_terms(tls_role role,
                                                           const core::tls_config& config) {
    auto trust =
        core::verifies_chains(config, role) ? core::tls_trust::of(config, "test").value() : nullptr;
    auto context = role == tls_role::server
                       ? core::make_server_context(
                             config, trust, std::make_shared<core::tls_ticket_keys>(), "test")
                       : core::make_client_context(config, trust, "test");
    if (!context) {
        throw std::runtime_error(context.error().message);
    }
    auto terms = std::make_shared<transport::tls_settings>();
    terms->role = role;
    terms->context = std::move(context).value();
    terms->server_name = role == tls_role::client ? "localhost" : "";
    terms->verifies_name = role == tls_role::client;
    terms->handshake_timeout = std::chrono::milliseconds{800};
    terms->counters = std::make_shared<transport::tls_counters>();
    return terms;
}

inline std::shared_ptr<transport::tls_settings> make_terms(tls_role role,
                                                           core::tls_version version) {
    core::tls_config config;
    config.min_version = config.max_version = version;
    const auto& authority = test_authority::shared();
    if (role == tls_role::server) {
        static const auto files = authority.issue_local("scripted");
        config.identity = {files.certificate, files.key, {}, {}};
    } else {
        config.ca_file = authority.ca_file();
    }
    return make_terms(role, config);
}

/// A connection over the script, as a transport makes it.
inline std::shared_ptr<transport::transport> make_scripted_tls(
    std::shared_ptr<runtime::loop> where, scripted_stream stream,
    std::shared_ptr<const transport::tls_settings> terms) {
    return std::make_shared<transport::stream_transport<scripted_tls>>(
        std::move(where), scripted_tls(std::move(stream), std::move(terms)));
}

}  // namespace network_system::testing
