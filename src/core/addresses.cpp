#include "core/addresses.h"

#include "core/engine.h"
#include "runtime/unix_socket.h"
#include "utils/failure.h"

#include <fmt/format.h>

namespace network_system::core {
namespace {

VoidResult wrong(std::string what, std::string_view source) {
    return detail::failure(errc::invalid_argument, std::move(what), source);
}

VoidResult check_unix(const endpoint& address, std::uint16_t port, std::string_view source) {
    if (port != 0) {
        return wrong(fmt::format("{} has no port {}; pass 0", address.to_string(), port), source);
    }
    return runtime::sockets::check_unix_path(address.path(), source);
}

}  // namespace

Result<endpoint> parse_bind_address(const std::string& text, std::uint16_t port,
                                    std::string_view source) {
    if (text.empty()) {
        return endpoint{endpoint::family::unspecified, {}, port};
    }
    auto parsed = runtime::sockets::parse_address(text, port);
    if (parsed.kind() == endpoint::family::unspecified) {
        return wrong(fmt::format("bind_address '{}' is no numeric address", text), source).error();
    }
    if (parsed.kind() == endpoint::family::unix_domain) {
        return check_unix(parsed, port, source).map([&](const auto&) { return parsed; });
    }
    return parsed;
}

VoidResult check_target(std::string_view host, std::uint16_t port, std::string_view source) {
    if (host.starts_with("unix:")) {
        return check_unix(runtime::sockets::parse_address(std::string(host), 0), port, source);
    }
    return port == 0 ? wrong("port 0 cannot be connected to", source) : ok();
}

VoidResult check_local_address(const client_options& options, std::string_view source) {
    const auto parsed = parse_bind_address(options.bind_address, options.bind_port, source);
    if (!parsed) {
        return parsed.error();
    }
    return parsed.value().kind() == endpoint::family::unix_domain
               ? wrong("a client's bind_address is a numeric address", source)
               : ok();
}

runtime::sockets::connect_settings connect_settings_of(const client_options& options) {
    return {to_runtime(options.socket),
            parse_bind_address(options.bind_address, options.bind_port, {}).value_or(endpoint{})};
}

std::string describe_target(const std::string& host, std::uint16_t port) {
    return port == 0 ? host : fmt::format("{}:{}", host, port);
}

}  // namespace network_system::core
