// Compiled with -Wextra -Werror: leaving members of public structs out warns nobody.

#include <network_system/core/messaging_server.h>
#include <network_system/core/messaging_udp_server.h>
#include <network_system/core/tls_config.h>
#include <network_system/core/ws_callbacks.h>
#include <network_system/core/ws_options.h>

#include <string>
#include <string_view>

namespace {

using namespace network_system;

[[maybe_unused]] core::tls_config secure() {
    core::tls_config config;
    config.identity = {"server.pem", "server.key"};
    config.identities_by_name = {{"example.pem", "example.key"}, {"other.pem"}};
    config = {.identity = {.certificate_file = "a", .key_file = "b"}, .ca_file = "ca.pem"};
    return config;
}

// Options have bases, whose members C++20 lets nobody designate; what is in them it does.
[[maybe_unused]] core::server_options server() {
    core::server_options options;
    options.proxy_protocol = {.trusted = {"10.0.0.0/8"}};
    options.socket = {.no_delay = false};
    return options;
}

[[maybe_unused]] core::server_callbacks callbacks() {
    return {.received = [] {}, .disconnected = [](const std::string&) {}};
}

[[maybe_unused]] core::ws_client_callbacks websocket_callbacks() {
    return {.text = [](std::string_view) {}};
}

[[maybe_unused]] core::udp_server_callbacks datagram_callbacks() {
    return {.received = [](const auto&) {}};
}

[[maybe_unused]] core::udp_server_options datagrams() {
    core::udp_server_options options;
    options.peers = {.max_peers = 10};
    options.multicast = {.groups = {{"ff02::1"}}};
    return options;
}

[[maybe_unused]] websocket::http_response page() {
    return {.body = "hello"};
}

[[maybe_unused]] error_info error() {
    return {.code = -10, .message = "no"};
}

}  // namespace
