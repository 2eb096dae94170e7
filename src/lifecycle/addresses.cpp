#include "lifecycle/addresses.h"

#include "lifecycle/options.h"
#include "os/unix_socket.h"
#include "utils/failure.h"
#include "utils/host.h"

#include <fmt/format.h>

namespace network_system::inline v0_1::core {
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
    const auto parsed = detail::host::parse(text, source, "bind_address");
    if (!parsed) {
        return parsed.error();
    }
    const detail::host& host = parsed.value();
    if (host.is_path()) {
        return check_unix(host.address(), port, source).map([&](const auto&) {
            return host.address();
        });
    }
    if (host.is_name()) {
        return wrong(fmt::format("the bind_address '{}' is no numeric address", text), source)
            .error();
    }
    const endpoint address = runtime::sockets::address_of(host, port);
    if (address.kind() == endpoint::family::unspecified) {
        return wrong(fmt::format("the bind_address '{}': there is no network interface '{}'", text,
                                 host.zone()),
                     source)
            .error();
    }
    return address;
}

Result<std::string> read_target(std::string_view host, std::uint16_t port,
                                std::string_view source) {
    const auto parsed = detail::host::parse(host, source);
    if (!parsed) {
        return parsed.error();
    }
    const detail::host& target = parsed.value();
    const VoidResult checked = target.is_path() ? check_unix(target.address(), port, source)
                               : port == 0      ? wrong("port 0 cannot be connected to", source)
                                                : ok();
    return checked.map([&](const auto&) { return target.text(); });
}

runtime::sockets::connect_settings connect_settings_of(const client_options& options) {
    return {to_runtime(options.socket),
            parse_bind_address(options.bind_address, options.bind_port, {}).value_or(endpoint{})};
}

std::string describe_target(const std::string& host, std::uint16_t port) {
    if (port == 0) {
        return host;
    }
    const auto parsed = detail::host::parse(host);
    return fmt::format("{}:{}", parsed ? parsed.value().bracketed() : host, port);
}

}  // namespace network_system::core
