#pragma once

#include "support/loopback.h"

#include <network_system/config.h>

#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>
#endif
#if NETWORK_SYSTEM_WITH_TLS
#include <network_system/core/secure_messaging_client.h>
#include <network_system/core/secure_messaging_server.h>
#include <network_system/testing/certificates.h>
#endif

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

/// Servers and clients of every protocol over a stream, as alike as a test of failures needs them.
namespace integration {

using namespace loopback;  // everything there speaks the public interface only

using network_system::core::client_metrics;
using network_system::core::reconnect_attempt;
using network_system::core::reconnect_options;

/// What a test chooses for all of them.
struct failure_settings {
    reconnect_options reconnect = {.initial_delay = 5ms, .max_delay = 50ms, .stable_after = 0ms};
    std::chrono::milliseconds connect_timeout{10'000};
    /// Of the clients. 0 = none.
    std::chrono::milliseconds ping_interval{0};
    /// Until a ping without an answer ends a connection of WebSocket.
    std::chrono::milliseconds pong_timeout{10'000};
    std::chrono::milliseconds drain_timeout{5'000};
    asio::io_context* client_context = nullptr;
    asio::io_context* server_context = nullptr;

    /// Short ones, by which a client notices that nothing answers any more. A machine that is busy
    /// may not answer in time either: then the start goes on, and the client comes back.
    void set_limits(std::chrono::milliseconds answer, std::chrono::milliseconds connect) {
        constexpr int factor = is_sanitized ? 10 : 1;
        ping_interval = pong_timeout = answer * factor;
        connect_timeout = connect * factor;
        reconnect.retry_start_for = std::chrono::milliseconds::max();
    }
};

/// A client that reconnects. Callbacks are set before it starts.
class any_client {
public:
    any_client() = default;
    any_client(const any_client&) = delete;
    any_client& operator=(const any_client&) = delete;
    virtual ~any_client() = default;

    [[nodiscard]] virtual VoidResult start(const std::string& host, std::uint16_t port) = 0;
    [[nodiscard]] virtual VoidResult start(
        const std::string& host, std::uint16_t port,
        network_system::unique_function<void(VoidResult)> handler) = 0;
    [[nodiscard]] virtual VoidResult stop() = 0;
    [[nodiscard]] virtual VoidResult send(std::span<const std::uint8_t> data,
                                          network_system::session::send_callback done) = 0;
    [[nodiscard]] virtual bool is_connected() const = 0;
    [[nodiscard]] virtual client_metrics metrics() const = 0;

    std::function<void()> on_connect = [] {};
    std::function<void()> on_disconnect = [] {};
    std::function<void(std::span<const std::uint8_t>)> on_message = [](const auto&) {};
    std::function<void(std::error_code)> on_error = [](auto) {};
    std::function<void(const reconnect_attempt&)> on_attempt = [](const auto&) {};
};

/// A server that answers each message with the same.
class any_server {
public:
    any_server() = default;
    any_server(const any_server&) = delete;
    any_server& operator=(const any_server&) = delete;
    virtual ~any_server() = default;

    /// The port.
    [[nodiscard]] virtual std::uint16_t start(std::uint16_t port = 0) = 0;
    [[nodiscard]] virtual VoidResult stop() = 0;
    [[nodiscard]] virtual std::size_t connection_count() const = 0;
    /// Messages of the current life.
    [[nodiscard]] virtual std::uint64_t messages_received() const = 0;

    /// Before the answer.
    std::function<void(std::span<const std::uint8_t>)> on_message = [](const auto&) {};
    /// The same, and what the message says of itself.
    std::function<void(std::span<const std::uint8_t>, const network_system::delivery_info&)>
        on_delivery = [](const auto&, const auto&) {};
};

template <typename Client>
class client_of final : public any_client {
public:
    /// What follows the name.
    template <typename... Arguments>
    explicit client_of(Arguments&&... arguments)
        : client_("client", std::forward<Arguments>(arguments)...) {
        (void)client_.set_connected_callback([this] { on_connect(); });
        (void)client_.set_disconnected_callback([this] { on_disconnect(); });
        (void)client_.set_receive_callback(
            [this](std::span<const std::uint8_t> data) { on_message(data); });
        (void)client_.set_error_callback([this](std::error_code error) { on_error(error); });
        (void)client_.set_reconnecting_callback(
            [this](const reconnect_attempt& next) { on_attempt(next); });
    }

    VoidResult start(const std::string& host, std::uint16_t port) override {
        return client_.start_client(host, port);
    }
    VoidResult start(const std::string& host, std::uint16_t port,
                     network_system::unique_function<void(VoidResult)> handler) override {
        return client_.start_client(host, port, std::move(handler));
    }
    VoidResult stop() override { return client_.stop_client(); }
    VoidResult send(std::span<const std::uint8_t> data,
                    network_system::session::send_callback done) override {
        return client_.send_packet(data, std::move(done));
    }
    bool is_connected() const override { return client_.is_connected(); }
    client_metrics metrics() const override { return client_.metrics(); }

private:
    Client client_;
};

template <typename Server>
class server_of final : public any_server {
public:
    /// What follows the name.
    template <typename... Arguments>
    explicit server_of(Arguments&&... arguments)
        : server_("server", std::forward<Arguments>(arguments)...) {
        (void)server_.set_receive_callback([this](const typename Server::session_ptr& session,
                                                  std::span<const std::uint8_t> data) {
            on_message(data);
            on_delivery(data, session->current_delivery());
            (void)session->send_packet(data);  // its client may be gone
        });
    }

    std::uint16_t start(std::uint16_t port) override {
        EXPECT_TRUE(is_ok(server_.start_server(port)));
        return server_.local_port();
    }
    VoidResult stop() override { return server_.stop_server(); }
    std::size_t connection_count() const override { return server_.connection_count(); }
    std::uint64_t messages_received() const override {
        return server_.metrics().totals.messages_received;
    }

private:
    Server server_;
};

enum class protocol : std::uint8_t { tcp, tls, ws, wss };

[[nodiscard]] inline std::string name_of(protocol which) {
    constexpr std::array names{"tcp", "tls", "ws", "wss"};
    return names.at(static_cast<std::size_t>(which));
}
inline void PrintTo(protocol which, std::ostream* out) {
    *out << name_of(which);
}

/// Those of this build.
[[nodiscard]] inline std::vector<protocol> all_protocols() {
    std::vector<protocol> all{protocol::tcp};
#if NETWORK_SYSTEM_WITH_TLS
    all.push_back(protocol::tls);
#endif
#if NETWORK_SYSTEM_WITH_WEBSOCKET
    all.push_back(protocol::ws);
#if NETWORK_SYSTEM_WITH_TLS
    all.push_back(protocol::wss);
#endif
#endif
    return all;
}

[[nodiscard]] constexpr bool is_secure(protocol which) {
    return which == protocol::tls || which == protocol::wss;
}
[[nodiscard]] constexpr bool is_websocket(protocol which) {
    return which == protocol::ws || which == protocol::wss;
}

#if NETWORK_SYSTEM_WITH_TLS
namespace failures_tls {

using network_system::core::tls_config;

[[nodiscard]] inline const network_system::testing::certificate_authority& authority() {
    static const auto made = network_system::testing::certificate_authority::create();
    return made.value();
}
[[nodiscard]] inline tls_config for_server() {
    static const auto identity = authority().issue_server({"127.0.0.1", "10.77.0.2"});
    tls_config config;
    config.identity = identity.value();
    return config;
}
[[nodiscard]] inline tls_config for_client() {
    tls_config config;
    config.ca_file = authority().ca_file();
    return config;
}

}  // namespace failures_tls
#endif

template <typename Options>
void apply_to_client(Options& options, const failure_settings& settings) {
    options.auto_reconnect = true;
    static_cast<reconnect_options&>(options.reconnect) = settings.reconnect;
    options.connect_timeout = settings.connect_timeout;
    options.drain_timeout = settings.drain_timeout;
    options.io_context = settings.client_context;
}

template <typename Options>
void apply_to_server(Options& options, const failure_settings& settings) {
    options.drain_timeout = settings.drain_timeout;
    options.io_context = settings.server_context;
    // Connections of a storm that is over may still be there.
    options.max_connections = 20'000;
    options.max_connections_per_address = 0;
}

[[nodiscard]] inline client_options framed_client(const failure_settings& settings) {
    client_options options;
    apply_to_client(options, settings);
    options.session.ping_interval = settings.ping_interval;
    options.session.max_missed_pings = 1;
    return options;
}
[[nodiscard]] inline server_options framed_server(const failure_settings& settings) {
    server_options options;
    apply_to_server(options, settings);
    return options;
}

#if NETWORK_SYSTEM_WITH_WEBSOCKET
[[nodiscard]] inline auto websocket_client(const failure_settings& settings) {
    network_system::core::ws_client_config config;
    apply_to_client(config, settings);
    config.ping_interval = settings.ping_interval;
    config.pong_timeout = settings.pong_timeout;
    // What a server asks for that stops: no more than the first pause.
    config.reconnect.restart_delay_least = 0ms;
    config.reconnect.restart_delay_most = settings.reconnect.initial_delay;
    config.reconnect.try_again_delay = settings.reconnect.initial_delay / 2;
    return config;
}
[[nodiscard]] inline auto websocket_server(const failure_settings& settings) {
    network_system::core::ws_server_config config;
    apply_to_server(config, settings);
    return config;
}
#endif

[[nodiscard]] inline std::unique_ptr<any_client> make_client(protocol which,
                                                             const failure_settings& settings) {
    namespace core = network_system::core;
    switch (which) {
        case protocol::tcp:
            return std::make_unique<client_of<core::messaging_client>>(framed_client(settings));
#if NETWORK_SYSTEM_WITH_TLS
        case protocol::tls:
            return std::make_unique<client_of<core::secure_messaging_client>>(
                failures_tls::for_client(), framed_client(settings));
#endif
#if NETWORK_SYSTEM_WITH_WEBSOCKET
        case protocol::ws:
            return std::make_unique<client_of<core::messaging_ws_client>>(
                websocket_client(settings));
#if NETWORK_SYSTEM_WITH_TLS
        case protocol::wss: {
            auto config = websocket_client(settings);
            config.tls = failures_tls::for_client();
            return std::make_unique<client_of<core::messaging_ws_client>>(std::move(config));
        }
#endif
#endif
        default: ADD_FAILURE() << "this build has no " << name_of(which); return nullptr;
    }
}

[[nodiscard]] inline std::unique_ptr<any_server> make_server(protocol which,
                                                             const failure_settings& settings) {
    namespace core = network_system::core;
    switch (which) {
        case protocol::tcp:
            return std::make_unique<server_of<core::messaging_server>>(framed_server(settings));
#if NETWORK_SYSTEM_WITH_TLS
        case protocol::tls:
            return std::make_unique<server_of<core::secure_messaging_server>>(
                failures_tls::for_server(), framed_server(settings));
#endif
#if NETWORK_SYSTEM_WITH_WEBSOCKET
        case protocol::ws:
            return std::make_unique<server_of<core::messaging_ws_server>>(
                websocket_server(settings));
#if NETWORK_SYSTEM_WITH_TLS
        case protocol::wss: {
            auto config = websocket_server(settings);
            config.tls = failures_tls::for_server();
            return std::make_unique<server_of<core::messaging_ws_server>>(std::move(config));
        }
#endif
#endif
        default: ADD_FAILURE() << "this build has no " << name_of(which); return nullptr;
    }
}

}  // namespace integration
