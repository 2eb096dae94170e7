#pragma once

#include "sample.h"

#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/messaging_ws_server.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// WebSocket servers and clients under the names that those of the other protocols have, for what
/// runs over all of them.
namespace sample {

class ws_server {
public:
    explicit ws_server(std::optional<network_system::core::tls_config> tls = std::nullopt) {
        config_.tls = std::move(tls);
    }

    template <typename Callback>
    void set_connection_callback(Callback callback) {
        server_.set_connection_callback(std::move(callback));
    }
    template <typename Callback>
    void set_disconnection_callback(Callback callback) {
        server_.set_disconnection_callback(
            [callback = std::move(callback)](const std::string& id, network_system::ws_close_code,
                                             std::string_view) { callback(id); });
    }
    template <typename Callback>
    void set_receive_callback(Callback callback) {
        server_.set_binary_message_callback(std::move(callback));
    }
    auto start_server(std::uint16_t port) {
        config_.port = port;
        return server_.start_server(config_);
    }
    auto stop_server() { return server_.stop_server(); }
    auto broadcast(std::string_view text) {
        return server_.broadcast_binary(
            std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    }
    [[nodiscard]] std::uint16_t local_port() const { return server_.local_port(); }
    [[nodiscard]] auto metrics() const { return server_.metrics(); }

private:
    network_system::core::ws_server_config config_;
    network_system::core::messaging_ws_server server_{"server"};
};

class ws_client {
public:
    explicit ws_client(std::optional<network_system::core::tls_config> tls = std::nullopt) {
        config_.tls = std::move(tls);
    }

    template <typename Callback>
    void set_receive_callback(Callback callback) {
        client_.set_binary_message_callback(std::move(callback));
    }
    auto start_client(std::string_view host, std::uint16_t port) {
        config_.host = host;
        config_.port = port;
        return client_.start_client(config_);
    }
    auto stop_client() { return client_.stop_client(); }
    auto send_packet(std::span<const std::uint8_t> data) { return client_.send_binary(data); }
    auto send_packet(std::string_view text) {
        return send_packet(
            std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    }
    auto ping() { return client_.ping(); }

private:
    network_system::core::ws_client_config config_;
    network_system::core::messaging_ws_client client_{"client"};
};

}  // namespace sample
