// A server and clients that exchange real messages over every protocol of the library: first a
// short conversation, then a load of echoed messages with its rate and latency.
//
//   quickstart [SECONDS]      how long the load of one protocol lasts; default 2

#include "datagram_load.h"
#include "echo_load.h"
#include "sample.h"

#include <network_system/config.h>
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>
#include <network_system/resilience/resilient_client.h>

#if NETWORK_SYSTEM_WITH_TLS
#include <network_system/core/secure_messaging_client.h>
#include <network_system/core/secure_messaging_server.h>
#include <network_system/testing/certificates.h>
#endif

#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#if NETWORK_SYSTEM_WITH_TLS
#include <network_system/core/secure_messaging_ws_client.h>
#include <network_system/core/secure_messaging_ws_server.h>
#endif
#endif

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <iomanip>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace {

// One struct per protocol: the two classes, and how they are made.
struct tcp {
    using server = network_system::core::messaging_server;
    using client = network_system::core::messaging_client;

    static std::unique_ptr<server> make_server() { return std::make_unique<server>("server"); }
    static std::unique_ptr<client> make_client() { return std::make_unique<client>("client"); }
};

#if NETWORK_SYSTEM_WITH_TLS
// Whom the clients trust, and who the server is. An application has files of its own.
const network_system::testing::certificate_authority& authority() {
    static const auto made = sample::require(
        network_system::testing::certificate_authority::create(), "certificate_authority");
    return made;
}

network_system::core::tls_config for_server() {
    static const auto identity = sample::require(authority().issue_server(), "issue_server");
    network_system::core::tls_config config;
    config.identity = identity;
    return config;
}

network_system::core::tls_config for_client() {
    network_system::core::tls_config config;
    config.ca_file = authority().ca_file();
    return config;
}

struct tls {
    using server = network_system::core::secure_messaging_server;
    using client = network_system::core::secure_messaging_client;

    static std::unique_ptr<server> make_server() {
        return std::make_unique<server>("server", for_server());
    }
    static std::unique_ptr<client> make_client() {
        return std::make_unique<client>("client", for_client());
    }
};
#endif

#if NETWORK_SYSTEM_WITH_WEBSOCKET
struct ws {
    using server = network_system::core::messaging_ws_server;
    using client = network_system::core::messaging_ws_client;

    static std::unique_ptr<server> make_server() { return std::make_unique<server>("server"); }
    static std::unique_ptr<client> make_client() { return std::make_unique<client>("client"); }
};

#if NETWORK_SYSTEM_WITH_TLS
struct wss {
    using server = network_system::core::secure_messaging_ws_server;
    using client = network_system::core::secure_messaging_ws_client;

    static std::unique_ptr<server> make_server() {
        return std::make_unique<server>("server", for_server());
    }
    static std::unique_ptr<client> make_client() {
        return std::make_unique<client>("client", for_client());
    }
};
#endif
#endif

template <typename Protocol>
void converse() {
    const auto server = Protocol::make_server();
    server->set_connection_callback([](const auto& session) {
        std::cout << "  server: " << session->remote_endpoint().to_string() << " connected as "
                  << session->id() << '\n';
    });
    server->set_receive_callback([](const auto& session, std::span<const std::uint8_t> message) {
        const std::string text = sample::text_of(message);
        std::cout << "  server: received \"" << text << "\"\n";
        (void)session->send_packet("you said: " + text);  // the client waits for it
    });
    server->set_disconnection_callback(
        [](const std::string& id) { std::cout << "  server: " << id << " has left\n"; });
    sample::require(server->start_server(0), "start_server");
    std::cout << "  server: listening on port " << server->local_port() << '\n';

    std::promise<std::string> answer;
    const auto client = Protocol::make_client();
    client->set_receive_callback(
        [&](std::span<const std::uint8_t> message) { answer.set_value(sample::text_of(message)); });
    sample::require(client->start_client("localhost", server->local_port()), "start_client");
    sample::require(client->send_packet("hello"), "send_packet");
    const std::string text = sample::await(answer.get_future(), "the answer");
    std::cout << "  client: received \"" << text << "\"\n";
    sample::expect(text == "you said: hello", "the answer to the message");

    const auto round_trip = sample::require(client->ping(), "ping");
    std::cout << "  client: ping answered after " << round_trip.count() << " us\n";

    sample::require(client->stop_client(), "stop_client");
    sample::require(server->stop_server(), "stop_server");
}

/// Datagrams have no connections: the same conversation and load over the other pair of classes.
void converse_udp() {
    network_system::core::messaging_udp_server server("server");
    server.set_receive_callback(
        [&](std::span<const std::uint8_t> data, const network_system::endpoint& from) {
            const std::string text = sample::text_of(data);
            std::cout << "  server: received \"" << text << "\" from " << from.to_string() << '\n';
            (void)server.send_to("you said: " + text, from);  // the client waits for it
        });
    sample::require(server.start_server(0), "start_server");
    std::promise<std::string> answer;
    network_system::core::messaging_udp_client client("client");
    client.set_receive_callback(
        [&](std::span<const std::uint8_t> data) { answer.set_value(sample::text_of(data)); });
    sample::require(client.start_client("localhost", server.local_port()), "start_client");
    sample::require(client.send_packet("hello"), "send_packet");
    const std::string text = sample::await(answer.get_future(), "the answer");
    std::cout << "  client: received \"" << text << "\"\n";
    sample::expect(text == "you said: hello", "the answer to the datagram");
    sample::require(client.stop_client(), "stop_client");
    sample::require(server.stop_server(), "stop_server");
}

struct protocol {
    const char* name;
    void (*converse)();
    sample::load_report (*load)(const sample::load_shape&, sample::steady::duration);
};

std::vector<protocol> protocols() {
    std::vector<protocol> all{{"TCP", converse<tcp>, sample::run_load<tcp>}};
#if NETWORK_SYSTEM_WITH_TLS
    all.push_back({"TLS", converse<tls>, sample::run_load<tls>});
#endif
#if NETWORK_SYSTEM_WITH_WEBSOCKET
    all.push_back({"WebSocket", converse<ws>, sample::run_load<ws>});
#if NETWORK_SYSTEM_WITH_TLS
    all.push_back({"wss", converse<wss>, sample::run_load<wss>});
#endif
#endif
    all.push_back({"UDP", converse_udp, sample::run_datagram_load});
    return all;
}

constexpr std::array loads{
    sample::load_shape{1, 1, 64},
    sample::load_shape{16, 16, 64},
    sample::load_shape{16, 4, 1024},
    sample::load_shape{4, 4, 65536},
};

void print_head() {
    std::cout << std::left << std::setw(10) << "protocol" << std::right << std::setw(8) << "clients"
              << std::setw(11) << "in flight" << std::setw(9) << "bytes" << std::setw(13)
              << "messages/s" << std::setw(9) << "MB/s" << std::setw(10) << "p50 us"
              << std::setw(10) << "p99 us" << std::setw(11) << "p99.9 us" << '\n';
}

void print_row(const char* name, const sample::load_shape& shape,
               const sample::load_report& report) {
    const double rate = static_cast<double>(report.messages) / report.seconds;
    const double megabytes = rate * static_cast<double>(shape.size) / 1e6;
    std::cout << std::fixed << std::setprecision(0) << std::left << std::setw(10) << name
              << std::right << std::setw(8) << shape.clients << std::setw(11) << shape.in_flight
              << std::setw(9) << shape.size << std::setw(13) << rate << std::setw(9) << megabytes
              << std::setprecision(1) << std::setw(10) << report.latency.microseconds(0.5)
              << std::setw(10) << report.latency.microseconds(0.99) << std::setw(11)
              << report.latency.microseconds(0.999) << std::endl;
}

/// A server that is restarted while a client sends: every message is accounted for.
void survive_a_restart() {
    using namespace network_system;
    core::messaging_server server("server");
    std::atomic<std::size_t> delivered{0};
    std::atomic<std::size_t> again{0};
    (void)server.set_receive_callback([&](const auto& session, std::span<const std::uint8_t>) {
        ++delivered;
        again += session->current_delivery().may_be_resent ? 1 : 0;
    });
    sample::require(server.start_server(0), "start_server");
    const auto port = server.local_port();

    resilience::resilient_client_options options;
    options.endpoints = {{"127.0.0.1", port}};
    options.delivery = resilience::delivery_mode::at_least_once;
    options.connection.client.reconnect.initial_delay = std::chrono::milliseconds(5);
    resilience::resilient_client client("client", options);
    sample::require(client.connect(), "connect");
    constexpr std::size_t messages = 10'000;
    for (std::size_t i = 0; i < messages; ++i) {
        sample::require(client.send_with_retry("message " + std::to_string(i)), "send_with_retry");
        if (i == messages / 3) {
            sample::require(server.stop_server(), "stop_server");
        } else if (i == messages * 2 / 3) {
            sample::require(server.start_server(port), "start_server");
        }
    }
    sample::require(client.flush(std::chrono::seconds(60)), "flush");
    const auto counted = client.metrics();
    std::cout << "\nA restart: the server was stopped and started again while a client sent "
              << messages << " messages.\n"
              << counted.sent << " of " << counted.accepted << " were acknowledged, over "
              << counted.connections.connects << " connections; " << delivered
              << " were delivered, of which " << again << " may have been\ndelivered before the "
              << "restart.\n";
    sample::expect(counted.sent == messages && delivered >= messages, "every message arrives");
}

void show(double seconds) {
    std::cout << "network_system " << NETWORK_SYSTEM_VERSION << '\n';
    for (const protocol& each : protocols()) {
        std::cout << '\n' << each.name << ": a conversation\n";
        each.converse();
    }
    const auto length = std::chrono::duration_cast<sample::steady::duration>(
        std::chrono::duration<double>(seconds / static_cast<double>(loads.size())));
    std::cout << "\nEchoed messages; server and clients share this machine and this process. "
                 "Latency is the round trip.\n\n";
    print_head();
    for (const protocol& each : protocols()) {
        for (const sample::load_shape& shape : loads) {
            if (shape.size <= sample::largest_datagram || each.load != sample::run_datagram_load) {
                print_row(each.name, shape, each.load(shape, length));
            }
        }
    }
    std::cout
        << "\nEvery message was answered, complete and in order; datagrams that were lost were\n"
           "counted and sent again.\n";
    survive_a_restart();
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 2.0;
    if (argc > 2 || seconds <= 0 || seconds > 3600) {
        std::cerr << "usage: quickstart [SECONDS]\n";
        return 2;
    }
    return sample::run([seconds] { show(seconds); });
}
