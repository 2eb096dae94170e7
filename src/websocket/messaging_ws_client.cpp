#include "client/stream_client.h"
#include "utils/bytes.h"
#include "websocket/client_engine.h"
#include "websocket/settings.h"

#include <network_system/core/messaging_ws_client.h>
#include <network_system/core/ws_session_manager.h>

#include <mutex>
#include <optional>
#include <utility>

namespace network_system::inline v0_1::core {

class messaging_ws_client::impl final
    : public stream_client<ws_client_engine, ws_client_callbacks> {
public:
    impl(std::string id, ws_client_callbacks&& callbacks, ws_client_config&& config,
         std::optional<tls_config>&& tls)
        : stream_client(std::move(id), std::move(callbacks)),
          config_(with_tls(std::move(config), tls)), tls_(std::move(tls)) {}
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;
    ~impl() { shut_down(); }

    VoidResult start_and_wait(const ws_client_config& config) {
        return with_request(config, [&](const request& what, const auto& make) {
            return stream_client::start_and_wait(what, make);
        });
    }
    VoidResult start(const ws_client_config& config, messaging_ws_client::start_callback& handler,
                     session::operation_id operation) {
        return with_request(config, [&](const request& what, const auto& make) {
            return stream_client::start(what, make, handler, operation);
        });
    }

    /// What a start uses that is given none.
    [[nodiscard]] const ws_client_config& config() const noexcept { return config_; }
    /// That configuration for this target, in what `start(config)` answers.
    template <typename Start>
    VoidResult start_at(std::string_view host, std::uint16_t port, const Start& start) {
        return detail::within_memory([&]() -> VoidResult {
            ws_client_config config = config_;
            config.host = host;
            config.port = port;
            return start(config);
        });
    }
    /// The same for a URL.
    template <typename Start>
    VoidResult start_url(std::string_view text, const Start& start) {
        return detail::within_memory([&]() -> VoidResult {
            auto config = config_of(text, config_, id());
            return config ? start(config.value()) : config.error();
        });
    }

    [[nodiscard]] Result<connection_ptr> connection() const { return session().map(as_connection); }
    /// What `use(connection)` answers, or that there is none.
    template <typename Use>
    [[nodiscard]] VoidResult with_connection(const Use& use) const {
        return with_session([&](session::messaging_session& current) {
            return use(static_cast<session::ws_connection&>(current));
        });
    }

    [[nodiscard]] client_metrics metrics() const {
        if (is_left_behind()) {
            return {};
        }
        client_metrics all = stream_client::metrics();
        const std::lock_guard lock(security_mutex_);
        if (security_) {
            all.tls = security_->metrics();
        }
        return all;
    }

private:
    /// What `begin(request, make)` answers for a configuration that is right.
    template <typename Begin>
    VoidResult with_request(const ws_client_config& config, const Begin& begin) {
        if (tls_ && !config.tls) {
            return detail::within_memory(
                [&] { return with_request(with_tls(config, tls_), begin); });
        }
        return detail::within_memory([&]() -> VoidResult {
            if (auto checked = validate(config, id()); checked.is_err()) {
                return checked;
            }
            const auto security = make_client_security(over_http(config.tls), config.log, id());
            if (!security) {
                return security.error();
            }
            const auto make = [&](auto pool, auto where, auto transports, auto slot,
                                  auto callbacks) {
                const std::lock_guard lock(security_mutex_);
                security_ = security.value();
                return std::make_shared<ws_client_engine>(id(), config, std::move(pool),
                                                          std::move(where), std::move(transports),
                                                          std::move(slot), std::move(callbacks));
            };
            const client_options options = client_options_of(config);
            return begin(request{options, security.value().get(), config.host, config.port}, make);
        });
    }

    const ws_client_config config_;
    // For configurations that have none.
    const std::optional<tls_config> tls_;
    mutable std::mutex security_mutex_;
    // Of the last start; null for plain TCP.
    std::shared_ptr<stream_security> security_;
};

messaging_ws_client::messaging_ws_client(std::string client_id, ws_client_config config)
    : messaging_ws_client(std::move(client_id), std::move(config), {}, std::nullopt) {}

messaging_ws_client::messaging_ws_client(std::string client_id, ws_client_config&& config,
                                         ws_client_callbacks&& callbacks,
                                         std::optional<tls_config> tls)
    : impl_(std::make_unique<impl>(std::move(client_id), std::move(callbacks), std::move(config),
                                   std::move(tls))) {}

messaging_ws_client::~messaging_ws_client() = default;

VoidResult messaging_ws_client::start_client(const ws_client_config& config) {
    return impl_->start_and_wait(config);
}

VoidResult messaging_ws_client::start_client(const ws_client_config& config,
                                             start_callback&& handler,
                                             session::operation_id operation) {
    return impl_->start(config, handler, operation);
}

VoidResult messaging_ws_client::start_client(std::string_view host, std::uint16_t port) {
    return impl_->start_at(host, port, [this](const auto& config) { return start_client(config); });
}

VoidResult messaging_ws_client::start_client(std::string_view host, std::uint16_t port,
                                             std::string_view path) {
    return impl_->start_at(host, port, [&](auto& config) {
        config.path = path;
        return start_client(config);
    });
}

VoidResult messaging_ws_client::start_at(std::string_view host, std::uint16_t port,
                                         start_callback& handler, session::operation_id operation) {
    return impl_->start_at(
        host, port, [&](const auto& config) { return impl_->start(config, handler, operation); });
}

VoidResult messaging_ws_client::start_url(std::string_view url) {
    return impl_->start_url(url, [this](const auto& config) { return start_client(config); });
}

VoidResult messaging_ws_client::start_url(std::string_view url, start_callback& handler,
                                          session::operation_id operation) {
    return impl_->start_url(
        url, [&](const auto& config) { return impl_->start(config, handler, operation); });
}

bool messaging_ws_client::cancel(session::operation_id operation) {
    return impl_->cancel(operation);
}

discardable_result messaging_ws_client::stop_client() {
    return impl_->stop();
}

VoidResult messaging_ws_client::stop_client(session::stop_handler&& handler) {
    return impl_->stop(handler);
}

discardable_result messaging_ws_client::wait_for_stop() {
    return impl_->wait_for_stop();
}

discardable_result messaging_ws_client::close(ws_close_code code, std::string_view reason) {
    return impl_->with_connection([&](auto& current) { return current.close(code, reason); });
}

VoidResult messaging_ws_client::send_text(std::string_view text, session::send_callback&& done) {
    return detail::within_memory([&]() -> VoidResult {
        if (!done && impl_->send_short(ws_message_type::text, bytes_of(text))) {
            return ok();
        }
        return impl_->with_connection(
            [&](auto& current) { return current.send_text(text, std::move(done)); });
    });
}

VoidResult messaging_ws_client::send_binary(std::vector<std::uint8_t>&& data,
                                            session::send_callback&& done) {
    return impl_->with_connection(
        [&](auto& current) { return current.send_binary(std::move(data), std::move(done)); });
}

VoidResult messaging_ws_client::send_binary(std::span<const std::uint8_t> data,
                                            session::send_callback&& done) {
    return detail::within_memory([&]() -> VoidResult {
        if (!done && impl_->send_short(ws_message_type::binary, data)) {
            return ok();
        }
        return impl_->with_connection(
            [&](auto& current) { return current.send_binary(data, std::move(done)); });
    });
}

VoidResult messaging_ws_client::send_binary(std::initializer_list<std::uint8_t> data,
                                            session::send_callback&& done) {
    return send_binary(std::span<const std::uint8_t>(data.begin(), data.size()), std::move(done));
}

VoidResult messaging_ws_client::send_packet(std::string_view text, session::send_callback&& done) {
    return send_binary(bytes_of(text), std::move(done));
}

VoidResult messaging_ws_client::send_ping(std::span<const std::uint8_t> payload) {
    return impl_->with_connection([&](auto& current) { return current.send_ping(payload); });
}

VoidResult messaging_ws_client::send_pong(std::span<const std::uint8_t> payload) {
    return impl_->with_connection([&](auto& current) { return current.send_pong(payload); });
}

VoidResult messaging_ws_client::ping(session::ping_handler&& handler,
                                     session::operation_id operation) {
    return impl_->with_connection(
        [&](auto& current) { return current.ping(std::move(handler), operation); });
}

Result<std::chrono::microseconds> messaging_ws_client::ping() {
    return impl_->ping_and_wait();
}

VoidResult messaging_ws_client::receive_message(session::ws_receive_handler&& handler,
                                                session::operation_id operation) {
    return impl_->with_connection(
        [&](auto& current) { return current.receive_message(std::move(handler), operation); });
}

VoidResult messaging_ws_client::receive_packet(session::receive_handler&& handler,
                                               session::operation_id operation) {
    return impl_->with_connection(
        [&](auto& current) { return current.receive_packet(std::move(handler), operation); });
}

discardable_result messaging_ws_client::pause_receiving() {
    return impl_->with_connection([](auto& current) { return current.pause_receiving(); });
}

discardable_result messaging_ws_client::resume_receiving() {
    return impl_->with_connection([](auto& current) { return current.resume_receiving(); });
}

bool messaging_ws_client::is_connected() const noexcept {
    return impl_->session().is_ok();
}

const std::string& messaging_ws_client::client_id() const noexcept {
    return impl_->id();
}

Result<messaging_ws_client::connection_ptr> messaging_ws_client::get_connection() const {
    return impl_->connection();
}

endpoint messaging_ws_client::local_endpoint() const {
    return impl_->local_endpoint();
}

endpoint messaging_ws_client::remote_endpoint() const {
    return impl_->remote_endpoint();
}

std::shared_ptr<const ws_rejection> messaging_ws_client::rejection() const {
    const auto engine = impl_->engine();
    return engine ? engine->rejection() : nullptr;
}

client_metrics messaging_ws_client::metrics() const {
    return impl_->metrics();
}

discardable_result messaging_ws_client::set_connected_callback(
    detail::session_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_client_callbacks::connected, callback);
}

