// Secure servers and clients for tests, with certificates of a test authority.
#pragma once

#include "support/loopback.h"
#include "support/tls_authority.h"

#include <network_system/core/secure_messaging_client.h>
#include <network_system/core/secure_messaging_server.h>

#include <string>
#include <utility>

namespace secure {

using namespace loopback;

using network_system::core::client_certificates;
using network_system::core::secure_messaging_client;
using network_system::core::secure_messaging_server;
using network_system::core::tls_config;
using network_system::core::tls_identity;
using network_system::core::tls_version;
using network_system::testing::certificate_wishes;
using network_system::testing::issued_certificate;
using network_system::testing::test_authority;

using secure_server = recording_server<secure_messaging_server>;
using secure_client = recording_client<secure_messaging_client>;

[[nodiscard]] inline const test_authority& authority() {
    return test_authority::shared();
}

[[nodiscard]] inline tls_identity identity_of(const test_authority::files& files) {
    return {files.certificate, files.key, {}, {}};
}

/// A server valid for localhost, 127.0.0.1 and ::1.
[[nodiscard]] inline tls_config for_server() {
    static const auto files = authority().issue_local("server");
    tls_config config;
    config.identity = identity_of(files);
    return config;
}

/// A client that trusts the test authority.
[[nodiscard]] inline tls_config for_client() {
    tls_config config;
    config.ca_file = authority().ca_file();
    return config;
}

}  // namespace secure
