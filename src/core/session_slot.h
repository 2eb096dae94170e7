#pragma once

#include "session/framed_session.h"

#include <memory>
#include <mutex>
#include <utility>

namespace network_system::core {

/// The connected session of a client, for the threads that send through it: one short lock, not one
/// for each object on the way.
///
/// Thread-safety: every member may be called from any thread.
class session_slot {
public:
    using session_ptr = std::shared_ptr<session::messaging_session>;

    void set(session_ptr connected) {
        const std::lock_guard lock(mutex_);
        session_.swap(connected);
    }
    /// Unless it holds another one by now.
    void clear(const session_ptr& gone) {
        session_ptr held;  // destroyed after the lock is released: user data has destructors
        const std::lock_guard lock(mutex_);
        if (session_ == gone) {
            held = std::move(session_);
            session_.reset();
        }
    }
    /// Null when not connected.
    [[nodiscard]] session_ptr get() const {
        const std::lock_guard lock(mutex_);
        return session_;
    }

private:
    mutable std::mutex mutex_;
    session_ptr session_;
};

}  // namespace network_system::core
