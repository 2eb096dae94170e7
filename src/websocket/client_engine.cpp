#include "websocket/client_engine.h"

#include "websocket/closing.h"
#include "websocket/settings.h"

#include <utility>

namespace network_system::core {

ws_client_engine::ws_client_engine(const std::string& name, const ws_client_config& config,
                                   std::shared_ptr<runtime::io_pool> pool,
                                   std::shared_ptr<runtime::loop> where,
                                   transport::transport_factory transports,
                                   std::shared_ptr<session_slot> connected,
                                   std::shared_ptr<const ws_client_callbacks> callbacks)
    : client_engine(name, client_options_of(config), std::move(pool), std::move(where),
                    std::move(transports), std::move(connected),
                    config.auto_reconnect
                        ? std::optional(ws_reconnection::settings_of(config.reconnect))
                        : std::nullopt),
      terms_(terms_of(config)), reconnection_(config.reconnect), callbacks_(std::move(callbacks)) {}

std::shared_ptr<session::stream_session> ws_client_engine::new_session(
    std::shared_ptr<transport::transport> over, std::shared_ptr<session::session_host> host,
    session::session_setup& setup) {
    return std::make_shared<session::websocket_session>(std::move(over), std::move(host), setup,
                                                        terms_);
}

void ws_client_engine::notify_connected() {
    callbacks_->connected();
}

void ws_client_engine::notify_error(std::error_code reason) {
    callbacks_->failed(reason);
}

void ws_client_engine::notify_disconnected(const session_ptr& who, std::error_code reason) {
    const ws_closing closing(session::websocket_session::of(*who), reason);
    callbacks_->disconnected(closing.code, closing.reason);
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
    return last ? session::websocket_session::of(*last).rejection() : nullptr;
}

void ws_client_engine::on_message(const session_ptr& who, session::message_kind kind,
                                  std::span<const std::uint8_t> data) {
    const ws_message message{kind, data};
    if (!reads(*callbacks_, message)) {
        record_unread(who,
                      message.is_text() ? "message or text message" : "message or binary message");
        return;
    }
    callbacks_->message(message);
    if (message.is_text()) {
        callbacks_->text(message.text());
    } else {
        callbacks_->binary(data);
    }
}

void ws_client_engine::on_ping(const session_ptr&, std::span<const std::uint8_t> payload) {
    callbacks_->pinged(payload);
}

void ws_client_engine::on_writable(const session_ptr&) {
    callbacks_->writable();
}

}  // namespace network_system::core
