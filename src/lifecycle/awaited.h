#pragma once

#include "utils/deadline.h"

#include <network_system/utils/result_types.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace network_system::inline v0_1::core {

/// A result one thread waits for and another gives, once: what is given later is ignored.
///
/// Thread-safety: every member may be called from any thread.
template <typename T>
class awaited {
public:
    void give(Result<T> result) {
        {
            const std::lock_guard lock(mutex_);
            if (result_) {
                return;
            }
            result_ = std::move(result);
        }
        given_.notify_all();
    }
    [[nodiscard]] std::optional<Result<T>> wait_until(detail::steady_time deadline) {
        std::unique_lock lock(mutex_);
        detail::wait_until(given_, lock, deadline, [this] { return result_.has_value(); });
        return result_;
    }

private:
    std::mutex mutex_;
    std::condition_variable given_;
    std::optional<Result<T>> result_;
};

}  // namespace network_system::core
