// Callbacks of WebSockets that take the wrong thing. See result.cpp for how cases are written.
#include <network_system/core/messaging_ws_server.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

using namespace network_system;

void take_a_text(core::messaging_ws_server& server) {
    using connection_ptr = core::messaging_ws_server::connection_ptr;
    // case text_of_bytes: the text of a callback is a std::string_view or a const std::string&
#ifdef CASE_text_of_bytes
    server.set_text_message_callback([](const connection_ptr&, std::span<const std::uint8_t>) {});
#else
    server.set_text_message_callback([](const connection_ptr&, std::string_view) {});
    server.set_text_message_callback(
        [](const connection_ptr& it, const std::string& text) { return it->send_text(text); });
#endif
}
