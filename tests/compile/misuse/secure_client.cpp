// No path becomes `verify_cert`. See result.cpp for how cases are written.
#include <network_system/core/secure_messaging_client.h>

#include <memory>
#include <string>

using network_system::core::secure_messaging_client;

void a_client_of_a_path() {
    // case client_of_path: deleted.*a path belongs into tls_config::ca_file
#ifdef CASE_client_of_path
    const secure_messaging_client client("me", "/ca.pem");
#else
    network_system::core::tls_config config;
    config.ca_file = "/ca.pem";
    const secure_messaging_client client("me", config);
#endif
}

void a_client_of_a_string(const std::string& path) {
    // case client_of_string: deleted.*a path belongs into tls_config::ca_file
#ifdef CASE_client_of_string
    const secure_messaging_client client("me", path, {});
#else
    const secure_messaging_client client(path, false, {});
#endif
}

void a_client_of_a_pointer(const network_system::core::tls_config& config) {
    // case client_of_pointer: matching
#ifdef CASE_client_of_pointer
    const secure_messaging_client client("me", &config);
#else
    const secure_messaging_client client("me", config);
#endif
}

void a_shared_client_of_a_path() {
    // case shared_client_of_path: deleted|no matching
#ifdef CASE_shared_client_of_path
    const auto client = std::make_shared<secure_messaging_client>("me", "/ca.pem");
#else
    const auto client = std::make_shared<secure_messaging_client>("me", true);
    const auto by_default = std::make_shared<secure_messaging_client>("me");
    const secure_messaging_client unconfigured("me", {});
#endif
}
