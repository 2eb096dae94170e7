#pragma once

#include "client/engine.h"
#include "websocket/host.h"
#include "websocket/reconnection.h"
#include "websocket/session.h"

#include <network_system/core/ws_callbacks.h>
#include <network_system/core/ws_options.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::core {

/// One run of a WebSocket client.
class ws_client_engine final : public client_engine, public session::websocket_host {
public:
    static constexpr std::string_view component_name = "messaging_ws_client";

    ws_client_engine(const std::string& name, const ws_client_config& config,
                     std::shared_ptr<runtime::io_pool> pool, std::shared_ptr<runtime::loop> where,
                     transport::transport_factory transports,
                     std::shared_ptr<session_slot> connected,
                     std::shared_ptr<const ws_client_callbacks> callbacks);

    /// How the server has refused the last handshake; null when it has not.
    [[nodiscard]] std::shared_ptr<const ws_rejection> rejection() const;

private:
    [[nodiscard]] std::string_view component() const noexcept override { return component_name; }
    [[nodiscard]] std::shared_ptr<session::message_connection> new_session(
        std::shared_ptr<transport::transport> over, std::shared_ptr<session::message_host> host,
        session::session_setup& setup) override;
    void notify_connected(const session_ptr& who) override;
    void notify_error(const session_ptr& who, std::error_code reason) override;
    void notify_disconnected(const session_ptr& who, std::error_code reason) override;
    [[nodiscard]] reconnect_advice reconnect_advice_after(const session_ptr& who,
                                                          bool was_open) override;

    void on_message(const session_ptr& who, session::message_kind kind,
                    std::span<const std::uint8_t> data) override;
    void on_ws_message(const session_ptr& who, const session::ws_connection_ptr& from,
                       session::message_kind kind, std::span<const std::uint8_t> data) override;
    void on_event(const session_ptr& who, std::uint32_t what,
                  std::span<const std::uint8_t> data) override;
    void on_writable(const session_ptr& who) override;

    const std::shared_ptr<const session::websocket_settings> settings_;
    const ws_reconnection reconnection_;
    // As they were when it started.
    const std::shared_ptr<const ws_client_callbacks> callbacks_;
};

}  // namespace network_system::core
