#include "server/stream_server.h"
#include "utils/bytes.h"
#include "websocket/server_engine.h"
#include "websocket/settings.h"

#include <network_system/core/messaging_ws_server.h>

#include <mutex>
#include <optional>
#include <utility>

namespace network_system::inline v0_1::core {

class messaging_ws_server::impl final
    : public stream_server<ws_server_engine, ws_server_callbacks> {
public:
    impl(std::string id, ws_server_callbacks&& callbacks, ws_server_config&& config,
         std::optional<tls_config>&& tls)
        : stream_server(std::move(id), std::move(callbacks)),
          config_(with_tls(std::move(config), tls)), tls_(std::move(tls)) {}
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;
    ~impl() { shut_down(); }

    template <typename Where>
    VoidResult start(const ws_server_config& config, Where&& where) {
        if (tls_ && !config.tls) {
            return detail::within_memory(
                [&] { return start(with_tls(config, tls_), std::forward<Where>(where)); });
        }
        return detail::within_memory([&]() -> VoidResult {
            if (auto checked = validate(config, id()); checked.is_err()) {
                return checked;
            }
            const auto security = make_server_security(over_http(config.tls), config.log, id());
            if (!security) {
                return security.error();
            }
            auto started = stream_server::start(
                server_options_of(config), security.value().get(), std::forward<Where>(where),
                [&](auto pool, auto transports, const auto& callbacks) {
                    return std::make_shared<ws_server_engine>(id(), config, std::move(pool),
                                                              std::move(transports), callbacks);
                });
            if (started) {
                const std::lock_guard lock(security_mutex_);
                security_ = security.value();
            }
            return started;
        });
    }

    VoidResult reload_certificates() {
        return while_running([this](ws_server_engine&) -> VoidResult {
            const auto current = security();
            if (!current) {
                return detail::failure(errc::not_supported, "the server does not speak wss", id());
            }
            return current->reload(id());
        });
    }

    [[nodiscard]] ws_server_metrics metrics() const {
        if (is_left_behind()) {
            return {};
        }
        const auto current = engine();
        ws_server_metrics all = current ? current->ws_metrics() : ws_server_metrics{};
        if (const auto secured = security()) {
            all.tls = secured->metrics();
        }
        return all;
    }

    [[nodiscard]] Result<broadcast_result> broadcast(ws_message_type type,
                                                     std::span<const std::uint8_t> data) {
        return while_running(
            [&](ws_server_engine& engine) { return engine.broadcast(type, data); });
    }
    [[nodiscard]] Result<broadcast_result> publish(std::string_view topic, ws_message_type type,
                                                   std::span<const std::uint8_t> data,
                                                   const connection_ptr& except) {
        return while_running([&](ws_server_engine& engine) {
            return engine.publish(topic, type, data, except.get());
        });
    }

    /// What a start uses that is given none.
    [[nodiscard]] const ws_server_config& config() const noexcept { return config_; }

private:
    [[nodiscard]] std::shared_ptr<stream_security> security() const {
        const std::lock_guard lock(security_mutex_);
        return security_;
    }

    const ws_server_config config_;
    // For configurations that have none.
    const std::optional<tls_config> tls_;
    mutable std::mutex security_mutex_;
    // Of the last start; null for plain TCP.
    std::shared_ptr<stream_security> security_;
};

messaging_ws_server::messaging_ws_server(std::string server_id, ws_server_config config)
    : messaging_ws_server(std::move(server_id), std::move(config), {}, std::nullopt) {}

messaging_ws_server::messaging_ws_server(std::string server_id, ws_server_config&& config,
                                         ws_server_callbacks&& callbacks,
                                         std::optional<tls_config> tls)
    : impl_(std::make_unique<impl>(std::move(server_id), std::move(callbacks), std::move(config),
                                   std::move(tls))) {}

messaging_ws_server::~messaging_ws_server() = default;

VoidResult messaging_ws_server::start_server(const ws_server_config& config) {
    return impl_->start(config, config.port);
}

VoidResult messaging_ws_server::start_server(std::uint16_t port) {
    return impl_->start(impl_->config(), port);
}

VoidResult messaging_ws_server::start_server(std::uint16_t port, std::string_view path) {
    return detail::within_memory([&]() -> VoidResult {
        ws_server_config config = impl_->config();
        config.port = port;
        config.path = path;
        return start_server(config);
    });
}

VoidResult messaging_ws_server::start_server(const ws_server_config& config, listener&& taken) {
    return impl_->start(config, std::move(taken));
}

VoidResult messaging_ws_server::start_server(const ws_server_config& config,
                                             std::vector<listener>&& taken) {
    return impl_->start(config, std::move(taken));
}

VoidResult messaging_ws_server::start_server(listener&& taken) {
    return impl_->start(impl_->config(), std::move(taken));
}

VoidResult messaging_ws_server::start_server(std::vector<listener>&& taken) {
    return impl_->start(impl_->config(), std::move(taken));
}

Result<listener> messaging_ws_server::share_listener() {
    return impl_->share_listener();
}

Result<std::vector<listener>> messaging_ws_server::share_listeners() {
    return impl_->share_listeners();
}

discardable_result messaging_ws_server::stop_accepting() {
    return impl_->stop_accepting();
}

discardable_result messaging_ws_server::stop_server() {
    return impl_->stop();
}

VoidResult messaging_ws_server::stop_server(session::stop_handler&& handler) {
    return impl_->stop(handler);
}

discardable_result messaging_ws_server::wait_for_stop() {
    return impl_->wait_for_stop();
}

bool messaging_ws_server::is_running() const noexcept {
    return impl_->running() != nullptr;
}

std::uint16_t messaging_ws_server::local_port() const noexcept {
    const auto current = impl_->running();
    return current ? current->local_port() : std::uint16_t{0};
}

std::vector<endpoint> messaging_ws_server::local_endpoints() const {
    const auto current = impl_->running();
    return current ? current->local_endpoints() : std::vector<endpoint>{};
}

const std::string& messaging_ws_server::server_id() const noexcept {
    return impl_->id();
}

VoidResult messaging_ws_server::reload_certificates() {
    return impl_->reload_certificates();
}

discardable_result messaging_ws_server::set_accept_callback(accept_callback callback) {
    return impl_->set_callback(&ws_server_callbacks::accept, callback);
}

discardable_result messaging_ws_server::set_connection_callback(
    detail::session_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_server_callbacks::connected, callback);
}

