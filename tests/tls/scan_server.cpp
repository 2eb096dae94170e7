// A secure server as it comes, for scan.py to look at: tells its port, and ends with its input.
#include "support/tls_authority.h"

#include <network_system/core/secure_messaging_server.h>
#include <network_system/utils/log.h>

#include <iostream>
#include <string>

int main() {
    // Most of what a scanner tries fails, as it should.
    network_system::set_log_level(network_system::log_level::off);
    const network_system::testing::test_authority authority;
    const auto files = authority.issue_local("scanned");
    network_system::core::secure_messaging_server server("scanned", files.certificate, files.key);
    if (const auto started = server.start_server(0); started.is_err()) {
        std::cerr << started.error().message << '\n';
        return 1;
    }
    std::cout << server.local_port() << std::endl;
    for (std::string line; std::getline(std::cin, line);) {}
    return server.stop_server().is_ok() ? 0 : 1;
}
