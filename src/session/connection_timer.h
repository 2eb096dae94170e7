#pragma once

#include "runtime/deadline_wheel.h"

#include <cstddef>
#include <limits>

namespace network_system::inline v0_1::session {

/// A deadline of somebody else's on the loop of a connection, which keeps it until it is removed or
/// until the connection is gone.
///
/// Thread-safety: none; used on the loop.
class connection_timer : public runtime::deadline_entry {
public:
    virtual ~connection_timer() = default;

    /// The connection is gone: the deadline is not set any more, and must not be set again.
    virtual void on_end() noexcept = 0;

private:
    friend class connection;
    static constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();

    // In the connection's list.
    std::size_t place_ = nowhere;
};

}  // namespace network_system::session
