#include "datagram/engine.h"
#include "utils/contain.h"
#include "utils/failure.h"
#include "utils/late_callback.h"
#include "utils/process.h"

#include <network_system/internal/udp_socket.h>

#include <atomic>
#include <utility>

namespace network_system::inline v0_1::internal {
namespace {

constexpr const char* udp_source = "udp_socket";

}  // namespace

/// An engine of one channel, whose socket somebody else has opened.
class udp_socket::impl final : public core::datagram_engine {
public:
    impl(std::shared_ptr<runtime::io_pool> where,
         std::shared_ptr<core::datagram_callbacks> callbacks, const udp_socket_options& options)
        : datagram_engine(udp_source, std::move(where), callbacks, options),
          callbacks_(std::move(callbacks)) {}

    /// Apart from the constructor, because the channel refers to its host.
    void make_socket(runtime::unique_socket socket, const udp_socket_options& options) {
        session::datagram_setup setup;
        setup.config = options.datagrams;
        setup.config.receiving = receive_mode::callback;
        setup.drain_timeout = options.drain_timeout;
        setup.sources = make_source_memory(*pool().loops().front());
        local_ = runtime::sockets::local_endpoint(socket.get());
        channel_ = make_channel(pool().loops().front(), std::move(socket), setup,
                                options.readiness_method);
    }

    [[nodiscard]] const endpoint& bound_to() const noexcept { return local_; }
    [[nodiscard]] bool is_started() const noexcept { return is_started_; }

    VoidResult start() {
        return detail::within_memory([&]() -> VoidResult {
            if (is_stopping()) {
                return detail::failure(errc::connection_closed, "the socket was closed",
                                       udp_source);
            }
            if (is_started_.exchange(true)) {
                return detail::failure(errc::already_exists, "start_receive was called before",
                                       udp_source);
            }
            adopt({channel_});
            const auto& where = pool().loops().front();
            where->post([keep = shared_from_this(), this] { watch(channel_); });
            release_part(*where);
            return ok();
        });
    }

    /// No callback after it, if the calling thread may wait.
    void end() {
        abandon();
        if (may_block()) {
            gate()->wait_until_idle();
        }
        if (!is_started_) {
            channel_.reset();  // refers to this
        }
    }

    template <typename Assign>
    VoidResult set(const Assign& assign) {
        return detail::within_memory([&]() -> VoidResult {
            if (is_started_) {
                return detail::late_callback(udp_source, {},
                                             "callbacks are set before start_receive");
            }
            assign(*callbacks_);
            return ok();
        });
    }

private:
    [[nodiscard]] std::string_view component() const noexcept override { return udp_source; }
    [[nodiscard]] std::string_view object_id() const noexcept override { return {}; }

    const std::shared_ptr<core::datagram_callbacks> callbacks_;
    std::shared_ptr<session::datagram_channel> channel_;
    endpoint local_;
    std::atomic<bool> is_started_{false};
};

udp_socket::udp_socket(std::shared_ptr<impl> implementation) noexcept
    : impl_(std::move(implementation)) {}

udp_socket::~udp_socket() {
    if (impl_->is_left_behind()) {
        detail::keep_for_ever(std::move(impl_));
        return;
    }
    impl_->end();
}

VoidResult udp_socket::check(const udp_socket_options& options) {
    return detail::within_memory([&]() -> VoidResult {
        detail::option_checks all(udp_source);
        core::check_lifecycle(all, options);
        core::check_datagrams(all, options.datagrams);
        return std::move(all).result();
    });
}

Result<std::unique_ptr<udp_socket>> udp_socket::make(asio::io_context& context,
                                                     native_handle handle,
                                                     const udp_socket_options& options) {
    return detail::within_memory([&]() -> Result<std::unique_ptr<udp_socket>> {
        auto made = std::make_shared<impl>(
            std::make_shared<runtime::io_pool>(context, core::to_runtime(options.readiness_method)),
            std::make_shared<core::datagram_callbacks>(), options);
        made->make_socket(runtime::unique_socket(handle), options);
        return std::unique_ptr<udp_socket>(new udp_socket(std::move(made)));
    });
}

VoidResult udp_socket::assign_receive_callback(receive_callback callback) {
    return impl_->set([&](auto& all) { all.received = std::move(callback); });
}
discardable_result udp_socket::set_error_callback(error_callback callback) {
    return impl_->set([&](auto& all) { all.failed = std::move(callback); });
}
discardable_result udp_socket::set_writable_callback(writable_callback callback) {
    return impl_->set([&](auto& all) { all.writable = std::move(callback); });
}

VoidResult udp_socket::start_receive() {
    return impl_->start();
}

VoidResult udp_socket::async_send_to(std::span<const std::uint8_t> data, const endpoint& to,
                                     send_callback done) {
    return detail::within_memory([&] { return impl_->send(to, data, done); });
}

void udp_socket::close() {
    detail::insist([this] { impl_->begin_stop(); });
}

bool udp_socket::is_open() const noexcept {
    return impl_->is_running();
}
const endpoint& udp_socket::local_endpoint() const noexcept {
    return impl_->bound_to();
}
datagram_metrics udp_socket::metrics() const {
    return impl_->metrics();
}

}  // namespace network_system::internal
