#include "websocket/client_engine.h"

#include <utility>

namespace network_system::inline v0_1::core {

ws_client_engine::ws_client_engine(const std::string& name, const ws_client_config& config,
                                   std::shared_ptr<runtime::io_pool> pool,
                                   std::shared_ptr<runtime::loop> where,
                                   transport::transport_factory transports,
                                   std::shared_ptr<session_slot> connected,
                                   std::shared_ptr<const ws_client_callbacks> callbacks)
    : ws_engine_of(session_settings_of(config), std::move(callbacks), name,
                   client_options_of(config), std::move(pool), std::move(where),
                   std::move(transports), std::move(connected)),
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

void ws_client_engine::notify_reconnecting(const reconnect_attempt& next) {
    callbacks().reconnecting(next);
}

reconnect_advice ws_client_engine::reconnect_advice_after(const ending& how) {
    const auto advice = client_engine::reconnect_advice_after(how);
    if (advice.is_final || how.who == nullptr) {
        return advice;
    }
    const auto& ended = session::websocket_session::of(*how.who);
    return how.was_open ? reconnection_.after_close(ended.close_code())
                        : reconnection_.after_failure(ended.rejection().get());
}

std::shared_ptr<const ws_rejection> ws_client_engine::rejection() const {
    const auto last = session();
    return last ? session::websocket_session::of(*last->session()).rejection() : nullptr;
}

}  // namespace network_system::core
