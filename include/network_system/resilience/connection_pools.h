#pragma once

#include <network_system/export.h>
#include <network_system/resilience/connection_pool.h>
#include <network_system/resilience/pool_options.h>
#include <network_system/utils/result_types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace network_system::inline v0_1::resilience {

/// What connection_pools keeps for each server, and for how long. Durations: see queue_limits.
struct pools_options {
    pools_options() { each.min_size = 0; }

    /// Of the pool of every server, but for `server`. Its `min_size` is 0 here by default.
    pool_options each = {};
    /// A server that nobody has asked for, and whose connections nobody has used, for so long is
    /// forgotten, a quarter of the time later at the latest: its pool is shut down. 0 = never.
    /// Default 5 min.
    std::chrono::milliseconds target_idle_timeout{300'000};
    /// Servers at a time. For one more the one that was asked for longest ago is forgotten that is
    /// not in use; if all are, it is refused. At least 1. Default 100.
    std::size_t max_targets = 100;
};

/// A connection_pool for each server that somebody asks for, and for as long as somebody does.
///
///     resilience::connection_pools pools;
///     auto connection = pools.acquire("a.example", 7000);
///
/// Thread-safety: every member may be called from any thread and from any callback.
///
/// Object lifetimes: those of connection_pool. Pools that were given out stay valid, and are shut
/// down with this.
class NETWORK_SYSTEM_EXPORT connection_pools {
public:
    using pool_ptr = std::shared_ptr<connection_pool>;

    explicit connection_pools(pools_options options = {}, pool_callbacks callbacks = {});
    connection_pools(const connection_pools&) = delete;
    connection_pools& operator=(const connection_pools&) = delete;
    ~connection_pools();

    /// The pool of a server, made at first use. It is not forgotten while it is kept, waited for or
    /// has leases out. Servers are told apart by the text of their host and their port.
    ///
    /// Errors: `invalid_argument` (the message names the option), `rate_limited` (`max_targets`),
    /// `connection_closed` (shut down), `not_supported` (a forked child), `connection_failed` (no
    /// I/O thread), `out_of_memory`.
    [[nodiscard]] Result<pool_ptr> get(std::string_view host, std::uint16_t port);
    /// The same, and a connection of it: see connection_pool::acquire.
    [[nodiscard]] Result<lease> acquire(std::string_view host, std::uint16_t port);

    /// See connection_pool::shutdown.
    discardable_result shutdown();

    /// Servers that are not forgotten.
    [[nodiscard]] std::size_t target_count() const;
    /// The sums over their pools.
    [[nodiscard]] pool_metrics metrics() const;

private:
    class impl;

    // Shared with the timer.
    const std::shared_ptr<impl> impl_;
};

}  // namespace network_system::resilience
