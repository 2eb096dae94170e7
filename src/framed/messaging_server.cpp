#include "framed/server_engine.h"
#include "server/stream_server.h"
#include "utils/bytes.h"

#include <network_system/core/messaging_server.h>

#include <utility>

namespace network_system::inline v0_1::core {

class messaging_server::impl final : public stream_server<framed_server_engine, server_callbacks> {
public:
    impl(std::string id, server_callbacks&& callbacks, server_options&& options,
         std::shared_ptr<stream_security> security)
        : stream_server(std::move(id), std::move(callbacks)), options_(std::move(options)),
          security_(std::move(security)) {}
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;
    ~impl() { shut_down(); }

    template <typename Where>
    VoidResult start(Where&& where) {
        return stream_server::start(options_, security_.get(), std::forward<Where>(where),
                                    [this](auto pool, auto transports, const auto& callbacks) {
                                        return std::make_shared<framed_server_engine>(
                                            id(), options_, std::move(pool), std::move(transports),
                                            callbacks);
                                    });
    }

    [[nodiscard]] server_metrics metrics() const {
        const auto current = engine();
        server_metrics all = current ? current->metrics() : server_metrics{};
        if (security_) {
            all.tls = security_->metrics();
        }
        return all;
    }

private:
    const server_options options_;
    const std::shared_ptr<stream_security> security_;
};

messaging_server::messaging_server(std::string server_id, server_options options)
    : messaging_server(std::move(server_id), {}, std::move(options), nullptr) {}

messaging_server::messaging_server(std::string server_id, server_callbacks&& callbacks,
                                   server_options&& options,
                                   std::shared_ptr<stream_security> security)
    : impl_(std::make_unique<impl>(std::move(server_id), std::move(callbacks), std::move(options),
                                   std::move(security))) {}

messaging_server::~messaging_server() = default;

VoidResult messaging_server::start_server(std::uint16_t port) {
    return impl_->start(port);
}

VoidResult messaging_server::start_server(listener&& taken) {
    return impl_->start(std::move(taken));
}

VoidResult messaging_server::start_server(std::vector<listener>&& taken) {
    return impl_->start(std::move(taken));
}

Result<listener> messaging_server::share_listener() {
    return impl_->share_listener();
}

Result<std::vector<listener>> messaging_server::share_listeners() {
    return impl_->share_listeners();
}

discardable_result messaging_server::stop_accepting() {
    return impl_->stop_accepting();
}

discardable_result messaging_server::stop_server() {
    return impl_->stop();
}

VoidResult messaging_server::stop_server(session::stop_handler&& handler) {
    return impl_->stop(handler);
}

discardable_result messaging_server::wait_for_stop() {
    return impl_->wait_for_stop();
}

bool messaging_server::is_running() const noexcept {
    return impl_->running() != nullptr;
}

std::uint16_t messaging_server::local_port() const noexcept {
    const auto current = impl_->running();
    return current ? current->local_port() : std::uint16_t{0};
}

std::vector<endpoint> messaging_server::local_endpoints() const {
    const auto current = impl_->running();
    return current ? current->local_endpoints() : std::vector<endpoint>{};
}

const std::string& messaging_server::server_id() const noexcept {
    return impl_->id();
}

discardable_result messaging_server::set_accept_callback(accept_callback callback) {
    return impl_->set_callback(&server_callbacks::accept, callback);
}

discardable_result messaging_server::set_connection_callback(
    detail::session_callback<session_ptr> callback) {
    return impl_->set_callback(&server_callbacks::connected, callback);
}

discardable_result messaging_server::set_disconnection_callback(
    detail::end_callback<session_ptr> callback) {
    return impl_->set_callback(&server_callbacks::disconnected, callback);
}

discardable_result messaging_server::set_receive_callback(
    detail::data_callback<session_ptr> callback) {
    return impl_->set_callback(&server_callbacks::received, callback);
}

discardable_result messaging_server::set_request_callback(
    detail::request_callback<session_ptr> callback) {
    return impl_->set_callback(&server_callbacks::requested, callback);
}

discardable_result messaging_server::set_error_callback(
    detail::failure_callback<session_ptr> callback) {
    return impl_->set_callback(&server_callbacks::failed, callback);
}

discardable_result messaging_server::set_writable_callback(
    detail::session_callback<session_ptr> callback) {
    return impl_->set_callback(&server_callbacks::writable, callback);
}

Result<broadcast_result> messaging_server::broadcast(std::span<const std::uint8_t> data) {
    return impl_->while_running(
        [&](server_engine& engine) { return engine.broadcast(message_kind::binary, data); });
}

Result<broadcast_result> messaging_server::broadcast(std::string_view text) {
    return broadcast(bytes_of(text));
}

Result<broadcast_result> messaging_server::broadcast(std::initializer_list<std::uint8_t> data) {
    return broadcast(std::span<const std::uint8_t>(data.begin(), data.size()));
}

VoidResult messaging_server::subscribe(const session_ptr& session, std::string_view topic) {
    return impl_->while_running(
        [&](server_engine& engine) { return engine.subscribe(session, topic); });
}

discardable_result messaging_server::unsubscribe(const session_ptr& session,
                                                 std::string_view topic) {
    return impl_->while_running(
        [&](server_engine& engine) { return engine.unsubscribe(session, topic); });
}

Result<broadcast_result> messaging_server::publish(std::string_view topic,
                                                   std::span<const std::uint8_t> data,
                                                   const session_ptr& except) {
    return impl_->while_running([&](server_engine& engine) {
        return engine.publish(topic, message_kind::binary, data, except.get());
    });
}

Result<broadcast_result> messaging_server::publish(std::string_view topic, std::string_view text,
                                                   const session_ptr& except) {
    return publish(topic, bytes_of(text), except);
}

std::size_t messaging_server::subscriber_count(std::string_view topic) const {
    const auto current = impl_->running();
    return current ? current->subscriber_count(topic) : 0;
}

Result<messaging_server::session_ptr> messaging_server::get_session(
    std::string_view session_id) const {
    return impl_->while_running(
        [&](server_engine& engine) { return engine.sessions().find_session(session_id); });
}

std::vector<messaging_server::session_ptr> messaging_server::get_sessions() const {
    const auto current = impl_->running();
    return current ? current->sessions().all_sessions() : std::vector<session_ptr>{};
}

std::size_t messaging_server::session_count() const {
    const auto current = impl_->engine();
    return current ? current->sessions().session_count() : 0;
}

server_metrics messaging_server::metrics() const {
    return impl_->metrics();
}

session_manager_stats messaging_server::session_stats() const {
    const auto current = impl_->running();
    return current ? current->sessions().get_stats() : session_manager_stats{};
}

}  // namespace network_system::core
