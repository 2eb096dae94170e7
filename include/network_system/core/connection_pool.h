#pragma once

#include <network_system/resilience/connection_pool.h>
#include <network_system/resilience/connection_pools.h>

namespace network_system::inline v0_1::core {

using resilience::connection_pool;
using resilience::connection_pools;
using resilience::lease;
using resilience::pool_options;

}  // namespace network_system::core
