#pragma once

#include <network_system/utils/result_types.h>

#include <string_view>

namespace network_system::inline v0_1::detail {

/// What a setter answers that comes too late, which the log says too: its answer is often dropped.
/// Not under a lock.
[[nodiscard]] error_info late_callback(std::string_view component, std::string_view object,
                                       const char* rule);

}  // namespace network_system::detail
