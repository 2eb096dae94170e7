#pragma once

#include "resilience/pool_core.h"
#include "runtime/io_pool.h"
#include "runtime/loop.h"

#include <network_system/resilience/pool_options.h>
#include <network_system/utils/result_types.h>

#include <memory>

namespace network_system::inline v0_1::resilience {

/// Whether the options of a pool make sense, but for those of its clients, which say it when they
/// start.
[[nodiscard]] VoidResult validate(const pool_options& options);

/// Where connections are made, and handlers and timers run.
struct pool_place {
    std::shared_ptr<runtime::io_pool> pool;
    std::shared_ptr<runtime::loop> loop;
};
[[nodiscard]] Result<pool_place> choose_place(const connection_options& options);

/// A pool's world of clients: where the options say that they run.
[[nodiscard]] std::unique_ptr<pool_world> make_client_world(const pool_options& options,
                                                            pool_callbacks&& callbacks);

}  // namespace network_system::resilience
