#pragma once

#include <network_system/export.h>
#include <network_system/internal/build_checks.h>

#include <cstdint>

namespace network_system::inline v0_1::session {

/// Names a pending operation (a start, a receive, a request, a ping), so that it can be cancelled;
/// `none` cannot be, and costs nothing. Whoever wants to cancel draws an id with
/// `next_operation_id` and passes it to the function that begins the operation. An id names one
/// operation at a time: while it does, another begin with it fails with `already_exists`.
enum class operation_id : std::uint64_t { none = 0 };

/// An id that no other operation of the process has. Any thread.
[[nodiscard]] NETWORK_SYSTEM_EXPORT operation_id next_operation_id() noexcept;

/// Cancels the operation of this id, whoever has begun it. `cancel` of clients, servers and
/// sessions does the same for their own operations only; this one also works when the caller does
/// not know whether the object still exists.
///
/// True: the operation was pending. Its handler gets `cancelled` soon, and never its result; it
/// does not run inside this call. (Should the function that begins the operation still be running
/// and return an error, the handler does not run.) False, and nothing happens: there is none of
/// this id. It was not begun, was cancelled before, or has its result, which its handler gets or
/// has got. (A forked child does not know what was begun before the fork.) Any thread and any
/// callback.
NETWORK_SYSTEM_EXPORT bool cancel_operation(operation_id operation) noexcept;

}  // namespace network_system::session
