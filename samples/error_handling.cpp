// The errors a program meets, one after the other: what provokes each, its code, its message.

#include "sample.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/utils/log.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <future>
#include <initializer_list>
#include <iomanip>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using namespace network_system;
using core::messaging_client;
using core::messaging_server;

/// Prints the error, and ends the sample when it is none, or not one of `expected`.
template <typename T>
void show(std::string_view what, const Result<T>& result, std::initializer_list<errc> expected) {
    sample::expect(result.is_err(), std::string(what) + " fails");
    // [readme:error]
    const error_info& error = result.error();
    std::cout << std::left << std::setw(26) << what << std::right << std::setw(5) << error.code
              << "  " << error.message << '\n';
    // [/readme:error]
    const auto code = static_cast<errc>(error.code);
    sample::expect(std::find(expected.begin(), expected.end(), code) != expected.end(),
                   std::string(what) + " gives its documented code");
    sample::expect(!error.message.empty() && !error.source.empty(), "the error explains itself");
}

void connecting() {
    messaging_client client("client");
    show("empty host", client.start_client("", 8080), {errc::invalid_argument});
    show("port 0", client.start_client("localhost", 0), {errc::invalid_argument});

    // A port that was free a moment ago: nobody listens there.
    messaging_server gone("gone");
    sample::require(gone.start_server(0), "start_server");
    const std::uint16_t unused_port = gone.local_port();
    sample::require(gone.stop_server(), "stop_server");
    show("refused", client.start_client("127.0.0.1", unused_port), {errc::connection_refused});

    core::client_options impatient;
    impatient.connect_timeout = std::chrono::seconds(3);
    messaging_client lost("lost", impatient);
    // RFC 6761 reserves .invalid. Where no name server answers, the time runs out instead.
    show("unresolvable", lost.start_client("no-such-host.invalid", 8080),
         {errc::resolve_failed, errc::connection_timeout});
}

void listening() {
    messaging_server server("server");
    show("broadcast before start", server.broadcast("hello"), {errc::server_not_started});
    sample::require(server.start_server(0), "start_server");
    show("server started twice", server.start_server(0), {errc::server_already_running});
    show("callback after start", server.set_receive_callback([](const auto&, auto) {}),
         {errc::invalid_argument});
    show("unknown session", server.get_session("s-0"), {errc::session_not_found});

    messaging_server second("second");
    show("port in use", second.start_server(server.local_port()), {errc::bind_failed});

    core::server_options contradiction;
    contradiction.session.low_watermark = contradiction.session.high_watermark + 1;
    messaging_server odd("odd", contradiction);
    show("contradictory options", odd.start_server(0), {errc::invalid_argument});

    // Stopping what is stopped is no error.
    sample::require(server.stop_server(), "stop_server");
    sample::require(server.stop_server(), "stop_server, again");
}

void sending() {
    core::server_options options;
    options.session.max_message_size = 1000;
    messaging_server server("server", options);
    sample::require(server.start_server(0), "start_server");

    messaging_client client("client");
    show("send before start", client.send_packet("hello"), {errc::connection_closed});
    sample::require(client.start_client("127.0.0.1", server.local_port()), "start_client");
    show("client started twice", client.start_client("127.0.0.1", server.local_port()),
         {errc::already_exists});
    show("empty message", client.send_packet(""), {errc::invalid_argument});

    // The server said in its hello what it accepts, so the send fails here, and the connection
    // lives on. The vector is left as it was.
    std::vector<std::uint8_t> too_large(1001);
    show("message too large", client.send_packet(std::move(too_large)), {errc::message_too_large});
    // NOLINTNEXTLINE(bugprone-use-after-move): what this line is about.
    sample::expect(too_large.size() == 1001, "a refused vector is left intact");
    sample::expect(client.is_connected(), "the connection survives a refused send");

    sample::require(client.stop_client(), "stop_client");
    show("send after stop", client.send_packet("hello"), {errc::connection_closed});
}

void a_full_server() {
    core::server_options options;
    options.max_connections = 1;
    messaging_server server("server", options);
    sample::require(server.start_server(0), "start_server");
    messaging_client first("first");
    messaging_client second("second");
    sample::require(first.start_client("127.0.0.1", server.local_port()), "start_client");
    show("server full", second.start_client("127.0.0.1", server.local_port()), {errc::server_full});
    sample::expect(server.metrics().connections_refused == 1, "the server counted the refusal");
}

void blocking_inside_a_callback() {
    messaging_server server("server");
    sample::require(server.start_server(0), "start_server");
    std::promise<VoidResult> answer;
    messaging_client other("other");
    messaging_client client("client");
    client.set_connected_callback(
        [&] { answer.set_value(other.start_client("127.0.0.1", server.local_port())); });
    sample::require(client.start_client("127.0.0.1", server.local_port()), "start_client");
    show("blocking in a callback", sample::await(answer.get_future(), "the callback"),
         {errc::would_block});
}

void errors_of_a_connection() {
    std::promise<std::error_code> reported;
    messaging_server server("server");
    server.set_error_callback([&](const messaging_server::session_ptr&, std::error_code error) {
        reported.set_value(error);
    });
    sample::require(server.start_server(0), "start_server");

    // A peer that does not speak the protocol: its first byte is no frame type.
    core::client_options raw;
    raw.session.frames = framing::raw;
    messaging_client stranger("stranger", raw);
    sample::require(stranger.start_client("127.0.0.1", server.local_port()), "start_client");
    sample::require(stranger.send_packet({0xFF, 0xFF, 0xFF, 0xFF, 0xFF}), "send_packet");

    const std::error_code error = sample::await(reported.get_future(), "the error callback");
    std::cout << std::left << std::setw(26) << "error callback" << std::right << std::setw(5)
              << error.value() << "  " << error.message() << '\n';
    sample::expect(error == errc::protocol_error, "a violation is a protocol_error");
    // Codes compare with the standard's conditions where an equivalent exists.
    sample::expect(error == std::errc::protocol_error, "and std::errc::protocol_error");
}

void working_with_results() {
    messaging_client client("client");
    // [readme:result]
    const std::string peer =
        client.get_session()
            .map([](const auto& session) { return session->remote_endpoint().to_string(); })
            .value_or("nobody");
    // [/readme:result]
    sample::expect(peer == "nobody", "value_or stands in for an error");
}

}  // namespace

int main() {
    set_log_level(log_level::off);  // The violation below would be logged as a warning.
    return sample::run([] {
        connecting();
        listening();
        sending();
        a_full_server();
        blocking_inside_a_callback();
        errors_of_a_connection();
        working_with_results();
        std::cout << "every error was the documented one\n";
    });
}
