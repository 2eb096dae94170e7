// Compiled with -Wextra -Werror: leaving members of public structs out warns nobody.

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>
#include <network_system/core/tls_config.h>
#include <network_system/core/ws_callbacks.h>
#include <network_system/core/ws_options.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace {

using namespace network_system;
using namespace std::chrono_literals;

[[maybe_unused]] core::tls_config secure() {
    core::tls_config config;
    config.identity = {"server.pem", "server.key"};
    config.identities_by_name = {{"example.pem", "example.key"}, {"other.pem"}};
    config = {.identity = {.certificate_file = "a", .key_file = "b"}, .ca_file = "ca.pem"};
    return config;
}

[[maybe_unused]] core::server_options server() {
    return {.bind_address = "127.0.0.1",
            .io_threads = 2,
            .session = {.max_message_size = 1024, .idle_timeout = 10s},
            .proxy_protocol = {.trusted = {"10.0.0.0/8"}},
            .socket = {.no_delay = false}};
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

[[maybe_unused]] core::client_options client() {
    return {.session = {.receiving = receive_mode::pull}, .connect_timeout = 1s};
}

[[maybe_unused]] core::udp_server_options datagrams() {
    return {.bind_address = "127.0.0.1",
            .datagrams = {.max_datagram_size = 512},
            .peers = {.max_peers = 10},
            .multicast = {.groups = {{"ff02::1"}}}};
}

[[maybe_unused]] core::udp_client_options datagram_client() {
    return {.bind_port = 4000, .datagrams = {.batch_size = 8}};
}

[[maybe_unused]] websocket::http_response page() {
    return {.body = "hello"};
}

[[maybe_unused]] error_info error() {
    return {.code = -10, .message = "no"};
}

}  // namespace
