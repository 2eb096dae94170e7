// Callbacks of WebSockets that take the wrong thing. See result.cpp for how cases are written.
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

using namespace network_system;

void take_a_text(core::messaging_ws_server& server) {
    using connection_ptr = core::messaging_ws_server::connection_ptr;
    // case text_of_bytes: a text callback takes .session, text.,
#ifdef CASE_text_of_bytes
    server.set_text_message_callback([](const connection_ptr&, std::span<const std::uint8_t>) {});
#else
    server.set_text_message_callback([](const connection_ptr&, std::string_view) {});
    server.set_text_message_callback(
        [](const connection_ptr& it, const std::string& text) { return it->send_text(text); });
#endif
}

void learn_of_an_end(core::messaging_ws_server& server, core::messaging_ws_client& client) {
    using connection_ptr = core::messaging_ws_server::connection_ptr;
    // case end_of_text: a disconnection callback takes .session, ws_close_code, reason.,
#ifdef CASE_end_of_text
    server.set_disconnection_callback([](const connection_ptr&, std::string_view) {});
#else
    server.set_disconnection_callback(
        [](const connection_ptr&, ws_close_code, std::string_view) {});
    server.set_disconnection_callback([](const std::string&, ws_close_code, const std::string&) {});
    server.set_disconnection_callback([](const connection_ptr&, std::error_code) {});
    server.set_disconnection_callback([](const std::string&) {});
    client.set_disconnected_callback([](ws_close_code, std::string_view) {});
    client.set_disconnected_callback([](std::error_code) {});
    client.set_disconnected_callback([] {});
    client.set_disconnected_callback({});
#endif
}

void start(core::messaging_ws_client& client, const core::ws_client_config& config,
           const std::string& url) {
    // case url_of_number: no matching function
#ifdef CASE_url_of_number
    static_cast<void>(client.start_client(5));
#else
    static_cast<void>(client.start_client(config));
    static_cast<void>(client.start_client({}));
    static_cast<void>(client.start_client(url));
    static_cast<void>(client.start_client("ws://localhost"));
    static_cast<void>(client.start_client(url, [](VoidResult) {}));
    static_cast<void>(client.start_client("localhost", 80));
    static_cast<void>(client.start_client("localhost", 80, "/path"));
    static_cast<void>(client.start_client("localhost", 80, [](VoidResult) {}));
    static_cast<void>(client.start_client(config, [](VoidResult) {}));
#endif
}
