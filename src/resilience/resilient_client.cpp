#include "resilience/resilient_core.h"
#include "utils/bytes.h"

#include <network_system/resilience/resilient_client.h>

#include <utility>

namespace network_system::inline v0_1::resilience {
namespace {

resilient_client_options options_for(std::string&& host, std::uint16_t port, unsigned max_retries,
                                     std::chrono::milliseconds initial_backoff) {
    resilient_client_options options;
    options.endpoints.push_back({std::move(host), port});
    core::reconnect_options& reconnect = options.connection.client.reconnect;
    reconnect.max_attempts = max_retries;
    reconnect.initial_delay = initial_backoff;
    reconnect.max_delay = std::max(reconnect.max_delay, initial_backoff);
    return options;
}

}  // namespace

resilient_client::resilient_client(std::string client_id, std::string host, std::uint16_t port,
                                   unsigned max_retries, std::chrono::milliseconds initial_backoff)
    : resilient_client(std::move(client_id),
                       options_for(std::move(host), port, max_retries, initial_backoff)) {}

resilient_client::resilient_client(std::string client_id, resilient_client_options options)
    : core_(std::make_shared<resilient_core>(std::move(client_id), std::move(options))) {}

resilient_client::~resilient_client() {
    (void)core_->disconnect();
    core_->release_later();
}

VoidResult resilient_client::connect() {
    return core_->connect_and_wait();
}

VoidResult resilient_client::connect(connect_callback&& handler, session::operation_id operation) {
    return core_->connect(handler, operation);
}

VoidResult resilient_client::flush(std::chrono::milliseconds timeout) {
    return core_->flush_and_wait(timeout);
}

discardable_result resilient_client::disconnect() {
    return core_->disconnect();
}

VoidResult resilient_client::disconnect(session::stop_handler&& handler) {
    return core_->disconnect(handler);
}

VoidResult resilient_client::send_with_retry(std::vector<std::uint8_t>&& data,
                                             session::send_callback&& done) {
    return core_->send(data, done);
}

VoidResult resilient_client::send_with_retry(std::span<const std::uint8_t> data,
                                             session::send_callback&& done) {
    return core_->send(data, done);
}

VoidResult resilient_client::send_with_retry(std::string_view text, session::send_callback&& done) {
    return core_->send(bytes_of(text), done);
}

VoidResult resilient_client::send_with_retry(std::initializer_list<std::uint8_t> bytes,
                                             session::send_callback&& done) {
    return core_->send(std::span<const std::uint8_t>(bytes.begin(), bytes.size()), done);
}

bool resilient_client::is_connected() const noexcept {
    return core_->is_connected();
}

const std::string& resilient_client::client_id() const noexcept {
    return core_->id();
}

Result<resilient_client::session_ptr> resilient_client::get_session() const {
    return core_->session();
}

std::shared_ptr<core::messaging_client> resilient_client::get_client() const {
    return core_->framed();
}

std::shared_ptr<core::messaging_ws_client> resilient_client::get_ws_client() const {
    return core_->websocket();
}

circuit_state resilient_client::circuit() const noexcept {
    return core_->circuit();
}

resilient_metrics resilient_client::metrics() const {
    return core_->metrics();
}

discardable_result resilient_client::set_receive_callback(
    detail::data_callback<session_ptr> callback) {
    return core_->set_receive_callback(callback);
}

discardable_result resilient_client::set_setup(ready_callback callback) {
    return core_->set_callback(&resilient_core::callbacks::setup, callback);
}

discardable_result resilient_client::set_reconnect_callback(
    detail::reconnecting_callback callback) {
    return core_->set_callback(&resilient_core::callbacks::reconnecting, callback);
}

discardable_result resilient_client::set_disconnect_callback(
    detail::end_callback<session_ptr> callback) {
    return core_->set_callback(&resilient_core::callbacks::disconnected, callback);
}

discardable_result resilient_client::set_error_callback(
    detail::failure_callback<session_ptr> callback) {
    return core_->set_callback(&resilient_core::callbacks::failed, callback);
}

discardable_result resilient_client::set_circuit_callback(circuit_callback callback) {
    return core_->set_callback(&resilient_core::callbacks::circuit, callback);
}

}  // namespace network_system::resilience
