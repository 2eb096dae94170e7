#pragma once

#include "utils/log.h"

#include <atomic>
#include <string_view>

namespace network_system::inline v0_1::session {

/// Tells once that something arrives for which the application has set no callback.
///
/// Thread-safety: any thread. Not under a lock.
class unread_notice {
public:
    /// `missing`: "receive".
    void tell(const detail::log_source& source, std::string_view missing) {
        if (!has_told_.load(std::memory_order_relaxed) &&
            !has_told_.exchange(true, std::memory_order_relaxed)) {
            detail::log(log_level::warning, source,
                        "something has arrived for which there is no {} callback; it is counted as "
                        "unread, and so is what follows",
                        missing);
        }
    }

private:
    std::atomic<bool> has_told_{false};
};

}  // namespace network_system::session
