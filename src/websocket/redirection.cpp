#include "websocket/redirection.h"

#include "client/proxy.h"
#include "lifecycle/addresses.h"
#include "protocol/websocket/redirect.h"

#include <fmt/format.h>

#include <utility>

namespace network_system::inline v0_1::core {

Result<std::shared_ptr<stream_security>> make_security_elsewhere(const ws_client_config& config,
                                                                 std::string_view source) {
    if (config.max_redirects == 0) {
        return std::shared_ptr<stream_security>();
    }
    auto tls = over_http(config.tls ? config.tls : tls_config());
    tls->identity = {};
    tls->identities_by_name.clear();
    tls->server_name.clear();
    return make_client_security(tls, config.log, source);
}

VoidResult ws_redirection::follow(const websocket::url& to, std::string_view source) {
    if (const auto named = read_target(to.host, to.port, source); !named) {
        return named.error();
    }
    is_elsewhere_ = is_elsewhere_ || !websocket::is_same_origin(first_->at, to);
    auto next = std::make_shared<session::websocket_settings>(*first_);
    next->at = to;
    next->asks.target = to.target;
    next->redirects.followed = present_->redirects.followed + 1;
    if (is_elsewhere_) {
        next->asks.host = websocket::host_header(to.host, to.port, to.is_secure);
        next->asks.headers.clear();
        next->asks.subprotocols.clear();
    }
    present_ = std::move(next);
    return ok();
}

Result<transport::transport_factory> ws_redirection::transports(
    const std::shared_ptr<const proxy_options>& proxy, std::shared_ptr<log_output> log,
    std::string_view source) const {
    const auto& at = present_->at;
    if (!at.is_secure) {
        return make_transports_by(proxy, std::move(log), nullptr, at.host, at.port, source);
    }
    return elsewhere_.and_then([&](const auto& security) -> Result<transport::transport_factory> {
        return make_transports_by(proxy, std::move(log), security.get(), at.host, at.port, source);
    });
}

std::string ws_redirection::way() const {
    const unsigned count = present_->redirects.followed;
    return fmt::format("after {} redirect{}, at {}", count, count == 1 ? "" : "s",
                       websocket::describe(present_->at));
}

}  // namespace network_system::core
