#pragma once

#include "session/stream_session.h"

#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <utility>

namespace network_system::core {

/// The connected session of a client, for the threads that send through it. It is found under the
/// lock that guards the session's queue, so that a send takes one lock and counts no reference.
///
/// Thread-safety: every member may be called from any thread.
class session_slot {
public:
    using session_ptr = std::shared_ptr<session::stream_session>;

    /// For the sessions that will be set.
    [[nodiscard]] const std::shared_ptr<session::send_lock>& lock_apart() const noexcept {
        return lock_;
    }

    void set(session_ptr connected) {
        const std::lock_guard lock(lock_->mutex);
        session_.swap(connected);
    }
    /// Unless it holds another one by now.
    void clear(const session::messaging_session* gone) {
        session_ptr held;  // destroyed after the lock is released: user data has destructors
        const std::lock_guard lock(lock_->mutex);
        if (session_.get() == gone) {
            held = std::exchange(session_, nullptr);
        }
    }
    /// Null when not connected.
    [[nodiscard]] session_ptr get() const {
        const std::lock_guard lock(lock_->mutex);
        return session_;
    }

    /// See stream_session::send_short. False also when there is no memory for it.
    [[nodiscard]] bool send_short(session::message_kind kind,
                                  std::span<const std::uint8_t> data) const noexcept {
        try {
            const session::remote_queue::lock held(lock_->mutex);
            return session_ != nullptr && session_->send_short(held, kind, data);
        } catch (const std::bad_alloc&) {
            return false;
        }
    }

private:
    const std::shared_ptr<session::send_lock> lock_ = std::make_shared<session::send_lock>();
    session_ptr session_;
};

}  // namespace network_system::core
