#pragma once

#include <memory>
#include <mutex>

namespace network_system::inline v0_1::testing {

/// Whether the object that was watched last is gone.
///
/// Thread-safety: every member from any thread.
class lifetime_watch {
public:
    template <typename T>
    std::shared_ptr<T> watch(std::shared_ptr<T> object) {
        const std::lock_guard lock(mutex_);
        last_ = object;
        return object;
    }
    [[nodiscard]] bool is_over() const {
        const std::lock_guard lock(mutex_);
        return last_.expired();
    }

private:
    mutable std::mutex mutex_;
    std::weak_ptr<void> last_;
};

}  // namespace network_system::testing
