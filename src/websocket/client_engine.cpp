#include "websocket/client_engine.h"

#include "client/proxy.h"
#include "utils/log.h"

#include <utility>

namespace network_system::inline v0_1::core {

ws_client_engine::ws_client_engine(const std::string& name, const ws_client_config& config,
                                   std::shared_ptr<runtime::io_pool> pool,
                                   std::shared_ptr<runtime::loop> where,
                                   transport::transport_factory transports,
                                   std::shared_ptr<session_slot> connected,
                                   std::shared_ptr<const ws_client_callbacks> callbacks,
                                   Result<std::shared_ptr<stream_security>> elsewhere)
    : ws_engine_of(session_settings_of(config), std::move(callbacks), name,
                   client_options_of(config), std::move(pool), std::move(where),
                   std::move(transports), std::move(connected)),
      reconnection_(config.reconnect), redirection_(settings(), std::move(elsewhere)) {}

void ws_client_engine::notify_connected(const session_ptr& who) {
    tell_connected(who);
}

void ws_client_engine::notify_error(const session_ptr& who, std::error_code reason) {
    if (who == nullptr) {
        callbacks().failed(nullptr, reason);
    } else {
        tell_failed(who, reason);
    }
}

void ws_client_engine::notify_disconnected(const session_ptr& who, std::error_code reason) {
    tell_disconnected(who, reason);
}

void ws_client_engine::notify_reconnecting(const reconnect_attempt& next) {
    callbacks().reconnecting(next);
}

void ws_client_engine::notify_ended(std::error_code reason) {
    callbacks().ended(reason);
}

reconnect_advice ws_client_engine::reconnect_advice_after(const ending& how) {
    const auto* const ended =
        how.who != nullptr ? &session::websocket_session::of(*how.who) : nullptr;
    const auto answer = ended != nullptr ? ended->rejection() : nullptr;
    if (answer && !how.was_open) {
        return reconnection_.after_failure(answer.get());
    }
    const auto advice = client_engine::reconnect_advice_after(how);
    return how.was_open && !advice.is_final ? reconnection_.after_close(ended->close_code())
                                            : advice;
}

bool ws_client_engine::is_sent_on(const session_ptr& who) const {
    return session::websocket_session::of(*who).redirected().has_value();
}

Result<ws_client_engine::attempt_target> ws_client_engine::next_target(const session_ptr& who) {
    const auto to = session::websocket_session::of(*who).redirected().value_or(websocket::url{});
    if (const auto followed = redirection_.follow(to, name_); !followed) {
        return followed.error();
    }
    detail::log_limited(detail::log_kind::connecting, writer(), "redirected to {}",
                        websocket::describe(to));
    use_settings(redirection_.present());
    attempt_target next{to.host, to.port, own_transports(), own_proxy(), redirection_.way()};
    if (!redirection_.is_elsewhere()) {
        return next;
    }
    auto proxy = proxy_for(options(), to.host, to.port, to.is_secure, name_);
    if (!proxy) {
        return proxy.error();
    }
    next.proxy = std::move(proxy).value();
    return redirection_.transports(next.proxy, options().log, name_).map([&](auto transports) {
        next.transports = std::move(transports);
        return next;
    });
}

void ws_client_engine::forget_targets() {
    redirection_.reset();
    use_settings(redirection_.present());
}

std::shared_ptr<const ws_rejection> ws_client_engine::rejection() const {
    const auto last = session();
    return last ? session::websocket_session::of(*last->session()).rejection() : nullptr;
}

}  // namespace network_system::core
