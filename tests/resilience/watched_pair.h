// A client whose connections are watched, in a simulated network.
#pragma once

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/testing/simulation.h>
#include <network_system/utils/health_monitor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::resilience {

using core::client_options;
using core::messaging_client;
using core::messaging_server;
using core::server_options;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::simulation;
using testing::simulation_options;
using session_ptr = std::shared_ptr<session::messaging_session>;

inline constexpr std::uint16_t health_port = 4000;

[[nodiscard]] inline int health_code(const VoidResult& result) {
    return result ? 0 : result.error().code;
}
[[nodiscard]] inline int health_code(errc code) {
    return static_cast<int>(code);
}

/// A server, and a client whose connections are watched.
class watched_pair {
public:
    explicit watched_pair(std::uint64_t seed, const health_options& options = {},
                          const simulation_options& network = {}, client_options at_client = {})
        : sim(seed, network), server("server", sim.on_host("server", server_options{})),
          client("client", sim.on_host("client", std::move(at_client))), monitor(options) {
        (void)monitor.set_health_callback([this](const health_report& now) {
            told.push_back(now.state);
            told_at = sim.now();
            last = now;
        });
        (void)client.set_connected_callback([this](const session_ptr& made) {
            session = made;
            begun = monitor.start(made);
        });
        (void)client.set_disconnected_callback([this](std::error_code why) {
            ended = why;
            ended_at = sim.now();
        });
    }
    [[nodiscard]] bool connect() {
        session.reset();
        ended.reset();
        (void)server.start_server(health_port);
        const auto started = client.start_client("server", health_port, [](VoidResult) {});
        return started && sim.run_until([this] { return session != nullptr; }, minutes{1});
    }
    [[nodiscard]] bool wait(const std::function<bool()>& condition, nanoseconds limit = hours{1}) {
        return sim.run_until(condition, limit);
    }
    [[nodiscard]] bool wait_for(health state, nanoseconds limit = hours{1}) {
        return wait([&] { return !told.empty() && told.back() == state; }, limit);
    }

    simulation sim;
    messaging_server server;
    messaging_client client;
    std::vector<health> told;
    nanoseconds told_at{0};
    health_report last;
    session_ptr session;
    std::optional<VoidResult> begun;
    std::optional<std::error_code> ended;
    nanoseconds ended_at{0};
    health_monitor monitor;
};

}  // namespace network_system::resilience
