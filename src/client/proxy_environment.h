#pragma once

#include <network_system/core/proxy_options.h>
#include <network_system/utils/result_types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::core {

/// The value of a variable; empty when there is none.
using variable_lookup = std::function<std::string(const char* name)>;

/// What `proxy_from_environment` answers in an environment.
[[nodiscard]] Result<proxy_options> proxy_in_environment(const variable_lookup& environment,
                                                         std::string_view host, std::uint16_t port,
                                                         bool is_secure);

}  // namespace network_system::core
