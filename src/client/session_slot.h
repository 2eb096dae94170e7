#pragma once

#include "session/message_connection.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <utility>

namespace network_system::inline v0_1::core {

/// The connected session of a client, for the threads that send through it. Its own thread finds it
/// without a lock; others find it under the lock that guards the session's outbox, so that a send
/// takes one lock and counts no reference.
///
/// Thread-safety: every member may be called from any thread.
class session_slot {
public:
    using session_ptr = session::session_ptr;

    /// For the sessions that will be set.
    [[nodiscard]] const std::shared_ptr<session::send_lock>& lock_apart() const noexcept {
        return lock_;
    }

    void set(session_ptr connected) {
        auto& made = session::message_connection::of(*connected);
        const std::lock_guard lock(lock_->mutex);
        connection_ = &made;
        session_.swap(connected);
        // Where a pool runs the callbacks, this is not the thread on which the session ends.
        const bool is_own = made.runs_here();
        own_.store(is_own ? session_.get() : nullptr, std::memory_order_relaxed);
        own_loop_.store(is_own ? made.loop().get() : nullptr, std::memory_order_relaxed);
    }
    /// Unless it holds another one by now.
    void clear(const session::messaging_session* gone) {
        clear_if([&] { return session_.get() == gone; });
    }
    void clear(const session::message_connection* gone) {
        clear_if([&] { return connection_ == gone; });
    }
    /// Null when not connected.
    [[nodiscard]] session_ptr get() const {
        const std::lock_guard lock(lock_->mutex);
        return session_;
    }
    /// The session if it is connected and the calling thread is its own; else null. It lives as
    /// long as the callback that the thread is in: it ends on this thread, later.
    [[nodiscard]] session::messaging_session* own() const noexcept {
        return own_loop_.load(std::memory_order_relaxed) == runtime::loop::current()
                   ? own_.load(std::memory_order_relaxed)
                   : nullptr;
    }

    /// See message_connection::send_short. False also when there is no memory for it, and at once
    /// on the session's own thread.
    [[nodiscard]] bool send_short(session::message_kind kind,
                                  std::span<const std::uint8_t> data) const noexcept {
        if (own() != nullptr) {
            return false;
        }
        try {
            const session::message_outbox::lock held(lock_->mutex);
            return connection_ != nullptr && connection_->send_short(held, kind, data);
        } catch (const std::bad_alloc&) {
            return false;
        }
    }

private:
    template <typename Condition>
    void clear_if(const Condition& holds) {
        session_ptr held;  // destroyed after the lock is released: user data has destructors
        const std::lock_guard lock(lock_->mutex);
        if (holds()) {
            own_loop_.store(nullptr, std::memory_order_relaxed);
            own_.store(nullptr, std::memory_order_relaxed);
            connection_ = nullptr;
            held = std::exchange(session_, nullptr);
        }
    }

    const std::shared_ptr<session::send_lock> lock_ = std::make_shared<session::send_lock>();
    session_ptr session_;
    session::message_connection* connection_ = nullptr;
    // The same session for the thread of its loop, if that has set it: null, or compared only.
    std::atomic<const runtime::loop*> own_loop_{nullptr};
    std::atomic<session::messaging_session*> own_{nullptr};
};

}  // namespace network_system::core
