// The code of docs/TLS.md. Most of its files are of nobody, so that configurations are only made;
// samples/secure_usage.cpp is a whole program.

#include <network_system/config.h>

#include <iostream>

#if NETWORK_SYSTEM_WITH_TLS

#include "sample.h"

#include <network_system/core/secure_messaging_client.h>
#include <network_system/core/secure_messaging_server.h>
#include <network_system/testing/certificates.h>

#include <string>

namespace {

using network_system::core::tls_config;

// Not called: that is somebody's server.
[[maybe_unused]] bool connects_to_example() {
    // [readme:tls_start]
    network_system::core::secure_messaging_server server("server", "server.pem", "server.key");
    // Trusts what the system trusts.
    network_system::core::secure_messaging_client client("client");
    auto started = client.start_client("example.org", 8443);
    // [/readme:tls_start]
    return started.is_ok();
}

void identify_client() {
    // [readme:tls_config]
    network_system::core::tls_config config;
    config.ca_file = "company-root.pem";
    config.identity = {"client.pem", "client.key"};
    network_system::core::secure_messaging_client client("client", config);
    // [/readme:tls_config]
    sample::expect(!client.is_connected(), "nobody has started it");
}

void look_up_revoked(tls_config& config) {
    // [readme:tls_crl]
    config.crl_file = "company.crl";                                // PEM, or one CRL in DER
    config.crl_policy = network_system::core::crl_policy::require;  // default: if_present
    // [/readme:tls_crl]
}

void choose_ciphers(tls_config& config) {
    // [readme:tls_ciphers]
    config.cipher_suites = "TLS_AES_256_GCM_SHA384";
    config.ciphers = "ECDHE+AESGCM+AES256";
    config.groups = "P-384:P-256";
    // [/readme:tls_ciphers]
}

void serve_several_names(tls_config& config) {
    // [readme:tls_names]
    config.identity = {"default.pem", "default.key"};
    config.identities_by_name = {{"example-ecdsa.pem", "example-ecdsa.key"},
                                 {"example-rsa.pem", "example-rsa.key"}};
    // [/readme:tls_names]
}

void test_with_certificates() {
    // [readme:tls_testing]
    auto authority = network_system::testing::certificate_authority::create().value();
    network_system::core::tls_config of_server;
    of_server.identity = authority.issue_server().value();  // for localhost, 127.0.0.1 and ::1
    network_system::core::tls_config of_client;
    of_client.ca_file = authority.ca_file();
    of_client.identity = authority.issue_client("alice").value();  // if the server asks for one
    // [/readme:tls_testing]
    network_system::core::secure_messaging_server server("server", of_server);
    sample::require(server.start_server(0), "start_server");
    network_system::core::secure_messaging_client client("client", of_client);
    sample::require(client.start_client("localhost", server.local_port()), "start_client");
    std::cout << "connected with certificates made for it\n";
}

void show() {
    identify_client();
    tls_config config;
    look_up_revoked(config);
    choose_ciphers(config);
    serve_several_names(config);
    // A server that gets CRLs and asks nobody for a certificate would verify nothing: it is
    // refused.
    network_system::core::secure_messaging_server server("server", config);
    const auto started = server.start_server(0);
    sample::expect(started.is_err(), "a contradiction");
    std::cout << started.error().message << '\n';
    test_with_certificates();
}

}  // namespace

int main() {
    return sample::run(show);
}

#else

int main() {
    std::cout << "this build of network_system has no TLS\n";
    return 0;
}

#endif
