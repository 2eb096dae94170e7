// A server that sends back what it gets, and a client that notes what comes back.
#pragma once

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/testing/simulation.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {

using core::client_options;
using core::messaging_client;
using core::messaging_server;
using core::server_options;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

/// 0 for a success.
template <typename T>
[[nodiscard]] int code_of(const Result<T>& result) {
    return result ? 0 : result.error().code;
}
[[nodiscard]] inline int number(errc code) {
    return static_cast<int>(code);
}

class echo_pair {
public:
    static constexpr std::uint16_t port = 4000;

    explicit echo_pair(const simulation_options& options = {}, std::uint64_t seed = 1,
                       const core::server_options& server_options = {},
                       const core::client_options& client_options = {})
        : sim(seed, options), server("server", sim.on_host("server", server_options)),
          client("client", sim.on_host("client", client_options)) {
        server.set_receive_callback(
            [](const messaging_server::session_ptr& session, std::span<const std::uint8_t> data) {
                (void)session->send_packet(data);
            });
        client.set_receive_callback([this](std::span<const std::uint8_t> data) {
            received.emplace_back(data.begin(), data.end());
        });
        client.set_error_callback([this](std::error_code error) { failure = error; });
        client.set_disconnected_callback([this] { is_disconnected = true; });
    }

    VoidResult start() {
        auto started = server.start_server(port);
        return started ? connect() : started;
    }
    VoidResult connect() {
        connected.reset();
        return client.start_client("server", port,
                                   [this](VoidResult result) { connected = std::move(result); });
    }
    /// The answer to the start; an error of its own when there is none in time.
    [[nodiscard]] VoidResult wait_for_start() {
        (void)sim.run_until([this] { return connected.has_value(); }, minutes(5));
        return connected.value_or(error_info{0, "no answer", {}, {}});
    }
    [[nodiscard]] VoidResult start_and_wait() {
        auto started = start();
        return started ? wait_for_start() : started;
    }
    void send(std::size_t messages, std::size_t size) {
        for (std::size_t i = 0; i < messages; ++i) {
            std::string message(size, static_cast<char>('a' + sent.size() % 26));
            if (client.send_packet(message)) {
                sent.push_back(std::move(message));
            }
        }
    }
    [[nodiscard]] bool has_all() const { return received == sent; }
    /// Whether all that was sent came back, in order.
    [[nodiscard]] bool wait_for_all() {
        return sim.run_until([this] { return has_all(); }, minutes(30));
    }

    simulation sim;
    messaging_server server;
    messaging_client client;
    std::optional<VoidResult> connected;
    std::error_code failure;
    bool is_disconnected = false;
    std::vector<std::string> sent;
    std::vector<std::string> received;
};

}  // namespace network_system::testing
