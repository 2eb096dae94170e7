#include "framed/tcp_socket_impl.h"
#include "transport/plain_transport.h"

#include <utility>

namespace network_system::inline v0_1::internal {
tcp_socket::tcp_socket(std::shared_ptr<impl> implementation) noexcept
    : impl_(std::move(implementation)) {}

tcp_socket::~tcp_socket() {
    impl_->abandon();
}

VoidResult tcp_socket::check(const tcp_socket_options& options) {
    return detail::within_memory([&]() -> VoidResult {
        detail::option_checks all(impl::source);
        core::check_lifecycle(all, options);
        core::check_session(all, options.limits, "limits.");
        return std::move(all).result();
    });
}

std::shared_ptr<tcp_socket::impl> tcp_socket::make_impl(asio::io_context& context,
                                                        native_handle handle,
                                                        const tcp_socket_options& options,
                                                        const stream_kind& kind) {
    const auto where = runtime::loop::of(context, core::to_runtime(options.readiness_method));
    auto made = std::make_shared<impl>(options.log);
    made->make_session(where, runtime::unique_socket(handle), options, kind);
    return made;
}

Result<std::unique_ptr<tcp_socket>> tcp_socket::make(asio::io_context& context,
                                                     native_handle handle,
                                                     const tcp_socket_options& options) {
    return std::unique_ptr<tcp_socket>(
        new tcp_socket(make_impl(context, handle, options, {transport::make_plain_transport})));
}

VoidResult tcp_socket::assign_receive_callback(receive_callback callback) {
    return impl_->set(impl_->received, std::move(callback));
}
discardable_result tcp_socket::set_closed_callback(closed_callback callback) {
    return impl_->set(impl_->closed, std::move(callback));
}
discardable_result tcp_socket::set_writable_callback(writable_callback callback) {
    return impl_->set(impl_->writable, std::move(callback));
}

VoidResult tcp_socket::start_read() {
    return impl_->start();
}

VoidResult tcp_socket::async_send(std::vector<std::uint8_t>&& data, send_callback done) {
    return impl_->is_started() ? impl_->session().send_packet(std::move(data), std::move(done))
                               : impl_->not_started();
}
VoidResult tcp_socket::async_send(std::span<const std::uint8_t> data, send_callback done) {
    return impl_->is_started() ? impl_->session().send_packet(data, std::move(done))
                               : impl_->not_started();
}

discardable_result tcp_socket::pause_receiving() {
    return impl_->is_started() ? impl_->session().pause_receiving() : impl_->not_started();
}
discardable_result tcp_socket::resume_receiving() {
    return impl_->is_started() ? impl_->session().resume_receiving() : impl_->not_started();
}

void tcp_socket::close() {
    impl_->close();
}

bool tcp_socket::is_open() const noexcept {
    return impl_->is_started() && !impl_->session().is_stopped();
}
const endpoint& tcp_socket::remote_endpoint() const noexcept {
    return impl_->session().remote_endpoint();
}
const endpoint& tcp_socket::local_endpoint() const noexcept {
    return impl_->session().local_endpoint();
}
std::size_t tcp_socket::queued_bytes() const noexcept {
    return impl_->session().queued_bytes();
}
Result<tls_info> tcp_socket::tls() const {
    return impl_->session().tls();
}
session::session_metrics tcp_socket::metrics() const noexcept {
    return impl_->session().metrics();
}

}  // namespace network_system::internal
