// A client that survives the restarts of its server: messages that are sent meanwhile wait, and
// with acknowledgements each arrives, however the server ends.

#include "sample.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/resilience/resilient_client.h>
#include <network_system/utils/log.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <mutex>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

using namespace network_system;
using core::client_options;
using core::messaging_client;
using resilience::circuit_state;
using resilience::delivery_mode;
using resilience::resilient_client;
using resilience::resilient_client_options;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A server that counts what arrives, and how often.
class counting_server {
public:
    counting_server() : server_("counter") {
        (void)server_.set_receive_callback(
            [this](const auto& session, std::span<const std::uint8_t> data) {
                const std::lock_guard lock(mutex_);
                const bool is_new = texts_.emplace(data.begin(), data.end()).second;
                repeated_ += is_new ? 0U : 1U;
                announced_ += session->current_delivery().may_be_resent ? 1U : 0U;
            });
        start();
    }
    void start() {
        sample::require(server_.start_server(port_), "start_server");
        port_ = server_.local_port();
    }
    void stop() { sample::require(server_.stop_server(), "stop_server"); }
    /// Every connection breaks, as by an error of the network.
    void break_connections() {
        for (const auto& session : server_.get_sessions()) {
            (void)session->abort_session(make_error_code(errc::connection_failed));
        }
    }

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::size_t different() const {
        const std::lock_guard lock(mutex_);
        return texts_.size();
    }
    [[nodiscard]] std::size_t repeated() const {
        const std::lock_guard lock(mutex_);
        return repeated_;
    }

private:
    core::messaging_server server_;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::set<std::string> texts_;
    std::size_t repeated_ = 0;
    std::size_t announced_ = 0;
};

void say_hello(std::uint16_t port) {
    // [readme:resilient]
    resilient_client client("meter", "127.0.0.1", port);
    (void)client.set_ready_callback([](const auto& session) {
        (void)session->send_packet("I am meter 7");  // first on each new connection
    });
    if (const auto connected = client.connect(); connected.is_err()) {
        std::cerr << connected.error().message << '\n';
        return;
    }
    const auto sent = client.send_with_retry("21.5 C");  // kept while there is no connection
    // [/readme:resilient]
    sample::require(sent, "send_with_retry");
    sample::require(client.flush(seconds(10)), "flush");
}

void come_back(std::uint16_t port) {
    // [readme:reconnect]
    client_options options;
    options.auto_reconnect = true;
    options.reconnect.retry_start_for = seconds(30);  // the first connection, too
    messaging_client client("patient", options);
    // [/readme:reconnect]
    sample::require(client.start_client("127.0.0.1", port), "start_client");
}

[[nodiscard]] resilient_client_options options_to(std::uint16_t port) {
    resilient_client_options options;
    options.endpoints = {{"127.0.0.1", port}};
    // A server of this machine: its client may come back at once.
    options.connection.client.reconnect.initial_delay = milliseconds(5);
    options.connection.client.reconnect.max_delay = milliseconds(50);
    return options;
}

void survive_restarts(counting_server& server) {
    auto options = options_to(server.port());
    options.delivery = delivery_mode::at_least_once;
    resilient_client client("survivor", options);
    std::atomic<unsigned> attempts{0};
    (void)client.set_reconnect_callback([&](unsigned) { ++attempts; });
    sample::require(client.connect(), "connect");

    constexpr std::size_t rounds = 4;
    constexpr std::size_t per_round = 500;
    const std::size_t before = server.different();
    for (std::size_t round = 0; round < rounds; ++round) {
        const bool is_restarted = round % 2 == 1;
        for (std::size_t i = 0; i < per_round; ++i) {
            const std::string text =
                "round " + std::to_string(round) + " message " + std::to_string(i);
            sample::require(client.send_with_retry(text), "send_with_retry");
            if (i == per_round / 2) {
                is_restarted ? server.stop() : server.break_connections();
            }
        }
        if (is_restarted) {
            server.start();
        }
        sample::require(client.flush(seconds(60)), "flush");
    }
    const auto counted = client.metrics();
    std::cout << "acknowledged " << counted.sent << " of " << counted.accepted << " messages over "
              << counted.connections.connects << " connections, after " << attempts
              << " attempts to come back\n"
              << "the server got " << server.different() - before << " different messages, "
              << server.repeated() << " of them again after its restarts\n";
    if (counted.sent != rounds * per_round || server.different() - before != counted.sent) {
        throw std::runtime_error("a message is missing");
    }
}

void break_the_circuit(counting_server& server) {
    auto options = options_to(server.port());
    options.breaker = {.failure_threshold = 3, .open_for = seconds(30)};
    resilient_client client("careful", options);
    std::atomic<bool> is_open{false};
    (void)client.set_circuit_callback([&](circuit_state state) {
        is_open = state == circuit_state::open;
        is_open.notify_all();
    });
    sample::require(client.connect(), "connect");
    server.stop();
    is_open.wait(false);
    const auto refused = client.send_with_retry("nobody would get it for long");
    std::cout << "with an open circuit: " << refused.error().message << '\n';
    server.start();
    is_open.wait(true);
    sample::require(client.send_with_retry("and now it is closed"), "send_with_retry");
    sample::require(client.flush(seconds(60)), "flush");
}

}  // namespace

int main() {
    return sample::run([] {
        set_log_level(log_level::off);
        counting_server server;
        come_back(server.port());
        say_hello(server.port());
        survive_restarts(server);
        break_the_circuit(server);
    });
}
