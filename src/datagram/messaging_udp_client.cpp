#include "client/restartable_client.h"
#include "datagram/client_engine.h"
#include "lifecycle/addresses.h"
#include "utils/bytes.h"

#include <network_system/core/messaging_udp_client.h>

#include <array>
#include <utility>

namespace network_system::inline v0_1::core {

class messaging_udp_client::impl final
    : public restartable_client<udp_client_engine, datagram_callbacks> {
public:
    impl(std::string id, udp_client_callbacks&& callbacks, udp_client_options&& options)
        : restartable_client(std::move(id),
                             {std::move(callbacks.received),
                              std::move(callbacks.writable),
                              std::move(callbacks.failed),
                              {},
                              {}},
                             run::driven_by::own_threads),
          options_(std::move(options)) {}
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;
    ~impl() { shut_down(); }

    Result<engine_ptr> start(std::string_view host, std::uint16_t port, start_callback& handler,
                             session::operation_id operation) {
        return detail::within_memory([&]() -> Result<engine_ptr> {
            const auto target = check(host, port);
            if (!target) {
                return target.error();
            }
            const auto refusal = [this](const udp_client_engine&) { return already_started(); };
            return begin(
                refusal, [&](const auto& callbacks, const engine_ptr&) -> Result<engine_ptr> {
                    const auto where = choose_loop(options_);
                    if (!where) {
                        return where.error();
                    }
                    auto next = std::make_shared<udp_client_engine>(
                        id(), options_, where.value().pool, where.value().loop, callbacks);
                    next->set_owner(this);
                    const auto begun = next->start(target.value(), port, handler, operation);
                    return begun ? Result<engine_ptr>(std::move(next)) : begun.error();
                });
        });
    }

    VoidResult start_and_wait(std::string_view host, std::uint16_t port) {
        return restartable_client::start_and_wait(options_, patience(), [&] {
            start_callback nobody;
            return start(host, port, nobody, session::operation_id::none);
        });
    }

    VoidResult set_target(std::string_view host, std::uint16_t port, start_callback& handler) {
        return detail::within_memory([&]() -> VoidResult {
            const auto target = check(host, port);
            if (!target) {
                return target.error();
            }
            return while_running([&](udp_client_engine& engine) {
                engine.set_target(target.value(), port, std::move(handler));
                return ok();
            });
        });
    }

    VoidResult set_target_and_wait(std::string_view host, std::uint16_t port) {
        return begin_and_wait<std::monostate>(
            "set_target", options_, patience(),
            [&](start_callback handler) { return set_target(host, port, handler); });
    }

    /// As while_running, and without its cost inside a callback of this object.
    template <typename Use>
    auto while_here(const Use& use) const {
        auto* const here = datagram_engine::inside_callback_of<udp_client_engine>(this);
        return here != nullptr && !is_left_behind() ? use(*here) : while_running(use);
    }

private:
    /// The target, if it and the options make sense.
    [[nodiscard]] Result<std::string> check(std::string_view host, std::uint16_t port) const {
        if (host.starts_with("unix:")) {
            return detail::failure(errc::not_supported, "datagrams to a Unix domain socket", id());
        }
        auto target = read_target(host, port, id());
        const auto options = target ? check_options() : VoidResult(target.error());
        return options ? target : options.error();
    }

    [[nodiscard]] VoidResult check_options() const {
        static constexpr std::array client_ranges{
            detail::range<&udp_client_options::resolve_timeout>("resolve_timeout", 1)};
        detail::option_checks all(id());
        check_bind(all, options_);
        check_lifecycle(all, options_);
        all.ranges(options_, client_ranges);
        check_datagrams(all, options_.datagrams);
        return std::move(all).result();
    }

    [[nodiscard]] time_limit patience() const {
        return {options_.resolve_timeout, " (resolve_timeout)"};
    }

    const udp_client_options options_;
};

messaging_udp_client::messaging_udp_client(std::string client_id, udp_client_options options)
    : messaging_udp_client(std::move(client_id), std::move(options), udp_client_callbacks{}) {}

messaging_udp_client::messaging_udp_client(std::string client_id, udp_client_options&& options,
                                           udp_client_callbacks&& callbacks)
    : impl_(
          std::make_unique<impl>(std::move(client_id), std::move(callbacks), std::move(options))) {}

messaging_udp_client::~messaging_udp_client() = default;

VoidResult messaging_udp_client::start_client(std::string_view host, std::uint16_t port) {
    return impl_->start_and_wait(host, port);
}

VoidResult messaging_udp_client::start_client(std::string_view host, std::uint16_t port,
                                              start_callback&& handler,
                                              session::operation_id operation) {
    return impl_->start(host, port, handler, operation).map([](const auto&) {
        return std::monostate{};
    });
}

VoidResult messaging_udp_client::set_target(std::string_view host, std::uint16_t port) {
    return impl_->set_target_and_wait(host, port);
}

VoidResult messaging_udp_client::set_target(std::string_view host, std::uint16_t port,
                                            start_callback&& handler) {
    return impl_->set_target(host, port, handler);
}

discardable_result messaging_udp_client::stop_client() {
    return impl_->stop();
}

VoidResult messaging_udp_client::stop_client(session::stop_handler&& handler) {
    return impl_->stop(handler);
}

discardable_result messaging_udp_client::wait_for_stop() {
    return impl_->wait_for_stop();
}

bool messaging_udp_client::is_running() const noexcept {
    return impl_->running() != nullptr;
}

endpoint messaging_udp_client::local_endpoint() const {
    const auto current = impl_->running();
    return current ? current->local() : endpoint{};
}

endpoint messaging_udp_client::remote_endpoint() const {
    const auto current = impl_->running();
    return current ? current->target() : endpoint{};
}

const std::string& messaging_udp_client::client_id() const noexcept {
    return impl_->id();
}

discardable_result messaging_udp_client::set_receive_callback(detail::datagram_callback callback) {
    return impl_->set_callback(&datagram_callbacks::received, callback);
}

discardable_result messaging_udp_client::set_error_callback(detail::error_callback callback) {
    return impl_->set_callback(&datagram_callbacks::failed, callback);
}

discardable_result messaging_udp_client::set_writable_callback(detail::signal_callback callback) {
    return impl_->set_callback(&datagram_callbacks::writable, callback);
}

VoidResult messaging_udp_client::send_packet(std::span<const std::uint8_t> data,
                                             send_callback&& done) {
    return impl_->while_here(
        [&](udp_client_engine& engine) { return engine.send({}, data, done); });
}

VoidResult messaging_udp_client::send_packet(std::string_view text, send_callback&& done) {
    return send_packet(bytes_of(text), std::move(done));
}

VoidResult messaging_udp_client::send_packet(std::initializer_list<std::uint8_t> data,
                                             send_callback&& done) {
    return send_packet(std::span<const std::uint8_t>(data.begin(), data.size()), std::move(done));
}

VoidResult messaging_udp_client::receive_packet(receive_handler&& handler,
                                                session::operation_id operation) {
    return impl_->while_running(
        [&](udp_client_engine& engine) { return engine.receive(std::move(handler), operation); });
}

bool messaging_udp_client::cancel(session::operation_id operation) {
    return impl_->cancel(operation);
}

datagram_metrics messaging_udp_client::metrics() const {
    const auto current = impl_->engine();
    return current ? current->metrics() : datagram_metrics{};
}

}  // namespace network_system::core
