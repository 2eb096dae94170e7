#include "client/stream_client.h"
#include "framed/client_engine.h"
#include "utils/bytes.h"

#include <network_system/core/messaging_client.h>

#include <utility>

namespace network_system::inline v0_1::core {

class messaging_client::impl final : public stream_client<framed_client_engine, client_callbacks> {
public:
    impl(std::string id, client_callbacks&& callbacks, client_options&& options,
         std::shared_ptr<stream_security> security)
        : stream_client(std::move(id), std::move(callbacks)), options_(std::move(options)),
          security_(std::move(security)) {}
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;
    ~impl() { shut_down(); }

    [[nodiscard]] request to(std::string_view host, std::uint16_t port) const {
        return {options_, security_.get(), host, port};
    }
    [[nodiscard]] auto maker() const {
        return [this](auto pool, auto where, auto transports, auto slot, auto callbacks) {
            return std::make_shared<framed_client_engine>(id(), options_, std::move(pool),
                                                          std::move(where), std::move(transports),
                                                          std::move(slot), std::move(callbacks));
        };
    }

    VoidResult start_and_wait(std::string_view host, std::uint16_t port) {
        return stream_client::start_and_wait(to(host, port), maker());
    }
    VoidResult start(std::string_view host, std::uint16_t port, start_callback& handler,
                     session::operation_id operation) {
        return stream_client::start(to(host, port), maker(), handler, operation);
    }

    Result<std::vector<std::uint8_t>> request_and_wait(std::span<const std::uint8_t> data,
                                                       std::chrono::milliseconds timeout) {
        return detail::within_memory([&]() -> Result<std::vector<std::uint8_t>> {
            if (timeout < std::chrono::milliseconds{1}) {
                return detail::failure(errc::invalid_argument,
                                       "a request that blocks needs a timeout of at least 1 ms",
                                       id());
            }
            return ask_and_wait<std::vector<std::uint8_t>>(
                "request", &timeout, [&](session::messaging_session& current, auto handler) {
                    return current.request(data, timeout, std::move(handler));
                });
        });
    }

