#include "client/proxy.h"

#include "lifecycle/addresses.h"
#include "protocol/proxy/http_connect.h"
#include "protocol/proxy/socks5.h"
#include "utils/failure.h"
#include "utils/host.h"

#include <network_system/config.h>

#include <fmt/format.h>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {
namespace {

constexpr std::uint16_t default_port_of(proxy_kind kind) noexcept {
    switch (kind) {
        case proxy_kind::http_connect: return 80;
        case proxy_kind::https_connect: return 443;
        default: return 1080;
    }
}

bool is_named(const proxy_options& proxy) noexcept {
    return proxy.kind != proxy_kind::none && proxy.kind != proxy_kind::from_environment;
}

/// Options that say something while there is no proxy that they could be about.
void check_unused(detail::option_checks& all, const proxy_options& proxy) {
    for (const auto& [name, is_empty] :
         {std::pair{"host", proxy.host.empty()}, std::pair{"port", proxy.port == 0},
          std::pair{"user", proxy.user.empty()}, std::pair{"password", proxy.password.empty()},
          std::pair{"headers", proxy.headers.empty()}, std::pair{"tls", proxy.tls == nullptr}}) {
        all.must(is_empty,
                 fmt::format("proxy.{} is given, but proxy.kind is {}", name,
                             proxy.kind == proxy_kind::none ? "none" : "from_environment"));
    }
}

void check_kind(detail::option_checks& all, const proxy_options& proxy) {
    all.must(proxy.headers.empty() || proxy.kind != proxy_kind::socks5h,
             "proxy.headers are for HTTP and HTTPS proxies, and proxy.kind is socks5h");
    all.must(proxy.tls == nullptr || proxy.kind == proxy_kind::https_connect,
             "proxy.tls is for HTTPS proxies, and proxy.kind is another one");
#if !NETWORK_SYSTEM_WITH_TLS
    if (proxy.kind == proxy_kind::https_connect) {
        all.must(VoidResult(detail::failure(
            errc::not_supported, "proxy.kind: this build has no TLS (BUILD_TLS_SUPPORT=OFF)", {})));
    }
#endif
}

/// A tunnel as a stream asks for it.
class requested_tunnel final : public transport::tunnel_opening {
public:
    explicit requested_tunnel(std::unique_ptr<protocol::tunnel_request> request)
        : request_(std::move(request)) {}

    std::vector<std::uint8_t> take_output() override { return request_->take_output(); }
    std::size_t consume(std::span<const std::uint8_t> data) override {
        return request_->consume(data);
    }
    status state() const noexcept override {
        switch (request_->state()) {
            case protocol::tunnel_request::status::open: return status::open;
            case protocol::tunnel_request::status::failed: return status::failed;
            default: return status::asking;
        }
    }
    errc code() const noexcept override { return request_->code(); }
    std::string text() const override { return request_->text(); }

private:
    const std::unique_ptr<protocol::tunnel_request> request_;
};

}  // namespace

void check_proxy(detail::option_checks& all, const proxy_options& proxy) {
    if (!is_named(proxy)) {
        check_unused(all, proxy);
        return;
    }
    const auto host = detail::host::parse(proxy.host);
    // Not repeated: it may be a whole URL, with its password.
    all.must(host && !host.value().is_path(),
             "proxy.host is neither a name nor a numeric address; parse_proxy takes URLs");
    check_kind(all, proxy);
    // The same for every target.
    all.must(ask_for_tunnel(proxy, "target", 1));
}

Result<std::shared_ptr<const proxy_options>> proxy_for(const client_options& options,
                                                       const std::string& host, std::uint16_t port,
                                                       bool is_secure, std::string_view source) {
    using answer = Result<std::shared_ptr<const proxy_options>>;
    auto found = options.proxy.kind == proxy_kind::from_environment
                     ? proxy_from_environment(host, port, is_secure)
                     : Result<proxy_options>(options.proxy);
    if (!found) {
        error_info wrong = found.error();
        wrong.source = source;
        return wrong;
    }
    proxy_options proxy = std::move(found).value();
    if (proxy.kind == proxy_kind::none) {
        return answer(nullptr);
    }
    detail::option_checks all(source);
    check_proxy(all, proxy);
    if (options.environment && proxy.kind == proxy_kind::https_connect) {
        all.must(VoidResult(
            detail::failure(errc::not_supported, "proxy: TLS does not run in a simulation", {})));
    }
    const auto target = detail::host::parse(host, source);
    all.must(target);
    all.must(!target || !target.value().is_path(),
             "proxy: a Unix domain socket is not reached through one");
    all.must(!target || target.value().zone().empty(),
             "proxy: the target has a zone, which means nothing to one");
    return std::move(all).result().map([&](const auto&) {
        proxy.host = detail::host::parse(proxy.host).value().text();
        proxy.port = proxy.port != 0 ? proxy.port : default_port_of(proxy.kind);
        return std::shared_ptr<const proxy_options>(
            std::make_shared<proxy_options>(std::move(proxy)));
    });
}

Result<std::unique_ptr<protocol::tunnel_request>> ask_for_tunnel(const proxy_options& proxy,
                                                                 const std::string& host,
                                                                 std::uint16_t port) {
    const protocol::proxy_credentials who{proxy.user, proxy.password};
    const auto as_request = [](auto request) {
        return std::unique_ptr<protocol::tunnel_request>(std::move(request));
    };
    if (proxy.kind != proxy_kind::socks5h) {
        return protocol::http_connect::to(describe_target(host, port), who, proxy.headers)
            .map(as_request);
    }
    const auto parsed = detail::host::parse(host);
    if (!parsed) {
        return parsed.error();
    }
    const std::string_view name = parsed.value().is_name() ? std::string_view(host) : "";
    return protocol::socks5_connect::to({name, parsed.value().address(), port}, who)
        .map(as_request);
}

Result<transport::transport_factory> make_transports_by(
    const std::shared_ptr<const proxy_options>& proxy, std::shared_ptr<log_output> log,
    stream_security* security, const std::string& host, std::uint16_t port,
    std::string_view source) {
    if (!proxy || proxy->kind != proxy_kind::https_connect) {
        return make_transports(security, host, port, source);
    }
    const auto config = over_http(proxy->tls ? *proxy->tls : tls_config{});
    return make_transports_through({*config, proxy->host, proxy->port,
                                    [proxy, host, port] {
                                        // Whether this can be asked was checked before the start.
                                        return std::make_unique<requested_tunnel>(
                                            ask_for_tunnel(*proxy, host, port).value());
                                    }},
                                   std::move(log), security, host, port, source);
}

runtime::connect_outcome without_proxy(runtime::connect_outcome failed) {
    if (failed.text.empty()) {
        failed.text =
            failed.cause ? failed.cause.message() : make_error_code(failed.code).message();
    }
    failed.text.insert(0, "the proxy cannot be reached: ");
    return failed;
}

std::string describe_proxy(const proxy_options& proxy) {
    return "the proxy " + describe_target(proxy.host, proxy.port);
}

}  // namespace network_system::core
