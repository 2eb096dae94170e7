// The programs of docs/TCP.md: each function is a section of the guide, and is run.

#include "sample.h"

// [readme:guide_includes]
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/utils/log.h>
#include <network_system/utils/signals.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

using namespace network_system;
using namespace std::chrono_literals;
using core::messaging_client;
using core::messaging_server;
using session_ptr = messaging_server::session_ptr;
using bytes = std::span<const std::uint8_t>;
// [/readme:guide_includes]

#include <future>
#include <thread>

namespace {

// [readme:guide_callbacks]
/// What the server knows of each client.
struct visitor {
    std::string name;
    int messages = 0;
};

void set_callbacks(messaging_server& server) {
    server.set_connection_callback([](const session_ptr& session) {
        auto data = std::make_shared<visitor>();
        data->name = session->remote_endpoint().to_string();
        session->set_user_data(data);
    });
    server.set_receive_callback([](const session_ptr& session, bytes message) {
        const auto data = session->user_data_as<visitor>();
        ++data->messages;  // callbacks of one session never overlap
        if (auto sent = session->send_packet(message); !sent) {
            std::cerr << data->name << ": " << sent.error().message << '\n';
        }
    });
    server.set_disconnection_callback(
        [](const std::string& session_id) { std::cout << session_id << " has left\n"; });
    server.set_error_callback([](const session_ptr& session, std::error_code error) {
        std::cerr << (session ? session->id() : "accept") << ": " << error.message() << '\n';
    });
}
// [/readme:guide_callbacks]

// [readme:guide_options]
core::server_options my_options() {
    core::server_options options;
    options.bind_address = "127.0.0.1";  // empty (the default): all addresses
    options.io_threads = 2;              // callbacks of different sessions may now overlap
    options.max_connections = 1'000;
    options.max_connections_per_address = 500;
    options.drain_timeout = 2s;
    options.session.max_message_size = std::size_t{1024} * 1024;  // bytes
    options.session.high_watermark = std::size_t{2048} * 1024;
    options.session.idle_timeout = 60s;
    options.session.max_messages_per_second = 10'000;
    return options;
}
// [/readme:guide_options]

// [readme:guide_start]
VoidResult serve_and_talk() {
    messaging_server server("guide", my_options());
    set_callbacks(server);
    if (auto started = server.start_server(0); !started) {
        return started.error();
    }
    // Clients can connect now.
    messaging_client client("visitor");
    client.set_receive_callback(
        [](bytes message) { std::cout << message.size() << " bytes came back\n"; });
    if (auto started = client.start_client("localhost", server.local_port()); !started) {
        return started.error();
    }
    // The connection works now.
    if (auto sent = client.send_packet("hello"); !sent) {
        return sent.error();
    }
    client.stop_client();  // sends what is queued first
    // A client and a server that were stopped can be started again.
    if (auto started = client.start_client("localhost", server.local_port()); !started) {
        return started.error();
    }
    client.stop_client();
    return server.stop_server();  // no callback runs any more
}
// [/readme:guide_start]

// [readme:guide_sessions]
void tell_everybody(messaging_server& server) {
    if (auto told = server.broadcast("the server will be back soon"); told) {
        std::cout << told.value().queued << " of " << told.value().receivers << " will hear it\n";
    }
    for (const session_ptr& session : server.get_sessions()) {
        std::cout << session->id() << " from " << session->remote_endpoint().to_string() << '\n';
        session->stop_session();  // sends what is queued, says goodbye, closes
    }
}
// [/readme:guide_sessions]

// [readme:guide_requests]
void answer_questions(messaging_server& server) {
    server.set_request_callback(
        [](const session_ptr&, bytes question) -> Result<std::vector<std::uint8_t>> {
            return std::vector<std::uint8_t>(question.rbegin(), question.rend());
        });
}

void ask(messaging_client& client, const std::function<void()>& when_answered) {
    auto asked = client.request("stressed", 500ms, [when_answered](Result<bytes> answer) {
        if (answer) {
            std::cout << std::string(answer.value().begin(), answer.value().end()) << '\n';
        } else {
            std::cerr << answer.error().message << '\n';
        }
        when_answered();
    });
    if (!asked) {
        std::cerr << asked.error().message << '\n';
    }
}
// [/readme:guide_requests]

// [readme:guide_metrics]
void print_metrics(const messaging_server& server) {
    const core::server_metrics counted = server.metrics();
    std::cout << counted.connections_active << " connections of " << counted.connections_accepted
              << ", " << counted.totals.messages_received << " messages in, "
              << counted.totals.messages_sent << " out, " << counted.totals.queued_bytes
              << " bytes queued, " << counted.totals.sends_rejected << " sends refused\n";
}
// [/readme:guide_metrics]

// [readme:guide_signals]
/// Serves until Ctrl+C or `kill`, then lets everybody finish.
VoidResult serve_until_signal(messaging_server& server, std::uint16_t port) {
    auto watch = stop_on_signals(server, {SIGINT, SIGTERM});
    if (!watch) {
        return watch.error();
    }
    if (auto started = server.start_server(port); !started) {
        return started.error();
    }
    return server.wait_for_stop();
}
// [/readme:guide_signals]

// [readme:guide_log]
void log_more() {
    set_log_level(log_level::info);  // listening, connected, stopped; default: warning
    set_log_sink([](const log_record& record) { std::clog << to_string(record) << '\n'; });
}
// [/readme:guide_log]

void show_requests() {
    messaging_server server("questions");
    answer_questions(server);
    sample::require(server.start_server(0), "start_server");
    messaging_client client("asking");
    sample::require(client.start_client("localhost", server.local_port()), "start_client");
    std::promise<void> answered;
    ask(client, [&answered] { answered.set_value(); });
    sample::await(answered.get_future(), "the answer");
    tell_everybody(server);
    sample::require(server.stop_server(), "stop_server");
    print_metrics(server);
    sample::expect(server.metrics().totals.requests_received == 1, "one question was asked");
}

void show_signals() {
    messaging_server server("signals");
    std::promise<void> connected;
    server.set_connection_callback([&connected](const session_ptr&) { connected.set_value(); });
    auto served = std::async(std::launch::async, [&] { return serve_until_signal(server, 0); });
    messaging_client client("visitor");
    while (!server.is_running() || !client.start_client("localhost", server.local_port()).is_ok()) {
        std::this_thread::yield();
    }
    sample::await(connected.get_future(), "the connection");
    std::raise(SIGTERM);
    sample::require(served.get(), "serve_until_signal");
    sample::expect(!server.is_running(), "the signal has stopped the server");
}

void show() {
    log_more();
    sample::require(serve_and_talk(), "serve_and_talk");
    show_requests();
    show_signals();
}

}  // namespace

int main() {
    return sample::run(show);
}
