#include "datagram/client_engine.h"
#include "lifecycle/addresses.h"
#include "lifecycle/facade.h"
#include "utils/text.h"

#include <network_system/core/messaging_udp_client.h>

#include <array>
#include <utility>

namespace network_system::core {

class messaging_udp_client::impl final : public facade<udp_client_engine, datagram_callbacks> {
public:
    using engine_ptr = std::shared_ptr<udp_client_engine>;

    impl(std::string id, udp_client_callbacks&& callbacks, udp_client_options&& options)
        : facade(std::move(id),
                 {std::move(callbacks.received),
                  std::move(callbacks.writable),
                  std::move(callbacks.failed),
                  {},
                  {}},
                 errc::connection_closed, false),
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
            const auto refusal = [this](const udp_client_engine&) {
                return detail::failure(errc::already_exists, "the client is already started", id());
            };
            return begin(refusal, [&](const auto& callbacks) -> Result<engine_ptr> {
                if (const auto chosen = choose_loop(); !chosen) {
                    return chosen.error();
                }
                auto next =
                    std::make_shared<udp_client_engine>(id(), options_, pool_, loop_, callbacks);
                next->set_owner(this);
                const auto begun = next->start(target.value(), port, handler, operation);
                return begun ? Result<engine_ptr>(std::move(next)) : begun.error();
            });
        });
    }

    VoidResult start_and_wait(std::string_view host, std::uint16_t port) {
        return detail::within_memory([&]() -> VoidResult {
            if (must_not_block()) {
                return detail::failure(errc::would_block,
                                       "start_client blocks; on an I/O thread pass a handler",
                                       id());
            }
            start_callback nobody;
            const auto begun = start(host, port, nobody, session::operation_id::none);
            if (!begun) {
                return begun.error();
            }
            if (auto result = begun.value()->wait_for_start(give_up_at())) {
                return *std::move(result);
            }
            begun.value()->abandon();
            forget(begun.value());
            return no_answer("start_client");
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
        return detail::within_memory([&]() -> VoidResult {
            if (must_not_block()) {
                return detail::failure(errc::would_block,
                                       "set_target blocks; on an I/O thread pass a handler", id());
            }
            const auto answer = std::make_shared<awaited<std::monostate>>();
            start_callback give = [answer](VoidResult result) { answer->give(std::move(result)); };
            if (auto begun = set_target(host, port, give); !begun) {
                return begun;
            }
            auto result = answer->wait_until(give_up_at());
            return result ? *std::move(result) : no_answer("set_target");
        });
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

    [[nodiscard]] bool must_not_block() {
        if (runtime::loop::is_on_io_thread()) {
            return true;
        }
        if (options_.io_context == nullptr) {
            return false;
        }
        const std::lock_guard lock(loop_mutex_);
        return find_loop().is_ok() && loop_->context_runs_here();
    }

    [[nodiscard]] detail::steady_time give_up_at() const {
        return life::give_up_after(options_.resolve_timeout);
    }
    [[nodiscard]] VoidResult no_answer(const char* what) const {
        return detail::failure(errc::connection_timeout,
                               std::string(what) +
                                   " had no answer within resolve_timeout; is the io_context "
                                   "running, and no callback blocking it",
                               id());
    }

    [[nodiscard]] VoidResult choose_loop() {
        const std::lock_guard lock(loop_mutex_);
        return find_loop();
    }
    /// Once and for all: the callbacks of two lives on two loops could overlap.
    [[nodiscard]] VoidResult find_loop() {
        if (pool_ && pool_->belongs_here()) {
            return ok();
        }
        auto made = make_pool(
            options_, [](auto method) { return runtime::io_pool::shared_for_clients(method); },
            errc::connection_failed, id());
        if (!made) {
            return made.error();
        }
        pool_ = std::move(made).value();
        loop_ = pool_->next_loop();
        return ok();
    }

    const udp_client_options options_;
    std::mutex loop_mutex_;
    std::shared_ptr<runtime::io_pool> pool_;
    std::shared_ptr<runtime::loop> loop_;
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
    const auto current = impl_->engine();
    return current && current->cancel(operation);
}

datagram_metrics messaging_udp_client::metrics() const {
    const auto current = impl_->engine();
    return current ? current->metrics() : datagram_metrics{};
}

}  // namespace network_system::core
