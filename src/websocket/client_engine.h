#pragma once

#include "client/engine.h"
#include "websocket/engine_of.h"
#include "websocket/reconnection.h"

#include <network_system/core/ws_callbacks.h>
#include <network_system/core/ws_options.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::core {

/// One run of a WebSocket client.
class ws_client_engine final : public ws_engine_of<client_engine, ws_client_callbacks> {
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
    void notify_connected(const session_ptr& who) override;
    void notify_error(const session_ptr& who, std::error_code reason) override;
    void notify_disconnected(const session_ptr& who, std::error_code reason) override;
    void notify_reconnecting(const reconnect_attempt& next) override;
    [[nodiscard]] reconnect_advice reconnect_advice_after(const ending& how) override;

    const ws_reconnection reconnection_;
};

}  // namespace network_system::core
