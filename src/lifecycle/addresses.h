#pragma once

#include "os/native_socket.h"

#include <network_system/core/options.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/result_types.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::core {

/// The addresses that users give as text. Errors: `invalid_argument`, and `not_supported` where
/// there are no Unix domain sockets.

/// Where a server listens; unspecified when `text` is empty.
[[nodiscard]] Result<endpoint> parse_bind_address(const std::string& text, std::uint16_t port,
                                                  std::string_view source);
/// What a client connects to, as `detail::host::text` has it. Names are not resolved.
[[nodiscard]] Result<std::string> read_target(std::string_view host, std::uint16_t port,
                                              std::string_view source);
/// Of options that passed the check.
[[nodiscard]] runtime::sockets::connect_settings connect_settings_of(const client_options& options);

/// "host:80", "[::1]:80" or "unix:/path".
[[nodiscard]] std::string describe_target(const std::string& host, std::uint16_t port);

}  // namespace network_system::core
