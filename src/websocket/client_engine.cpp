#include "websocket/client_engine.h"

#include "websocket/closing.h"
#include "websocket/settings.h"

#include <utility>

namespace network_system::inline v0_1::core {
namespace {

using session::ws_connection_ptr;

}  // namespace

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
      settings_(session_settings_of(config)), reconnection_(config.reconnect),
      callbacks_(std::move(callbacks)) {}

std::shared_ptr<session::message_connection> ws_client_engine::new_session(
    std::shared_ptr<transport::transport> over, std::shared_ptr<session::message_host> host,
    session::session_setup& setup) {
    const bool is_pooled = host.get() != this;
    return std::make_shared<session::websocket_session>(std::move(over), std::move(host), *this,
                                                        setup, settings_, is_pooled);
}

void ws_client_engine::notify_connected(const session_ptr& who) {
    session::websocket_session::with_connection(
        who, [this](const ws_connection_ptr& it) { callbacks_->connected(it); });
}

void ws_client_engine::notify_error(const session_ptr& who, std::error_code reason) {
    if (who == nullptr) {
        callbacks_->failed(nullptr, reason);
        return;
    }
    session::websocket_session::with_connection(
        who, [&](const ws_connection_ptr& it) { callbacks_->failed(it, reason); });
}

void ws_client_engine::notify_disconnected(const session_ptr& who, std::error_code reason) {
    const ws_closing closing(session::websocket_session::of(*who), reason);
    session::websocket_session::with_connection(who, [&](const ws_connection_ptr& it) {
        callbacks_->disconnected(it, reason, closing.code, closing.reason);
    });
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

void ws_client_engine::on_message(const session_ptr& who, session::message_kind kind,
                                  std::span<const std::uint8_t> data) {
    session::websocket_session::with_connection(who, [&](const ws_connection_ptr& from) {
        ws_client_engine::on_ws_message(who, from, kind, data);
    });
}

void ws_client_engine::on_ws_message(const session_ptr& who, const ws_connection_ptr& from,
                                     session::message_kind kind,
                                     std::span<const std::uint8_t> data) {
    const ws_message message{kind, data};
    if (!reads(*callbacks_, message)) {
        record_unread(who,
                      message.is_text() ? "message or text message" : "message or binary message");
        return;
    }
    callbacks_->received(from, data);
    callbacks_->message(from, message);
    if (message.is_text()) {
        callbacks_->text(from, message.text());
    } else {
        callbacks_->binary(from, data);
    }
}

void ws_client_engine::on_event(const session_ptr& who, std::uint32_t what,
                                std::span<const std::uint8_t> data) {
    if (what == ping_event) {
        session::websocket_session::with_connection(
            who, [&](const ws_connection_ptr& from) { callbacks_->pinged(from, data); });
    }
}

void ws_client_engine::on_writable(const session_ptr& who) {
    session::websocket_session::with_connection(
        who, [this](const ws_connection_ptr& it) { callbacks_->writable(it); });
}

}  // namespace network_system::core
