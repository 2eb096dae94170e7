#pragma once

#include <network_system/internal/build_checks.h>

#include <cstdint>

namespace network_system::inline v0_1 {

/// Which side of a connection one is on: who has accepted it, or who has made it.
enum class connection_role : std::uint8_t { server, client };

}  // namespace network_system
