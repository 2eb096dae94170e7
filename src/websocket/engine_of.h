#pragma once

#include "websocket/closing.h"
#include "websocket/host.h"
#include "websocket/session.h"
#include "websocket/settings.h"

#include <network_system/session/ws_message.h>

#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::core {

/// What the engines of WebSocket servers and clients do alike: they run the callbacks for what
/// arrives. `Engine` is server_engine or client_engine, `Callbacks` the application's callbacks of
/// it.
template <typename Engine, typename Callbacks>
class ws_engine_of : public Engine, public session::websocket_host {
protected:
    using session_ptr = session::session_ptr;
    using connection_ptr = session::ws_connection_ptr;

    /// `arguments` are those of `Engine`.
    template <typename... Arguments>
    ws_engine_of(std::shared_ptr<const session::websocket_settings> settings,
                 std::shared_ptr<const Callbacks> callbacks, Arguments&&... arguments)
        : Engine(std::forward<Arguments>(arguments)...), settings_(std::move(settings)),
          callbacks_(std::move(callbacks)) {}

    /// As they were when it started.
    [[nodiscard]] const Callbacks& callbacks() const noexcept { return *callbacks_; }

    [[nodiscard]] const std::shared_ptr<const session::websocket_settings>& settings()
        const noexcept {
        return settings_;
    }
    /// For the sessions that follow. On the loop.
    void use_settings(std::shared_ptr<const session::websocket_settings> settings) noexcept {
        settings_ = std::move(settings);
    }

    [[nodiscard]] std::shared_ptr<session::message_connection> new_session(
        std::shared_ptr<transport::transport> over, std::shared_ptr<session::message_host> host,
        session::session_setup& setup) override {
        const bool is_pooled = host.get() != this;
        return std::make_shared<session::websocket_session>(std::move(over), std::move(host), *this,
                                                            setup, settings_, is_pooled);
    }

    void tell_connected(const session_ptr& who) {
        with_connection(who, [this](const connection_ptr& it) { callbacks_->connected(it); });
    }
    void tell_failed(const session_ptr& who, std::error_code reason) {
        with_connection(who, [&](const connection_ptr& it) { callbacks_->failed(it, reason); });
    }
    void tell_disconnected(const session_ptr& who, std::error_code reason) {
        const ws_closing closing(session::websocket_session::of(*who), reason);
        with_connection(who, [&](const connection_ptr& it) {
            callbacks_->disconnected(it, reason, closing.code, closing.reason);
        });
    }

private:
    template <typename F>
    static void with_connection(const session_ptr& who, F&& run) {
        session::websocket_session::with_connection(who, std::forward<F>(run));
    }
    [[nodiscard]] bool reads(const ws_message& message) const noexcept {
        return callbacks_->received || callbacks_->message ||
               (message.is_text() ? bool{callbacks_->text} : bool{callbacks_->binary});
    }

    void on_message(const session_ptr& who, session::message_kind kind,
                    std::span<const std::uint8_t> data) final {
        with_connection(who, [&](const connection_ptr& from) {
            ws_engine_of::on_ws_message(who, from, kind, data);
        });
    }
    void on_ws_message(const session_ptr& who, const connection_ptr& from,
                       session::message_kind kind, std::span<const std::uint8_t> data) final {
        const ws_message message{kind, data};
        if (!reads(message)) {
            this->record_unread(who, message.is_text() ? "message or text message"
                                                       : "message or binary message");
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
    void on_event(const session_ptr& who, std::uint32_t what,
                  std::span<const std::uint8_t> data) final {
        if (what == ping_event) {
            with_connection(who,
                            [&](const connection_ptr& from) { callbacks_->pinged(from, data); });
        }
    }
    void on_writable(const session_ptr& who) final {
        with_connection(who, [this](const connection_ptr& it) { callbacks_->writable(it); });
    }

    std::shared_ptr<const session::websocket_settings> settings_;
    const std::shared_ptr<const Callbacks> callbacks_;
};

}  // namespace network_system::core
