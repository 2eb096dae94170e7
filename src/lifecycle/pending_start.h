#pragma once

#include <network_system/session/operation.h>

#include <memory>
#include <mutex>
#include <utility>

namespace network_system::core {

/// The last start of a client, for those who may give it up by its id. `Engine` has `cancel_start`.
///
/// Thread-safety: every member may be called from any thread.
template <typename Engine>
class pending_start final : public session::cancellable {
public:
    void set(session::operation_id operation, std::weak_ptr<Engine> engine) {
        const std::lock_guard lock(mutex_);
        operation_ = operation;
        engine_ = std::move(engine);
    }
    void cancel(session::operation_id operation) override {
        if (const auto found = find(operation)) {
            found->cancel_start();
        }
    }

private:
    [[nodiscard]] std::shared_ptr<Engine> find(session::operation_id operation) const {
        const std::lock_guard lock(mutex_);
        return operation == operation_ && operation != session::operation_id::none ? engine_.lock()
                                                                                   : nullptr;
    }

    mutable std::mutex mutex_;
    session::operation_id operation_ = session::operation_id::none;
    std::weak_ptr<Engine> engine_;
};

}  // namespace network_system::core
