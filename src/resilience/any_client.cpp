#include "resilience/any_client.h"

#include <network_system/config.h>
#include <network_system/core/messaging_client.h>
#if NETWORK_SYSTEM_WITH_TLS
#include <network_system/core/secure_messaging_client.h>
#endif
#if NETWORK_SYSTEM_WITH_WEBSOCKET
#include <network_system/core/messaging_ws_client.h>
#endif

#include <utility>

namespace network_system::inline v0_1::resilience {
namespace {

/// The callbacks of either kind of client, but for messages: they have the same names.
template <typename Callbacks>
Callbacks callbacks_to(any_client::listener& listener) {
    Callbacks all;
    all.connected = [&listener](const auto& who) { listener.on_connected(who); };
    if constexpr (requires { all.acknowledged; }) {
        all.acknowledged = [&listener](std::uint64_t message, std::error_code refusal) {
            listener.on_acknowledged(message, refusal);
        };
    }
    all.writable = [&listener](const auto& who) { listener.on_writable(who); };
    all.failed = [&listener](const auto& who, std::error_code reason) {
        listener.on_failed(who, reason);
    };
    all.disconnected = [&listener](const typename Callbacks::session_ptr& who,
                                   std::error_code reason) {
        listener.on_disconnected(who, reason);
    };
    all.reconnecting = [&listener](const core::reconnect_attempt& next) {
        listener.on_reconnecting(next);
    };
    all.ended = [&listener](std::error_code reason) { listener.on_ended(reason); };
    return all;
}

/// What both kinds of client have in common.
template <typename Client>
class client_of : public any_client {
public:
    client_of(std::shared_ptr<Client> client, any_client::listener& told)
        : client_(std::move(client)), told_(told) {}

    [[nodiscard]] VoidResult take_messages(bool is_wanted) final {
        if (!is_wanted) {
            return client_->set_receive_callback({});
        }
        return client_->set_receive_callback(
            [&told = told_](const auto& who, std::span<const std::uint8_t> data) {
                told.on_message(who, data);
            });
    }
    discardable_result stop() final { return client_->stop_client(); }
    VoidResult stop(session::stop_handler&& handler) final {
        return client_->stop_client(std::move(handler));
    }
    [[nodiscard]] bool is_started() const noexcept final { return client_->is_started(); }
    [[nodiscard]] core::client_metrics metrics() const final { return client_->metrics(); }

protected:
    [[nodiscard]] const std::shared_ptr<Client>& client() const noexcept { return client_; }

private:
    std::shared_ptr<Client> client_;
    any_client::listener& told_;
};

class framed_client final : public client_of<core::messaging_client> {
public:
    framed_client(std::shared_ptr<core::messaging_client> client, any_client::listener& told,
                  server_address server)
        : client_of(std::move(client), told), server_(std::move(server)) {}

    VoidResult start(start_callback&& handler, session::operation_id operation) override {
        return client()->start_client(server_.host, server_.port, std::move(handler), operation);
    }
    VoidResult start_and_wait() override {
        return client()->start_client(server_.host, server_.port);
    }
    [[nodiscard]] Result<session_ptr> session() const override { return client()->get_session(); }
    [[nodiscard]] std::shared_ptr<core::messaging_client> framed() const override {
        return client();
    }

private:
    const server_address server_;
};

[[nodiscard, maybe_unused]] error_info lacking(const std::string& id, const char* what) {
    return {static_cast<int>(errc::not_supported), what, id, {}};
}

Result<std::unique_ptr<any_client>> make_framed(const std::string& id, const server_address& server,
                                                const connection_options& options,
                                                any_client::listener& listener) {
    auto callbacks = callbacks_to<core::client_callbacks>(listener);
    if (options.kind == connection_kind::tcp) {
        return std::unique_ptr<any_client>(std::make_unique<framed_client>(
            std::make_shared<core::messaging_client>(id, std::move(callbacks), options.client),
            listener, server));
    }
#if NETWORK_SYSTEM_WITH_TLS
    return std::unique_ptr<any_client>(
        std::make_unique<framed_client>(std::make_shared<core::secure_messaging_client>(
                                            id, options.tls, std::move(callbacks), options.client),
                                        listener, server));
#else
    return lacking(id, "this build has no TLS (BUILD_TLS_SUPPORT=OFF)");
#endif
}

#if NETWORK_SYSTEM_WITH_WEBSOCKET
class websocket_client final : public client_of<core::messaging_ws_client> {
public:
    websocket_client(std::shared_ptr<core::messaging_ws_client> client, any_client::listener& told,
                     core::ws_client_config config)
        : client_of(std::move(client), told), config_(std::move(config)) {}

    VoidResult start(start_callback&& handler, session::operation_id operation) override {
        return client()->start_client(config_, std::move(handler), operation);
    }
    VoidResult start_and_wait() override { return client()->start_client(config_); }
    [[nodiscard]] Result<session_ptr> session() const override {
        return client()->get_connection().map(
            [](const auto& connection) { return session_ptr(connection); });
    }
    [[nodiscard]] std::shared_ptr<core::messaging_ws_client> websocket() const override {
        return client();
    }

private:
    const core::ws_client_config config_;
};
#endif

Result<std::unique_ptr<any_client>> make_websocket(const std::string& id,
                                                   const server_address& server,
                                                   const connection_options& options,
                                                   any_client::listener& listener) {
#if NETWORK_SYSTEM_WITH_WEBSOCKET
    core::ws_client_config config = options.ws;
    config.host = server.host;
    config.port = server.port;
    if (options.kind == connection_kind::wss) {
        config.tls = options.tls;
    } else {
        config.tls.reset();
    }
    auto client = std::make_shared<core::messaging_ws_client>(
        id, callbacks_to<core::ws_client_callbacks>(listener));
    return std::unique_ptr<any_client>(
        std::make_unique<websocket_client>(std::move(client), listener, std::move(config)));
#else
    (void)server;
    (void)options;
    (void)listener;
    return lacking(id, "this build has no WebSocket (BUILD_WEBSOCKET_SUPPORT=OFF)");
#endif
}

[[nodiscard]] bool is_websocket(connection_kind kind) noexcept {
    return kind == connection_kind::ws || kind == connection_kind::wss;
}

}  // namespace

connection_options::connection_options() = default;

core::reconnect_options& reconnect_of(connection_options& options) noexcept {
    return is_websocket(options.kind) ? options.ws.reconnect : options.client.reconnect;
}

void set_auto_reconnect(connection_options& options, bool is_on) noexcept {
    options.ws.auto_reconnect = is_on;
    options.client.auto_reconnect = is_on;
}

Result<std::unique_ptr<any_client>> make_client(const std::string& id, const server_address& server,
                                                const connection_options& options,
                                                any_client::listener& listener) {
    return is_websocket(options.kind) ? make_websocket(id, server, options, listener)
                                      : make_framed(id, server, options, listener);
}

}  // namespace network_system::resilience
