// The configurations of docs/TLS.md. Their files are of nobody, so that the sample only makes them;
// samples/secure_usage.cpp is a program that runs.

#include <network_system/config.h>

#include <iostream>

#if NETWORK_SYSTEM_WITH_TLS

#include "sample.h"

#include <network_system/core/secure_messaging_client.h>
#include <network_system/core/secure_messaging_server.h>

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

void show() {
    identify_client();
    tls_config config;
    look_up_revoked(config);
    choose_ciphers(config);
    serve_several_names(config);
    // Files that are not there are an error of the start, which names the first one.
    network_system::core::secure_messaging_server server("server", config);
    const auto started = server.start_server(0);
    sample::expect(started.is_err(), "there are no such files");
    std::cout << started.error().message << '\n';
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
