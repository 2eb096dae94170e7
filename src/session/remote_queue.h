#pragma once

#include "session/backlog.h"
#include "session/waiting_senders.h"
#include "transport/write_queue.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

namespace network_system::session {

/// The lock of a remote_queue where it does not live in the session, but is shared with somebody
/// who finds the session under the same lock (session_slot).
struct send_lock {
    std::mutex mutex;
};

/// The sends of threads other than the session's own: they encode, count and queue here; the
/// session takes everything over at once.
///
/// Thread-safety: every member may be called from any thread.
class remote_queue {
public:
    using lock = std::unique_lock<std::mutex>;

    /// `apart`: the lock to use; null: one of its own.
    /// `may_supersede`: whether messages wait in a backlog, where newer ones may take their place.
    remote_queue(std::shared_ptr<send_lock> apart, bool may_supersede)
        : apart_(std::move(apart)),
          backlog_(may_supersede ? std::make_unique<backlog>() : nullptr) {}

    [[nodiscard]] lock acquire() { return lock(apart_ ? apart_->mutex : mutex_); }

    /// The pending bytes; hold the lock.
    [[nodiscard]] transport::write_queue& pending(const lock&) noexcept { return pending_; }
    /// Null unless messages may be superseded; hold the lock to use it.
    [[nodiscard]] backlog* waiting() const noexcept { return backlog_.get(); }
    /// Who waits for room; hold the lock.
    [[nodiscard]] waiting_senders& senders(const lock&) noexcept { return senders_; }
    [[nodiscard]] bool is_closed(const lock&) const noexcept { return senders_.is_closed(); }
    /// Something was appended under the lock. True when the session has to be told: once until it
    /// takes the bytes.
    [[nodiscard]] bool publish(const lock&) noexcept {
        publish_bytes();
        return !std::exchange(is_announced_, true);
    }

    [[nodiscard]] std::size_t bytes() const noexcept {
        return bytes_.load(std::memory_order_relaxed);
    }

    /// Moves everything to the end of `queue`, of the backlog as much as makes it `enough` bytes;
    /// the session's own thread, holding the lock.
    void take(const lock&, transport::write_queue& queue, std::size_t enough) {
        queue.splice(pending_);
        while (backlog_ && !backlog_->empty() && queue.bytes() < enough) {
            move_oldest(queue);
        }
        publish_bytes();
        is_announced_ = false;
    }
    /// Later sends fail; waiting ones wake and fail.
    void close() {
        const auto held = acquire();
        senders_.close();
    }

private:
    void publish_bytes() noexcept {
        bytes_.store(pending_.bytes() + (backlog_ ? backlog_->bytes() : 0),
                     std::memory_order_relaxed);
    }
    void move_oldest(transport::write_queue& queue) {
        backlog::entry oldest = backlog_->pop();
        if (oldest.shared) {
            queue.append_shared(oldest.shared);
        } else {
            queue.append_owned(std::move(oldest.owned));
            queue.end_message(std::move(oldest.done));
        }
    }

    std::mutex mutex_;
    // Only where it is used: there is one of these for every connection.
    const std::shared_ptr<send_lock> apart_;
    const std::unique_ptr<backlog> backlog_;
    transport::write_queue pending_{nullptr};
    std::atomic<std::size_t> bytes_{0};
    // So that the next member lies in its padding: every connection has one of these.
    [[no_unique_address]] waiting_senders senders_;
    bool is_announced_ = false;
};

}  // namespace network_system::session
