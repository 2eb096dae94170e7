#pragma once

#include <network_system/resilience/connection_pool.h>

namespace network_system::inline v0_1::core {

using resilience::connection_pool;

}  // namespace network_system::core
