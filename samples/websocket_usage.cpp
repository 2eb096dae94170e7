// WebSocket: a chat server with its clients, text and binary messages, a broadcast, a subprotocol,
// a handshake that is refused, a page for whoever comes with HTTP, and wss.

#include "sample.h"

#include <network_system/config.h>

#include <iostream>

#if NETWORK_SYSTEM_WITH_WEBSOCKET

#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>

#if NETWORK_SYSTEM_WITH_TLS
#include <network_system/testing/certificates.h>
#endif

#include <cstdint>
#include <future>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using network_system::endpoint;
using network_system::errc;
using network_system::http_response;
using network_system::ws_close_code;
using network_system::ws_handshake_answer;
using network_system::ws_request;
using network_system::core::messaging_ws_client;
using network_system::core::messaging_ws_server;
using network_system::core::ws_client_config;
using network_system::core::ws_server_config;

ws_client_config to(std::uint16_t port, std::string name) {
    ws_client_config config;
    config.host = "localhost";
    config.port = port;
    config.headers = {{"X-Name", std::move(name)}};
    config.subprotocols = {"chat.v2", "chat.v1"};
    return config;
}

void set_up(messaging_ws_server& server) {
    // [readme:websocket_server]
    server.set_text_message_callback([&](const auto& connection, std::string_view text) {
        // To everybody who is here; the result says how many that are.
        (void)server.broadcast_text(connection->id() + ": " + std::string(text));
    });
    server.set_binary_message_callback([](const auto& connection, auto data) {
        (void)connection->send_binary(data);  // back to whom it came from
    });
    server.set_handshake_callback(
        [](const ws_request& request, const endpoint&, ws_handshake_answer& answer) {
            if (!request.head().find("X-Name")) {
                answer.reject(401, "Who are you?\n");
            }
        });
    // [/readme:websocket_server]
    server.set_http_callback(
        [](const ws_request& request, const endpoint&, http_response& response) {
            if (request.path() == "/health") {
                response = {200, {}, "well\n"};
            }
        });
    server.set_disconnection_callback(
        [](const std::string& id, ws_close_code code, std::string_view reason) {
            std::cout << "server: " << id << " has left, " << static_cast<unsigned>(code) << " "
                      << reason << '\n';
        });
}

void show_chat(std::uint16_t port) {
    // [readme:websocket_client]
    ws_client_config config;
    config.host = "localhost";
    config.port = port;
    config.headers = {{"X-Name", "ada"}};
    config.subprotocols = {"chat.v2", "chat.v1"};

    std::promise<std::string> heard;
    std::promise<std::size_t> returned;
    messaging_ws_client client("client");
    client.set_text_message_callback(
        [&](std::string_view text) { heard.set_value(std::string(text)); });
    client.set_binary_message_callback(
        [&](std::span<const std::uint8_t> data) { returned.set_value(data.size()); });
    if (auto started = client.start_client(config); !started) {
        throw std::runtime_error(started.error().message);
    }
    // A send that cannot be queued says so at once: `if (auto sent = ...; !sent)`.
    (void)client.send_text("hello");
    (void)client.send_binary({1, 2, 3});
    // [/readme:websocket_client]
    std::cout << "client: heard \"" << sample::await(heard.get_future(), "the text") << "\"\n";
    sample::expect(sample::await(returned.get_future(), "the bytes") == 3, "as many bytes as sent");

    const auto connection = sample::require(client.get_connection(), "get_connection");
    std::cout << "client: speaks " << connection->subprotocol() << '\n';
    sample::expect(connection->subprotocol() == "chat.v1", "what both speak");
    const auto round_trip = sample::require(client.ping(), "ping");
    std::cout << "client: ping answered after " << round_trip.count() << " us\n";
    sample::require(client.close(ws_close_code::normal, "good bye"), "close");
    sample::require(client.wait_for_stop(), "wait_for_stop");
}

void show_refused(std::uint16_t port) {
    messaging_ws_client client("stranger");
    ws_client_config config = to(port, "");
    config.headers.clear();
    const auto started = client.start_client(config);
    sample::expect(started.is_err() &&
                       started.error().code == static_cast<int>(errc::handshake_rejected),
                   "nobody without a name is let in");
    std::cout << "refused: " << started.error().message << '\n';
}

void show_broadcast(messaging_ws_server& server) {
    std::promise<void> first_has_it;
    std::promise<void> second_has_it;
    messaging_ws_client first("first");
    messaging_ws_client second("second");
    first.set_text_message_callback([&](std::string_view) { first_has_it.set_value(); });
    second.set_text_message_callback([&](std::string_view) { second_has_it.set_value(); });
    sample::require(first.start_client(to(server.local_port(), "first")), "start_client");
    sample::require(second.start_client(to(server.local_port(), "second")), "start_client");
    const auto sent = sample::require(server.broadcast_text("to all"), "broadcast_text");
    std::cout << "broadcast: queued for " << sent.queued << " of " << sent.receivers << '\n';
    sample::expect(sent.receivers >= 2 && sent.queued >= 2, "both are receivers");
    sample::await(first_has_it.get_future(), "the broadcast");
    sample::await(second_has_it.get_future(), "the broadcast");
}

#if NETWORK_SYSTEM_WITH_TLS
void show_wss() {
    const auto authority =
        sample::require(network_system::testing::certificate_authority::create(), "create");
    const auto identity = sample::require(authority.issue_server(), "issue_server");
    // [readme:wss]
    ws_server_config at_server;
    at_server.tls.emplace();
    at_server.tls->identity = identity;  // the files of the certificate and of its key

    ws_client_config at_client;
    at_client.host = "localhost";
    at_client.tls.emplace();
    at_client.tls->ca_file = authority.ca_file();  // without one, what the system trusts
    // [/readme:wss]
    messaging_ws_server server("server");
    server.set_message_callback([](const auto& connection, const auto& message) {
        (void)connection->send_text(message.text());
    });
    sample::require(server.start_server(at_server), "start_server");
    at_client.port = server.local_port();
    std::promise<std::string> heard;
    messaging_ws_client client("client");
    client.set_text_message_callback(
        [&](std::string_view text) { heard.set_value(std::string(text)); });
    sample::require(client.start_client(at_client), "start_client");
    sample::require(client.send_text("nobody else can read this"), "send_text");
    std::cout << "wss: heard \"" << sample::await(heard.get_future(), "the echo") << "\"\n";
}
#endif

void show() {
    messaging_ws_server server("server");
    set_up(server);
    ws_server_config config;
    config.max_connections = 100;
    config.ping_interval = std::chrono::seconds(30);
    config.subprotocols = {"chat.v1"};
    sample::require(server.start_server(config), "start_server");
    std::cout << "server: listening on port " << server.local_port() << '\n';
    show_chat(server.local_port());
    show_refused(server.local_port());
    show_broadcast(server);
    sample::require(server.stop_server(), "stop_server");
    const auto counted = server.metrics();
    std::cout << "server: " << counted.handshakes << " handshakes, " << counted.rejected_by_callback
              << " rejected\n";
    sample::expect(counted.handshakes == 3 && counted.rejected_by_callback == 1, "the counters");
#if NETWORK_SYSTEM_WITH_TLS
    show_wss();
#endif
}

}  // namespace

int main() {
    return sample::run(show);
}

#else

int main() {
    std::cout << "This build has no WebSocket (BUILD_WEBSOCKET_SUPPORT=OFF).\n";
    return 0;
}

#endif
