#pragma once

#include <network_system/export.h>
#include <network_system/utils/result_types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace network_system::inline v0_1::core {

/// On which CPUs the I/O threads of a pool run.
enum class cpu_placement : std::uint8_t {
    /// Where the operating system puts them.
    none,
    /// The first thread on the first of `io_thread_options::cpus` only, the second on the second,
    /// and so on; after the last CPU from the first again.
    cpus,
    /// The first thread on the CPUs of the first NUMA node only, the second on those of the second,
    /// and so on, in turn: of the nodes that /sys tells, those with CPUs that the process may use.
    /// A machine that tells none is one node.
    numa_nodes,
};

/// The threads that the library makes for a pool of its own. In each, all signals are blocked but
/// those that a fault of its own raises (see docs/PROCESS.md). The memory of its loop is allocated
/// by the thread itself, after it has been placed.
struct io_thread_options {
    /// What debuggers and `top -H` call them, with a number behind it: "chat-0". Of a long name the
    /// beginning is kept, on Linux 15 bytes with the number. Empty = "net-io", of clients
    /// "net-client" (default).
    std::string name = {};

    /// Default `none`. With another one a start fails with `not_supported` where threads cannot be
    /// placed (anywhere but on Linux and Windows), and with `invalid_argument` when the process may
    /// not use one of `cpus` (its affinity mask, or its cpuset).
    cpu_placement placement = cpu_placement::none;

    /// Numbers of CPUs, as in /proc/cpuinfo: for `cpu_placement::cpus`, which needs at least one;
    /// else empty.
    std::vector<unsigned> cpus = {};

    /// Runs on each thread before its loop does, with its number in the pool, counted from 0. The
    /// start waits for it; what it throws makes the start fail with `internal_error`. Blocking
    /// calls of the library answer `would_block` here.
    std::function<void(std::size_t thread)> on_start = {};
    /// Runs on each thread after its loop, whenever `on_start` has returned there; every callback
    /// has run. What it throws is logged.
    std::function<void(std::size_t thread)> on_stop = {};
};

/// The I/O threads that all clients of the process share.
struct client_thread_options : io_thread_options {
    /// How many, 1 … 256. Default 2, so that one client's long callback does not hold up every
    /// other client of the process.
    std::size_t io_threads = 2;
};

/// Sets how the I/O threads of clients are made: from the next client on that starts while there
/// are none. They end with the last client that uses them. Clients with an `io_context` do not.
///
/// Errors: `already_exists` (they are running), `invalid_argument`, `not_supported`. Thread-safe.
[[nodiscard]] NETWORK_SYSTEM_EXPORT VoidResult set_client_threads(client_thread_options options);

}  // namespace network_system::core
