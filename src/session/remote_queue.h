#pragma once

#include "session/backlog.h"
#include "session/waiting_senders.h"
#include "transport/write_queue.h"
#include "utils/contain.h"

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
    /// Runs `append()`, which appends a message or throws, and then `announce()` if the session has
    /// to be told, which is once until it takes the bytes. Without memory to tell it, it hears of
    /// this message with the next one.
    template <typename Append, typename Announce>
    void append(const lock&, const Append& append, const Announce& announce) {
        append();
        publish_bytes();
        if (!is_announced_) {
            is_announced_ = detail::attempt_often(announce);
        }
    }
    /// Nobody could be told: whoever appends next has to.
    void take_back_announcement(const lock&) noexcept { is_announced_ = false; }

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
    /// What `take` could not move for want of memory is lost: how many messages.
    [[nodiscard]] std::uint64_t discard(const lock&) noexcept {
        const std::uint64_t lost = pending_.discard() + (backlog_ ? backlog_->discard() : 0);
        publish_bytes();
        return lost;
    }
    /// The callback of one of those; empty when there is none left.
    [[nodiscard]] transport::write_callback take_any(const lock&) {
        auto done = pending_.take_any();
        return done || !backlog_ ? std::move(done) : backlog_->take_discarded();
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
        backlog::entry& oldest = backlog_->front();
        if (oldest.shared) {
            queue.append_shared(oldest.shared);
            backlog_->pop(oldest.size());
            return;
        }
        const std::size_t size = oldest.size();
        queue.append_whole(
            [&] { queue.append_owned_message(std::move(oldest.owned), std::move(oldest.done)); });
        backlog_->pop(size);
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
