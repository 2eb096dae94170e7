// Callbacks that take or return the wrong thing. See result.cpp for how cases are written.
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/core/messaging_udp_server.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

using namespace network_system;
using bytes = std::span<const std::uint8_t>;
using buffer = std::vector<std::uint8_t>;
using session_ptr = core::messaging_server::session_ptr;

void receive_on_a_server(core::messaging_server& server) {
    // case server_receives_string: a receive callback takes .session, data.,
#ifdef CASE_server_receives_string
    server.set_receive_callback([](const session_ptr&, const std::string&) {});
#else
    server.set_receive_callback([](const session_ptr&, const buffer&) {});
    server.set_receive_callback(
        [](const session_ptr& it, bytes data) { return it->send_packet(data); });
#endif
}

void receive_on_a_client(core::messaging_client& client) {
    // case client_receives_number: a receive callback takes .session, data.,
#ifdef CASE_client_receives_number
    client.set_receive_callback([](int) {});
#else
    client.set_receive_callback([](bytes) {});
    client.set_receive_callback([](const session_ptr&, bytes) {});
    client.set_receive_callback([](const std::string&, const buffer&) {});
    client.set_receive_callback([] {});
    client.set_receive_callback({});
    client.set_receive_callback(nullptr);
#endif
}

void receive_datagrams(core::messaging_udp_server& server) {
    // case datagram_receives_string: a receive callback takes .data, const endpoint&.,
#ifdef CASE_datagram_receives_string
    server.set_receive_callback([](const std::string&) {});
#else
    server.set_receive_callback([](bytes, const endpoint&) {});
    server.set_receive_callback([](const buffer&) {});
#endif
}

void answer_requests(core::messaging_server& server) {
    // case request_returns_nothing: a request callback takes .session, data.,
#ifdef CASE_request_returns_nothing
    server.set_request_callback([](const session_ptr&, bytes) {});
#else
    server.set_request_callback(
        [](const session_ptr&, bytes) -> Result<buffer> { return buffer{1}; });
    server.set_request_callback([](const session_ptr&, bytes data, session::responder answer) {
        return answer.respond(data);
    });
#endif
}

void learn_of_an_end(core::messaging_server& server, core::messaging_client& client) {
    // case end_of_number: a disconnection callback takes .session, std::error_code.,
#ifdef CASE_end_of_number
    server.set_disconnection_callback([](const session_ptr&, int*) {});
#else
    server.set_disconnection_callback([](const session_ptr&, std::error_code) {});
    server.set_disconnection_callback([](const std::string&, std::error_code) {});
    server.set_disconnection_callback([](const session_ptr&) {});
    server.set_disconnection_callback([](const std::string&) {});
    server.set_disconnection_callback([](std::error_code) {});
    server.set_disconnection_callback([](const auto& session, auto error) {
        static_cast<void>(session->id() + error.message());
    });
    server.set_disconnection_callback(core::messaging_server::disconnection_callback());
    server.set_disconnection_callback({});
    client.set_disconnected_callback([] {});
    client.set_disconnected_callback([](const auto& session) { session->stop_session(); });
#endif
}

void learn_of_an_error(core::messaging_server& server, core::messaging_client& client) {
    // case error_of_string: an error callback takes .session, std::error_code.,
#ifdef CASE_error_of_string
    server.set_error_callback([](const session_ptr&, const std::string&) {});
#else
    server.set_error_callback([](const session_ptr&, std::error_code) {});
    server.set_error_callback([](const std::string&, std::error_code) {});
    client.set_error_callback([](std::error_code) {});
#endif
}

void learn_of_a_connection(core::messaging_server& server) {
    // case connection_of_number: this callback takes .session.,
#ifdef CASE_connection_of_number
    server.set_connection_callback([](int) {});
#else
    server.set_connection_callback([](const session_ptr&) {});
    server.set_connection_callback([](const std::string&) {});
    server.set_connection_callback([] {});
#endif
}

void take_a_response(core::messaging_client& client) {
    // case response_of_string: a response handler takes Result<std::span<const std::uint8_t>> or
#ifdef CASE_response_of_string
    static_cast<void>(
        client.request("ask", std::chrono::seconds{1}, [](const Result<std::string>&) {}));
#else
    static_cast<void>(client.request("ask", std::chrono::seconds{1}, [](Result<bytes>) {}));
    static_cast<void>(client.request("ask", std::chrono::seconds{1}, [](Result<buffer>) {}));
#endif
}

void start(core::messaging_server& server) {
    // case dropped_start: nodiscard
#ifdef CASE_dropped_start
    server.start_server(0);
#else
    static_cast<void>(server.start_server(0));
    server.wait_for_stop();
    server.stop_server();
#endif
}

void stop(core::messaging_server& server) {
    // case dropped_stop_with_handler: nodiscard
#ifdef CASE_dropped_stop_with_handler
    server.stop_server([](VoidResult) {});
#else
    static_cast<void>(server.stop_server([](VoidResult) {}));
#endif
}

void ping(const session_ptr& session) {
    // case dropped_ping: nodiscard
#ifdef CASE_dropped_ping
    session->ping({});
#else
    static_cast<void>(session->ping({}));
    session->pause_receiving();
    session->resume_receiving();
    session->stop_session();
#endif
}

void keep_user_data(const session_ptr& session, std::shared_ptr<const int> constant) {
    // case constant_user_data: typed_pointer
#ifdef CASE_constant_user_data
    session->set_user_data(constant);
#else
    session->set_user_data(std::const_pointer_cast<int>(constant));
    session->set_user_data(nullptr);
    static_cast<void>(session->user_data<const int>());
#endif
}