discardable_result messaging_ws_client::set_disconnected_callback(
    detail::ws_end_callback callback) {
    return impl_->set_callback(&ws_client_callbacks::disconnected, callback);
}

discardable_result messaging_ws_client::set_message_callback(detail::ws_message_callback callback) {
    return impl_->set_callback(&ws_client_callbacks::message, callback);
}

discardable_result messaging_ws_client::set_text_message_callback(
    detail::text_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_client_callbacks::text, callback);
}

discardable_result messaging_ws_client::set_receive_callback(
    detail::data_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_client_callbacks::received, callback);
}

discardable_result messaging_ws_client::set_binary_message_callback(
    detail::data_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_client_callbacks::binary, callback);
}

discardable_result messaging_ws_client::set_ping_callback(
    detail::data_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_client_callbacks::pinged, callback);
}

discardable_result messaging_ws_client::set_error_callback(
    detail::failure_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_client_callbacks::failed, callback);
}

discardable_result messaging_ws_client::set_writable_callback(
    detail::session_callback<connection_ptr> callback) {
    return impl_->set_callback(&ws_client_callbacks::writable, callback);
}

discardable_result messaging_ws_client::set_reconnecting_callback(
    detail::reconnecting_callback callback) {
    return impl_->set_callback(&ws_client_callbacks::reconnecting, callback);
}

}  // namespace network_system::core