    [[nodiscard]] client_metrics metrics() const {
        client_metrics all = stream_client::metrics();
        if (security_) {
            all.tls = security_->metrics();
        }
        return all;
    }

private:
    const client_options options_;
    const std::shared_ptr<stream_security> security_;
};

messaging_client::messaging_client(std::string client_id, client_options options)
    : messaging_client(std::move(client_id), {}, std::move(options), nullptr) {}

messaging_client::messaging_client(std::string client_id, client_callbacks&& callbacks,
                                   client_options&& options,
                                   std::shared_ptr<stream_security> security)
    : impl_(std::make_unique<impl>(std::move(client_id), std::move(callbacks), std::move(options),
                                   std::move(security))) {}

messaging_client::~messaging_client() = default;

VoidResult messaging_client::start_client(std::string_view host, std::uint16_t port) {
    return impl_->start_and_wait(host, port);
}

VoidResult messaging_client::start_client(std::string_view host, std::uint16_t port,
                                          start_callback&& handler,
                                          session::operation_id operation) {
    return impl_->start(host, port, handler, operation);
}

bool messaging_client::cancel(session::operation_id operation) {
    return impl_->cancel(operation);
}

discardable_result messaging_client::stop_client() {
    return impl_->stop();
}

VoidResult messaging_client::stop_client(session::stop_handler&& handler) {
    return impl_->stop(handler);
}

discardable_result messaging_client::wait_for_stop() {
    return impl_->wait_for_stop();
}

VoidResult messaging_client::send_packet(std::vector<std::uint8_t>&& data,
                                         session::send_callback&& done) {
    return impl_->with_session(
        [&](auto& current) { return current.send_packet(std::move(data), std::move(done)); });
}

VoidResult messaging_client::send_packet(std::span<const std::uint8_t> data,
                                         session::send_callback&& done) {
    if (!done && impl_->send_short(session::message_kind::binary, data)) {
        return ok();
    }
    return impl_->with_session(
        [&](auto& current) { return current.send_packet(data, std::move(done)); });
}

VoidResult messaging_client::send_packet(std::string_view text, session::send_callback&& done) {
    return send_packet(bytes_of(text), std::move(done));
}

VoidResult messaging_client::send_packet(std::initializer_list<std::uint8_t> bytes,
                                         session::send_callback&& done) {
    return send_packet(std::span<const std::uint8_t>(bytes.begin(), bytes.size()), std::move(done));
}

VoidResult messaging_client::ping(ping_callback&& handler, session::operation_id operation) {
    return impl_->session().and_then(
        [&](const auto& current) { return current->ping(std::move(handler), operation); });
}

VoidResult messaging_client::send_request(std::span<const std::uint8_t> data,
                                          std::chrono::milliseconds timeout,
                                          session::response_handler handler,
                                          session::operation_id operation) {
    return impl_->session().and_then([&](const auto& current) {
        return current->request(data, timeout, std::move(handler), operation);
    });
}

Result<std::vector<std::uint8_t>> messaging_client::request(std::span<const std::uint8_t> data,
                                                            std::chrono::milliseconds timeout) {
    return impl_->request_and_wait(data, timeout);
}

Result<std::vector<std::uint8_t>> messaging_client::request(std::string_view text,
                                                            std::chrono::milliseconds timeout) {
    return request(std::span<const std::uint8_t>(reinterpret_cast<const std::uint8_t*>(text.data()),
                                                 text.size()),
                   timeout);
}

VoidResult messaging_client::receive_packet(session::receive_handler&& handler,
                                            session::operation_id operation) {
    return impl_->session().and_then([&](const auto& current) {
        return current->receive_packet(std::move(handler), operation);
    });
}

Result<std::chrono::microseconds> messaging_client::ping() {
    return impl_->ping_and_wait();
}

discardable_result messaging_client::pause_receiving() {
    return impl_->session().and_then(
        [](const auto& current) { return current->pause_receiving(); });
}

discardable_result messaging_client::resume_receiving() {
    return impl_->session().and_then(
        [](const auto& current) { return current->resume_receiving(); });
}

bool messaging_client::is_connected() const noexcept {
    return impl_->session().is_ok();
}

const std::string& messaging_client::client_id() const noexcept {
    return impl_->id();
}

endpoint messaging_client::local_endpoint() const {
    return impl_->local_endpoint();
}

endpoint messaging_client::remote_endpoint() const {
    return impl_->remote_endpoint();
}

Result<messaging_client::session_ptr> messaging_client::get_session() const {
    return impl_->session();
}

client_metrics messaging_client::metrics() const {
    return impl_->metrics();
}

discardable_result messaging_client::set_receive_callback(
    detail::data_callback<session_ptr> callback) {
    return impl_->set_callback(&client_callbacks::received, callback);
}

discardable_result messaging_client::set_connected_callback(
    detail::session_callback<session_ptr> callback) {
    return impl_->set_callback(&client_callbacks::connected, callback);
}

discardable_result messaging_client::set_disconnected_callback(
    detail::end_callback<session_ptr> callback) {
    return impl_->set_callback(&client_callbacks::disconnected, callback);
}

discardable_result messaging_client::set_request_callback(
    detail::request_callback<session_ptr> callback) {
    return impl_->set_callback(&client_callbacks::requested, callback);
}

discardable_result messaging_client::set_error_callback(
    detail::failure_callback<session_ptr> callback) {
    return impl_->set_callback(&client_callbacks::failed, callback);
}

discardable_result messaging_client::set_writable_callback(
    detail::session_callback<session_ptr> callback) {
    return impl_->set_callback(&client_callbacks::writable, callback);
}

discardable_result messaging_client::set_reconnecting_callback(
    detail::reconnecting_callback callback) {
    return impl_->set_callback(&client_callbacks::reconnecting, callback);
}

}  // namespace network_system::core
