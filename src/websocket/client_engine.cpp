#include "websocket/client_engine.h"

#include <utility>

namespace network_system::inline v0_1::core {

ws_client_engine::ws_client_engine(const std::string& name, const ws_client_config& config,
                                   std::shared_ptr<runtime::io_pool> pool,
                                   std::shared_ptr<runtime::loop> where,
                                   transport::transport_factory transports,
                                   std::shared_ptr<session_slot> connected,
                                   std::shared_ptr<const ws_client_callbacks> callbacks)
    : ws_engine_of(
          session_settings_of(config), std::move(callbacks), name, client_options_of(config),
          std::move(pool), std::move(where), std::move(transports), std::move(connected),
          config.auto_reconnect ? std::optional(ws_reconnection::settings_of(config.reconnect))
                                : std::nullopt),
      reconnection_(config.reconnect) {}

void ws_client_engine::notify_connected(const session_ptr& who) {
    tell_connected(who);
}

void ws_client_engine::notify_error(const session_ptr& who, std::error_code reason) {
    if (who == nullptr) {
        callbacks().failed(nullptr, reason);
    } else {
        tell_failed(who, reason);
    }
}

void ws_client_engine::notify_disconnected(const session_ptr& who, std::error_code reason) {
    tell_disconnected(who, reason);
}

reconnect_advice ws_client_engine::reconnect_advice_after(const session_ptr& who, bool was_open) {
    if (who == nullptr) {
        return reconnection_.after_failure(nullptr);
    }
    const auto& ended = session::websocket_session::of(*who);
    return was_open ? reconnection_.after_close(ended.was_closed_here(), ended.close_code())
                    : reconnection_.after_failure(ended.rejection().get());
}

std::shared_ptr<const ws_rejection> ws_client_engine::rejection() const {
    const auto last = session();
    return last ? session::websocket_session::of(*last->session()).rejection() : nullptr;
}

}  // namespace network_system::core
