#pragma once

#include "websocket/session_settings.h"

#include <network_system/core/ws_options.h>
#include <network_system/session/ws_message.h>
#include <network_system/utils/result_types.h>

#include <memory>
#include <optional>
#include <string_view>

namespace network_system::inline v0_1::core {

// What the configurations of WebSocket servers and clients say, in the words of the engines and
// sessions.

[[nodiscard]] server_options server_options_of(const ws_server_config& config);
[[nodiscard]] client_options client_options_of(const ws_client_config& config);

[[nodiscard]] std::shared_ptr<const session::websocket_settings> session_settings_of(
    const ws_server_config& config);
/// What the client asks for is in it.
[[nodiscard]] std::shared_ptr<const session::websocket_settings> session_settings_of(
    const ws_client_config& config);

/// What is wrong with the configuration, beyond what the options it stands for are checked for.
/// Error: `invalid_argument`.
[[nodiscard]] VoidResult validate(const ws_server_config& config, std::string_view source);
[[nodiscard]] VoidResult validate(const ws_client_config& config, std::string_view source);

/// The configuration for what a URL names, over `base`. Error: `invalid_argument`.
[[nodiscard]] Result<ws_client_config> config_of(std::string_view url, const ws_client_config& base,
                                                 std::string_view source);

/// The configuration with `tls`, if it has none and that is given.
template <typename Config>
[[nodiscard]] Config with_tls(Config config, const std::optional<tls_config>& tls) {
    if (!config.tls) {
        config.tls = tls;
    }
    return config;
}

}  // namespace network_system::core
