#pragma once

#include "protocol/proxy/tunnel.h"
#include "runtime/connector.h"
#include "transport/stream_security.h"
#include "utils/option_checks.h"

#include <network_system/core/options.h>
#include <network_system/utils/result_types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::core {

/// What is wrong with the proxy among options, whatever the target.
void check_proxy(detail::option_checks& all, const proxy_options& proxy);

/// The proxy for a target, with its port, as `read_target` has it; null when the connection goes
/// straight there. Asks the environment if the options say so. Of options that passed the check.
/// Error: `invalid_argument` (no proxy reaches that target, or the environment's is wrong).
[[nodiscard]] Result<std::shared_ptr<const proxy_options>> proxy_for(const client_options& options,
                                                                     const std::string& host,
                                                                     std::uint16_t port,
                                                                     bool is_secure,
                                                                     std::string_view source);

/// What a proxy has to be asked for the target.
[[nodiscard]] Result<std::unique_ptr<protocol::tunnel_request>> ask_for_tunnel(
    const proxy_options& proxy, const std::string& host, std::uint16_t port);

/// The transports of connections to the target, if need be through the proxy: where that is spoken
/// to over TLS, they ask for the tunnel themselves.
[[nodiscard]] Result<transport::transport_factory> make_transports_by(
    const std::shared_ptr<const proxy_options>& proxy, std::shared_ptr<log_output> log,
    stream_security* security, const std::string& host, std::uint16_t port,
    std::string_view source);

/// A connection to the proxy that has failed: says that it is the proxy's.
[[nodiscard]] runtime::connect_outcome without_proxy(runtime::connect_outcome failed);

/// "the proxy host:3128", and nothing that is secret.
[[nodiscard]] std::string describe_proxy(const proxy_options& proxy);

}  // namespace network_system::core