discardable_result messaging_ws_server::set_disconnection_callback(
    detail::ws_end_callback callback) {
    return impl_->set_callback(&ws_server_callbacks::disconnected, callback);
}

discardable_result messaging_ws_server::set_message_callback(detail::ws_message_callback callback) {
    return impl_->set_callback(&ws_server_callbacks::message, callback);
}

discardable_result messaging_ws_server::set_text_message_callback(
    detail::text_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_server_callbacks::text, callback);
}

discardable_result messaging_ws_server::set_receive_callback(
    detail::data_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_server_callbacks::received, callback);
}

discardable_result messaging_ws_server::set_binary_message_callback(
    detail::data_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_server_callbacks::binary, callback);
}

discardable_result messaging_ws_server::set_ping_callback(
    detail::data_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_server_callbacks::pinged, callback);
}

discardable_result messaging_ws_server::set_error_callback(
    detail::failure_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_server_callbacks::failed, callback);
}

discardable_result messaging_ws_server::set_writable_callback(
    detail::session_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_server_callbacks::writable, callback);
}

discardable_result messaging_ws_server::set_handshake_callback(handshake_callback callback) {
    return impl_->set_callback(&ws_server_callbacks::handshake, callback);
}

discardable_result messaging_ws_server::set_http_callback(http_callback callback) {
    return impl_->set_callback(&ws_server_callbacks::http, callback);
}

Result<broadcast_result> messaging_ws_server::broadcast_text(std::string_view text) {
    return impl_->broadcast(ws_message_type::text, bytes_of(text));
}

Result<broadcast_result> messaging_ws_server::broadcast_binary(std::span<const std::uint8_t> data) {
    return impl_->broadcast(ws_message_type::binary, data);
}

Result<broadcast_result> messaging_ws_server::broadcast_binary(
    std::initializer_list<std::uint8_t> data) {
    return broadcast_binary(std::span<const std::uint8_t>(data.begin(), data.size()));
}

Result<broadcast_result> messaging_ws_server::broadcast(std::string_view text) {
    return broadcast_binary(bytes_of(text));
}

VoidResult messaging_ws_server::subscribe(const connection_ptr& connection,
                                          std::string_view topic) {
    return impl_->while_running(
        [&](ws_server_engine& engine) { return engine.subscribe(connection, topic); });
}

discardable_result messaging_ws_server::unsubscribe(const connection_ptr& connection,
                                                    std::string_view topic) {
    return impl_->while_running(
        [&](ws_server_engine& engine) { return engine.unsubscribe(connection, topic); });
}

Result<broadcast_result> messaging_ws_server::publish_text(std::string_view topic,
                                                           std::string_view text,
                                                           const connection_ptr& except) {
    return impl_->publish(topic, ws_message_type::text, bytes_of(text), except);
}

Result<broadcast_result> messaging_ws_server::publish_binary(std::string_view topic,
                                                             std::span<const std::uint8_t> data,
                                                             const connection_ptr& except) {
    return impl_->publish(topic, ws_message_type::binary, data, except);
}

Result<broadcast_result> messaging_ws_server::publish(std::string_view topic, std::string_view text,
                                                      const connection_ptr& except) {
    return publish_binary(topic, bytes_of(text), except);
}

std::size_t messaging_ws_server::subscriber_count(std::string_view topic) const {
    const auto current = impl_->running();
    return current ? current->subscriber_count(topic) : 0;
}

Result<messaging_ws_server::connection_ptr> messaging_ws_server::get_connection(
    std::string_view connection_id) const {
    return impl_->while_running([&](ws_server_engine& engine) {
        return engine.sessions().find_session(connection_id).map(as_connection);
    });
}

std::vector<messaging_ws_server::connection_ptr> messaging_ws_server::get_all_connections() const {
    std::vector<connection_ptr> all;
    if (const auto current = impl_->running()) {
        const auto sessions = current->sessions().snapshot();
        all.reserve(sessions->size());
        for (const auto& each : *sessions) {
            all.push_back(as_connection(each));
        }
    }
    return all;
}

std::size_t messaging_ws_server::connection_count() const {
    const auto current = impl_->engine();
    return current ? current->sessions().session_count() : 0;
}

ws_server_metrics messaging_ws_server::metrics() const {
    return impl_->metrics();
}

session_manager_stats messaging_ws_server::session_stats() const {
    const auto current = impl_->running();
    return current ? current->sessions().get_stats() : session_manager_stats{};
}

}  // namespace network_system::core
