#pragma once

#include "client/engine.h"
#include "websocket/reconnection.h"
#include "websocket/session.h"

#include <network_system/core/messaging_ws_client.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace network_system::core {

/// The callbacks of a WebSocket client as they were when it started.
struct ws_client_callbacks {
    messaging_ws_client::connected_callback connected;
    messaging_ws_client::disconnected_callback disconnected;
    messaging_ws_client::message_callback message;
    messaging_ws_client::text_callback text;
    messaging_ws_client::binary_callback binary;
    messaging_ws_client::binary_callback pinged;
    messaging_ws_client::error_callback failed;
    messaging_ws_client::writable_callback writable;
};

/// One run of a WebSocket client.
class ws_client_engine final : public client_engine {
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
    [[nodiscard]] std::shared_ptr<session::stream_session> new_session(
        std::shared_ptr<transport::transport> over, std::shared_ptr<session::session_host> host,
        session::session_setup& setup) override;
    void notify_connected() override;
    void notify_error(std::error_code reason) override;
    void notify_disconnected(const session_ptr& who, std::error_code reason) override;
    [[nodiscard]] reconnect_advice reconnect_advice_after(const session_ptr& who,
                                                          bool was_open) override;

    void on_message(const session_ptr& who, session::message_kind kind,
                    std::span<const std::uint8_t> data) override;
    void on_ping(const session_ptr& who, std::span<const std::uint8_t> payload) override;
    void on_writable(const session_ptr& who) override;

    const std::shared_ptr<const session::websocket_terms> terms_;
    const ws_reconnection reconnection_;
    const std::shared_ptr<const ws_client_callbacks> callbacks_;
};

}  // namespace network_system::core
