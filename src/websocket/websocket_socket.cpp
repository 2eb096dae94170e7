#include "lifecycle/options.h"
#include "session/adopted_session.h"
#include "transport/stream_security.h"
#include "utils/host.h"
#include "websocket/host.h"
#include "websocket/session.h"

#include <network_system/internal/websocket_socket.h>

#include <array>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::internal {
namespace {

constexpr const char* websocket_source = "websocket_socket";

}  // namespace

class websocket_socket::impl final : public adopted_session, public session::websocket_host {
public:
    explicit impl(std::shared_ptr<log_output> log)
        : adopted_session(websocket_source, std::move(log)) {}

    void make_session(const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
                      const websocket::client_handshake* asks,
                      const websocket_socket_options& options, const stream_kind& kind) {
        auto setup = setup_of(socket, options.limits, options.drain_timeout);
        setup.role = asks != nullptr ? connection_role::client : connection_role::server;
        setup.handshake_deadline = runtime::after(where->clock(), options.handshake_timeout);
        auto settings = std::make_shared<session::websocket_settings>();
        settings->limits = options.handshake_limits;
        if (asks != nullptr) {
            settings->asks = *asks;
        }
        connection = std::make_shared<session::websocket_session>(
            kind.make_transport(where, std::move(socket)), shared_from_this(), *this, setup,
            std::move(settings));
        own(connection);
    }

    std::shared_ptr<session::websocket_session> connection;
    handshake_callback handshake;
    http_callback requested;
    open_callback opened;
    message_callback received;

private:
    void on_handshake(const session::session_ptr&, const ws_request& request,
                      ws_handshake_answer& answer) override {
        if (handshake) {
            handshake(request, answer);
        }
    }
    void on_http_request(const session::session_ptr&, const ws_request& request,
                         http_response& answer) override {
        if (requested) {
            requested(request, answer);
        }
    }
    void on_open(const session::session_ptr&) override {
        if (opened) {
            opened();
        }
    }
    void on_message(const session::session_ptr& who, session::message_kind kind,
                    std::span<const std::uint8_t> data) override {
        if (received) {
            received({kind, data});
        } else {
            record_unread(who);
        }
    }
    void on_ws_message(const session::session_ptr& who, const session::ws_connection_ptr&,
                       session::message_kind kind, std::span<const std::uint8_t> data) override {
        impl::on_message(who, kind, data);
    }
};

websocket_socket::websocket_socket(std::shared_ptr<impl> implementation) noexcept
    : impl_(std::move(implementation)) {}

websocket_socket::~websocket_socket() {
    impl_->abandon();
    impl_->connection.reset();  // refers to its host
}

VoidResult websocket_socket::check(const websocket::client_handshake* asks,
                                   const websocket_socket_options& options) {
    return detail::within_memory([&]() -> VoidResult {
        static constexpr std::array ranges{
            detail::range<&websocket_socket_options::handshake_timeout>("handshake_timeout", 1)};
        detail::option_checks all(websocket_source);
        all.ranges(options, ranges);
        core::check_lifecycle(all, options);
        if (asks != nullptr) {
            all.must(websocket::encode_request(*asks, {}));
        }
        core::check_session(all, options.limits, "limits.");
        return std::move(all).result();
    });
}

Result<stream_kind_ptr> websocket_socket::prepare(const websocket::client_handshake* asks,
                                                  const websocket_socket_options& options) {
    return detail::within_memory([&]() -> Result<stream_kind_ptr> {
        if (const auto checked = check(asks, options); !checked) {
            return checked.error();
        }
        const auto tls = core::over_http(options.tls);
        const auto security = asks != nullptr
                                  ? core::make_client_security(tls, options.log, websocket_source)
                                  : core::make_server_security(tls, options.log, websocket_source);
        return security.and_then([asks](const auto& over) -> Result<stream_kind_ptr> {
            if (asks == nullptr) {
                return kind_of(core::make_transports(over.get(), {}, 0, websocket_source));
            }
            const auto host =
                detail::host::parse_authority(asks->host, websocket_source, "Host field");
            if (!host) {
                return host.error();
            }
            return kind_of(
                core::make_transports(over.get(), host.value().text(), 0, websocket_source));
        });
    });
}

std::unique_ptr<websocket_socket> websocket_socket::make(
    asio::io_context& context, asio::ip::tcp::socket::native_handle_type handle,
    const websocket::client_handshake* asks, const websocket_socket_options& options,
    const stream_kind& kind) {
    auto made = std::make_shared<impl>(options.log);
    made->make_session(runtime::loop::of(context, core::to_runtime(options.readiness_method)),
                       runtime::unique_socket(handle), asks, options, kind);
    return std::unique_ptr<websocket_socket>(new websocket_socket(std::move(made)));
}

discardable_result websocket_socket::set_handshake_callback(handshake_callback callback) {
    return impl_->set(impl_->handshake, std::move(callback));
}
discardable_result websocket_socket::set_http_callback(http_callback callback) {
    return impl_->set(impl_->requested, std::move(callback));
}
discardable_result websocket_socket::set_open_callback(open_callback callback) {
    return impl_->set(impl_->opened, std::move(callback));
}
discardable_result websocket_socket::set_message_callback(message_callback callback) {
    return impl_->set(impl_->received, std::move(callback));
}
discardable_result websocket_socket::set_closed_callback(closed_callback callback) {
    return impl_->set(impl_->closed, std::move(callback));
}
discardable_result websocket_socket::set_writable_callback(writable_callback callback) {
    return impl_->set(impl_->writable, std::move(callback));
}

VoidResult websocket_socket::start() {
    return impl_->start();
}

session::ws_connection& websocket_socket::connection() const noexcept {
    return *impl_->connection;
}

void websocket_socket::close() {
    impl_->close();
}

}  // namespace network_system::internal
