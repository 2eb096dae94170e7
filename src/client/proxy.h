#pragma once

#include "protocol/proxy/tunnel.h"
#include "runtime/connector.h"
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
[[nodiscard]] Result<std::shared_ptr<const proxy_options>> proxy_for(const proxy_options& options,
                                                                     const std::string& host,
                                                                     std::uint16_t port,
                                                                     bool is_secure,
                                                                     std::string_view source);

/// What a proxy has to be asked for the target.
[[nodiscard]] Result<std::unique_ptr<protocol::tunnel_request>> ask_for_tunnel(
    const proxy_options& proxy, const std::string& host, std::uint16_t port);

/// A connection to the proxy that has failed: says that it is the proxy's.
[[nodiscard]] runtime::connect_outcome without_proxy(runtime::connect_outcome failed);

/// "the proxy host:3128", and nothing that is secret.
[[nodiscard]] std::string describe_proxy(const proxy_options& proxy);

}  // namespace network_system::core
