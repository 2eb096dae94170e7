#pragma once

#include <network_system/export.h>

#include <cstdint>

namespace network_system::session {

/// Names a pending operation, so that it can be cancelled; `none` cannot be.
enum class operation_id : std::uint64_t { none = 0 };

/// An id that no other operation of the process has. Any thread.
[[nodiscard]] NETWORK_SYSTEM_EXPORT operation_id next_operation_id() noexcept;

}  // namespace network_system::session
