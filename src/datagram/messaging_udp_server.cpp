#include "datagram/server_engine.h"
#include "lifecycle/io_threads.h"
#include "lifecycle/restartable.h"
#include "utils/bytes.h"

#include <network_system/core/messaging_udp_server.h>

#include <utility>

namespace network_system::inline v0_1::core {

class messaging_udp_server::impl final : public restartable<udp_server_engine, datagram_callbacks> {
public:
    impl(std::string id, udp_server_callbacks&& callbacks, udp_server_options&& options)
        : restartable(std::move(id), std::move(callbacks),
                      {errc::server_not_started, /*owns_pool=*/true, run::driven_by::own_threads}),
          options_(std::move(options)) {}
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;
    ~impl() { shut_down(); }

    VoidResult start(std::uint16_t port) {
        return detail::within_memory([&]() -> VoidResult {
            if (auto checked = check(); checked.is_err()) {
                return checked;
            }
            const auto refusal = [this](const udp_server_engine& last) {
                return detail::failure(errc::server_already_running,
                                       last.is_running() ? "the server is receiving"
                                                         : "the server is still stopping",
                                       id());
            };
            return begin(refusal,
                         [&](const auto& callbacks, const auto&) { return make(port, callbacks); })
                .map([](const auto&) { return std::monostate{}; });
        });
    }

    /// As while_running, and without its cost inside a callback of this object.
    template <typename Use>
    auto while_here(const Use& use) const {
        auto* const here = datagram_engine::inside_callback_of<udp_server_engine>(this);
        return here != nullptr && !is_left_behind() ? use(*here) : while_running(use);
    }

private:
    using engine_ptr = std::shared_ptr<udp_server_engine>;

    [[nodiscard]] VoidResult check() const {
        detail::option_checks all(id());
        check_lifecycle(all, options_);
        check_io_threads(all, options_.io_threads, options_.io_thread, options_);
        const bool has_several = options_.io_context == nullptr && options_.io_threads > 1;
        all.must(!has_several || options_.reuse_port,
                 "io_threads above 1 need reuse_port: each has a socket of its own");
        all.must(!has_several || options_.datagrams.receiving != receive_mode::pull,
                 "receive_mode::pull needs one I/O thread");
        check_datagrams(all, options_.datagrams);
        check_peers(all, options_.peers);
        return std::move(all).result();
    }

    [[nodiscard]] Result<engine_ptr> make(std::uint16_t port,
                                          std::shared_ptr<const datagram_callbacks> callbacks) {
        auto pool = make_server_pool(options_, options_.io_threads, options_.io_thread, id());
        if (!pool) {
            return pool.error();
        }
        auto next = std::make_shared<udp_server_engine>(id(), options_, std::move(pool).value(),
                                                        std::move(callbacks));
        next->set_owner(this);
        const auto started = next->start(port);
        return started ? Result<engine_ptr>(std::move(next)) : started.error();
    }

    const udp_server_options options_;
};

messaging_udp_server::messaging_udp_server(std::string server_id, udp_server_options options)
    : messaging_udp_server(std::move(server_id), std::move(options), udp_server_callbacks{}) {}

messaging_udp_server::messaging_udp_server(std::string server_id, udp_server_options&& options,
                                           udp_server_callbacks&& callbacks)
    : impl_(
          std::make_unique<impl>(std::move(server_id), std::move(callbacks), std::move(options))) {}

messaging_udp_server::~messaging_udp_server() = default;

VoidResult messaging_udp_server::start_server(std::uint16_t port) {
    return impl_->start(port);
}

discardable_result messaging_udp_server::stop_server() {
    return impl_->stop();
}

VoidResult messaging_udp_server::stop_server(session::stop_handler&& handler) {
    return impl_->stop(handler);
}

discardable_result messaging_udp_server::wait_for_stop() {
    return impl_->wait_for_stop();
}

bool messaging_udp_server::is_running() const noexcept {
    return impl_->running() != nullptr;
}

std::uint16_t messaging_udp_server::local_port() const noexcept {
    return local_endpoint().port();
}

endpoint messaging_udp_server::local_endpoint() const {
    const auto current = impl_->running();
    return current ? current->local() : endpoint{};
}

const std::string& messaging_udp_server::server_id() const noexcept {
    return impl_->id();
}

discardable_result messaging_udp_server::set_receive_callback(detail::datagram_callback callback) {
    return impl_->set_callback(&datagram_callbacks::received, callback);
}

discardable_result messaging_udp_server::set_error_callback(detail::error_callback callback) {
    return impl_->set_callback(&datagram_callbacks::failed, callback);
}

discardable_result messaging_udp_server::set_writable_callback(detail::signal_callback callback) {
    return impl_->set_callback(&datagram_callbacks::writable, callback);
}

discardable_result messaging_udp_server::set_new_peer_callback(detail::peer_callback callback) {
    return impl_->set_callback(&datagram_callbacks::new_peer, callback);
}

discardable_result messaging_udp_server::set_peer_expired_callback(detail::peer_callback callback) {
    return impl_->set_callback(&datagram_callbacks::peer_expired, callback);
}

VoidResult messaging_udp_server::send_to(std::span<const std::uint8_t> data, const endpoint& to,
                                         send_callback&& done) {
    return detail::within_memory([&]() -> VoidResult {
        if (to.kind() == endpoint::family::unspecified) {
            return detail::failure(errc::invalid_argument, "a datagram needs an address",
                                   impl_->id());
        }
        return impl_->while_here(
            [&](udp_server_engine& engine) { return engine.send(to, data, done); });
    });
}

VoidResult messaging_udp_server::send_to(std::string_view text, const endpoint& to,
                                         send_callback&& done) {
    return send_to(bytes_of(text), to, std::move(done));
}

VoidResult messaging_udp_server::send_to(std::initializer_list<std::uint8_t> data,
                                         const endpoint& to, send_callback&& done) {
    return send_to(std::span<const std::uint8_t>(data.begin(), data.size()), to, std::move(done));
}

VoidResult messaging_udp_server::receive_from(receive_handler&& handler,
                                              session::operation_id operation) {
    return impl_->while_running(
        [&](udp_server_engine& engine) { return engine.receive(std::move(handler), operation); });
}

bool messaging_udp_server::cancel(session::operation_id operation) {
    const auto current = impl_->engine();
    return current && current->cancel(operation);
}

datagram_metrics messaging_udp_server::metrics() const {
    const auto current = impl_->engine();
    return current ? current->metrics() : datagram_metrics{};
}

}  // namespace network_system::core
