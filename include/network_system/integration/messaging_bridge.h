#pragma once

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/core/metrics.h>
#include <network_system/export.h>
#include <network_system/integration/container_integration.h>
#include <network_system/integration/thread_integration.h>
#include <network_system/utils/result_types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace network_system::inline v0_1::integration {

/// What the servers and clients of a bridge have counted, those that are gone included.
struct bridge_metrics {
    /// There now.
    std::size_t servers = 0;
    std::size_t clients = 0;
    /// Their sums.
    core::server_metrics of_servers = {};
    core::client_metrics of_clients = {};

    [[nodiscard]] std::uint64_t messages_sent() const noexcept {
        return of_servers.totals.messages_sent + of_clients.totals.messages_sent;
    }
    [[nodiscard]] std::uint64_t messages_received() const noexcept {
        return of_servers.totals.messages_received + of_clients.totals.messages_received;
    }
    [[nodiscard]] std::uint64_t bytes_sent() const noexcept {
        return of_servers.totals.bytes_sent + of_clients.totals.bytes_sent;
    }
    [[nodiscard]] std::uint64_t bytes_received() const noexcept {
        return of_servers.totals.bytes_received + of_clients.totals.bytes_received;
    }
    /// Of servers.
    [[nodiscard]] std::size_t connections_active() const noexcept {
        return of_servers.connections_active;
    }
};

/// What programs written for messaging_system make their servers and clients with: they share a
/// thread pool for their callbacks and a container for values, and are counted together.
///
/// Thread-safety: every member may be called from any thread.
///
/// Object lifetimes: servers and clients may outlive the bridge.
class NETWORK_SYSTEM_EXPORT messaging_bridge {
public:
    messaging_bridge();
    messaging_bridge(const messaging_bridge&) = delete;
    messaging_bridge& operator=(const messaging_bridge&) = delete;
    ~messaging_bridge();

    /// Never null. With a pool of the bridge it becomes `options.callback_pool`, unless that is
    /// set.
    [[nodiscard]] std::shared_ptr<core::messaging_server> create_server(
        const std::string& server_id, core::server_options options = {});
    [[nodiscard]] std::shared_ptr<core::messaging_client> create_client(
        const std::string& client_id, core::client_options options = {});

    /// Of the servers and clients that are made from now on. Null = callbacks run on the I/O
    /// threads (default).
    void set_thread_pool(std::shared_ptr<thread_pool_interface> pool);
    [[nodiscard]] std::shared_ptr<thread_pool_interface> get_thread_pool() const;

    /// For `send_value` and `on_value`. Null = the default of `container_manager` (default).
    void set_container(container_ptr container);
    /// Null when there is none at all.
    [[nodiscard]] container_ptr get_container() const;

    /// Since the bridge was made, or the last `reset_metrics`.
    [[nodiscard]] bridge_metrics get_metrics() const;
    /// Counts from 0 again; what is open or waits now is still told.
    void reset_metrics();

    /// Whether servers and clients can be made: always, but in a child of fork() that has the
    /// bridge of its parent.
    [[nodiscard]] bool is_initialized() const noexcept;

private:
    class impl;

    std::shared_ptr<impl> impl_;
};

}  // namespace network_system::integration
