#pragma once

#include <network_system/export.h>
#include <network_system/internal/build_checks.h>

#include <cstdint>

namespace network_system::session {

/// Names a pending operation, so that it can be cancelled; `none` cannot be.
enum class operation_id : std::uint64_t { none = 0 };

/// An id that no other operation of the process has. Any thread.
[[nodiscard]] NETWORK_SYSTEM_EXPORT operation_id next_operation_id() noexcept;

/// Who can give up a pending operation: its handler gets `cancelled`. Nothing happens when there is
/// none of the id any more. Any thread; the handler does not run inside the call.
class cancellable {
public:
    virtual void cancel(operation_id operation) = 0;

protected:
    cancellable() = default;
    ~cancellable() = default;
};

}  // namespace network_system::session
