// Servers of every kind of connection, and what a pool needs to get to them.
#pragma once

#include "support/loopback.h"

#include <network_system/config.h>
#include <network_system/resilience/connection_pool.h>
#if NETWORK_SYSTEM_WITH_TLS
#include <network_system/core/secure_messaging_server.h>
#include <network_system/testing/certificates.h>
#endif
#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_server.h>
#endif

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pools {

using namespace loopback;

using network_system::resilience::connection_kind;
using network_system::resilience::connection_pool;
using network_system::resilience::lease;
using network_system::resilience::pool_callbacks;
using network_system::resilience::pool_options;

/// Sends back what it gets; may be stopped, and started again at its port.
class echo_server {
public:
    echo_server() = default;
    echo_server(const echo_server&) = delete;
    echo_server& operator=(const echo_server&) = delete;
    virtual ~echo_server() = default;

    std::uint16_t start() {
        EXPECT_TRUE(is_ok(start_at(port_)));
        port_ = local_port();
        return port_;
    }
    virtual void stop() = 0;

protected:
    virtual VoidResult start_at(std::uint16_t port) = 0;
    [[nodiscard]] virtual std::uint16_t local_port() const = 0;

private:
    std::uint16_t port_ = 0;
};

template <typename Server>
class framed_echo_server final : public echo_server {
public:
    template <typename... Arguments>
    explicit framed_echo_server(Arguments&&... arguments)
        : server_("echo", std::forward<Arguments>(arguments)...) {
        (void)server_.set_receive_callback(
            [](const session_ptr& from, std::span<const std::uint8_t> data) {
                (void)from->send_packet(data);
            });
        (void)server_.set_request_callback(
            [](std::span<const std::uint8_t> data) { return copy_of(data); });
    }
    void stop() override { (void)server_.stop_server(); }

protected:
    VoidResult start_at(std::uint16_t port) override { return server_.start_server(port); }
    [[nodiscard]] std::uint16_t local_port() const override { return server_.local_port(); }

private:
    Server server_;
};

#if NETWORK_SYSTEM_WITH_WEBSOCKET
class ws_echo_server final : public echo_server {
public:
    explicit ws_echo_server(network_system::core::ws_server_config config)
        : config_(std::move(config)) {
        (void)server_.set_message_callback(
            [](const auto& from, const network_system::ws_message& message) {
                (void)from->send_binary(message.data);
            });
    }
    void stop() override { (void)server_.stop_server(); }

protected:
    VoidResult start_at(std::uint16_t port) override {
        config_.port = port;
        return server_.start_server(config_);
    }
    [[nodiscard]] std::uint16_t local_port() const override { return server_.local_port(); }

private:
    network_system::core::ws_server_config config_;
    network_system::core::messaging_ws_server server_{"echo"};
};

#endif

#if NETWORK_SYSTEM_WITH_TLS
[[nodiscard]] inline const network_system::testing::certificate_authority& authority() {
    static const auto shared = network_system::testing::certificate_authority::create();
    return shared.value();
}
#endif

[[nodiscard]] inline std::vector<connection_kind> kinds() {
    std::vector<connection_kind> all{connection_kind::tcp};
#if NETWORK_SYSTEM_WITH_TLS
    all.push_back(connection_kind::tls);
#endif
#if NETWORK_SYSTEM_WITH_WEBSOCKET
    all.push_back(connection_kind::ws);
#if NETWORK_SYSTEM_WITH_TLS
    all.push_back(connection_kind::wss);
#endif
#endif
    return all;
}

/// One that `kinds` has.
[[nodiscard]] inline std::unique_ptr<echo_server> make_server(connection_kind kind) {
    network_system::core::server_options options;
    options.drain_timeout = 200ms;
    network_system::core::tls_config tls;
#if NETWORK_SYSTEM_WITH_TLS
    if (kind == connection_kind::tls || kind == connection_kind::wss) {
        tls.identity = authority().issue_server().value();
    }
    if (kind == connection_kind::tls) {
        return std::make_unique<framed_echo_server<network_system::core::secure_messaging_server>>(
            tls, options);
    }
#endif
#if NETWORK_SYSTEM_WITH_WEBSOCKET
    if (kind == connection_kind::ws || kind == connection_kind::wss) {
        network_system::core::ws_server_config config;
        config.drain_timeout = 200ms;
        if (kind == connection_kind::wss) {
            config.tls = tls;
        }
        return std::make_unique<ws_echo_server>(config);
    }
#endif
    return std::make_unique<framed_echo_server<network_system::core::messaging_server>>(options);
}

/// To a server at this port; comes back fast.
[[nodiscard]] inline pool_options pool_to(std::uint16_t port,
                                          connection_kind kind = connection_kind::tcp) {
    pool_options options;
    options.server = {"127.0.0.1", port};
    options.connection.kind = kind;
    for (auto* const again : {&options.connection.client.reconnect,
                              static_cast<network_system::core::reconnect_options*>(
                                  &options.connection.ws.reconnect)}) {
        again->initial_delay = 1ms;
        again->max_delay = 20ms;
    }
    options.connection.ws.reconnect.restart_delay_least = 1ms;
    options.connection.ws.reconnect.restart_delay_most = 5ms;
#if NETWORK_SYSTEM_WITH_TLS
    options.connection.tls.ca_file = authority().ca_file();
#endif
    options.min_size = 1;
    options.max_size = 4;
    options.acquire_timeout = patience;
    return options;
}

/// A port that nobody listens on.
[[nodiscard]] inline std::uint16_t unused_port() {
    test_server gone;
    return gone.start();
}

/// What an acquire has come to.
struct outcome {
    bool is_ok;
    int code;
    std::string message;
};

[[nodiscard]] inline outcome outcome_of(const Result<lease>& result) {
    return result.is_ok() ? outcome{true, 0, {}}
                          : outcome{false, result.error().code, result.error().message};
}

/// What a pool's connections have received.
struct received_messages_of_pool {
    collector<std::string> all;
    [[nodiscard]] pool_callbacks callbacks() {
        pool_callbacks made;
        made.received = [this](std::span<const std::uint8_t> data) { all.add(text_of(data)); };
        return made;
    }
};

}  // namespace pools
