#pragma once

#include "session/sending/waiting_senders.h"
#include "utils/contain.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace network_system::inline v0_1::session {

/// What became of a message. `waiting`: it is full, and the thread may wait for room.
enum class admission : std::uint8_t { granted, full, closed, waiting };

/// The lock of an outbox. It does not live in there: a mutex in each would weigh on every idle
/// connection, and somebody may find the outbox under the same lock (session_slot).
struct send_lock {
    std::mutex mutex;
};

/// One of a few that outboxes share, held for as long as a message is appended. Nobody holds two.
[[nodiscard]] std::shared_ptr<send_lock> shared_send_lock();

/// The one way in for everything that is sent: what is queued, who may queue more, and who wants to
/// hear of room. The thread of the loop appends to its own queue, without a lock; other threads
/// append to a second one, which the loop takes over at once. `Queue` is what both of them are.
///
/// Whatever changes messages on their way (compression, encryption) belongs between the admission
/// and the append.
///
/// Thread-safety: every member may be called from any thread, unless it says otherwise. A member
/// that takes a `lock` needs the one that `acquire` gives.
template <typename Queue>
class outbox {
public:
    using lock = std::unique_lock<std::mutex>;

    /// `guard`: the lock; null for one that outboxes share.
    explicit outbox(std::shared_ptr<send_lock> guard = nullptr)
        : lock_(guard ? std::move(guard) : shared_send_lock()) {}
    outbox(const outbox&) = delete;
    outbox& operator=(const outbox&) = delete;
    ~outbox() = default;

    [[nodiscard]] lock acquire() const { return lock(lock_->mutex); }

    /// Bytes of both queues.
    [[nodiscard]] std::size_t queued_bytes() const noexcept {
        return own_bytes_.load(std::memory_order_relaxed) + remote_bytes();
    }
    [[nodiscard]] std::size_t own_bytes() const noexcept {
        return own_bytes_.load(std::memory_order_relaxed);
    }
    /// Bytes that the loop has to take over.
    [[nodiscard]] std::size_t remote_bytes() const noexcept {
        return remote_bytes_.load(std::memory_order_relaxed);
    }
    /// On the loop: what its own queue holds now.
    void publish_own(std::size_t bytes) noexcept {
        own_bytes_.store(bytes, std::memory_order_relaxed);
    }

    /// The other threads' queue. Throws std::bad_alloc if there is none yet, and no memory for it.
    [[nodiscard]] Queue& pending(const lock&) {
        if (!pending_) {
            pending_ = std::make_unique<Queue>(nullptr);
        }
        return *pending_;
    }
    [[nodiscard]] bool is_closed(const lock&) const noexcept { return senders_.is_closed(); }
    /// Later sends fail; waiting ones wake and fail.
    void close() {
        const auto held = acquire();
        senders_.close();
    }

    /// Whether another thread may append so many bytes. The loop's thread sends without this lock:
    /// of two sends that pass at the same moment one is another thread's, never more, so that the
    /// mark is exceeded by one message at most.
    [[nodiscard]] admission admit(const lock&, std::size_t bytes, std::size_t high) noexcept {
        if (senders_.is_closed()) {
            return admission::closed;
        }
        return senders_.admit(queued_bytes(), bytes, high) ? admission::granted : admission::full;
    }
    /// Waits for that until `give_up`, without the lock meanwhile.
    [[nodiscard]] admission wait_for_room(lock& held, std::size_t bytes, std::size_t high,
                                          sender_bell::time_point give_up) {
        if (senders_.wait(held, bytes, high, give_up, [this] { return queued_bytes(); })) {
            return admission::granted;
        }
        return senders_.is_closed() ? admission::closed : admission::full;
    }
    /// For a sender that waits for many outboxes at once; see waiting_senders.
    void join(const lock&, waiting_sender& who) { senders_.join(who); }
    [[nodiscard]] bool try_again(const lock&, waiting_sender& who, std::size_t high) noexcept {
        return senders_.try_again(who, queued_bytes(), high);
    }
    void leave(const lock&, waiting_sender& who, std::size_t high) {
        senders_.leave(who, queued_bytes(), high);
    }

    /// Runs `append()`, which appends a message or throws, and then `announce()` if the loop has to
    /// be told, which is once until it takes the bytes. Without memory to tell it, it hears of this
    /// message with the next one.
    template <typename Append, typename Announce>
    void append(const lock& held, const Append& append, const Announce& announce) {
        append_with(held, append, announce, [] { return std::size_t{0}; });
    }
    /// Nobody could be told: whoever appends next has to.
    void take_back_announcement(const lock&) noexcept { is_announced_ = false; }
    /// On the loop: moves the other threads' queue to the end of `own`.
    void take(const lock& held, Queue& own) {
        if (pending_) {
            own.splice(*pending_);
        }
        mark_taken(held);
    }

    // Room. A sender that was refused is told at the low watermark; one that waits, as soon as its
    // message fits.

    /// A sender was refused. Whether it is the first since the last look for room.
    bool record_refused() noexcept { return want_room(by_refused); }
    /// A sender is about to wait. Hold the lock from the look at the queue to the join. True: the
    /// loop has to look once after this, for room that it has made before it could hear of it.
    /// Where others wait already, it has looked, or will: it takes this lock whenever it has made
    /// room, and by then sees who has joined under it.
    [[nodiscard]] bool expect_sender(const lock&) noexcept { return want_room(by_waiting); }
    /// On the loop, which has made room.
    [[nodiscard]] bool is_room_wanted() const noexcept {
        return room_wanted_.load(std::memory_order_relaxed) != 0;
    }
    /// On the loop: calls those who wait and fit.
    void call_senders(std::size_t high) {
        if ((room_wanted_.load(std::memory_order_relaxed) & by_waiting) == 0) {
            return;
        }
        const auto held = acquire();
        senders_.call(queued_bytes(), high);
        if (senders_.empty()) {
            room_wanted_.fetch_and(by_refused, std::memory_order_relaxed);
        }
    }
    /// On the loop: whether those who were refused have to be told now that there is room.
    [[nodiscard]] bool take_refused(std::size_t low) noexcept {
        if ((room_wanted_.load(std::memory_order_relaxed) & by_refused) == 0 ||
            queued_bytes() > low) {
            return false;
        }
        room_wanted_.fetch_and(by_waiting, std::memory_order_relaxed);
        return true;
    }

protected:
    /// The same where the loop has more to take over than what is pending: `more()` bytes.
    template <typename Append, typename Announce, typename More>
    void append_with(const lock& held, const Append& append, const Announce& announce,
                     const More& more) {
        append();
        publish_remote(held, more());
        if (!is_announced_) {
            is_announced_ = detail::attempt_often(announce);
        }
    }
    /// The loop has taken over all but `more` bytes.
    void mark_taken(const lock& held, std::size_t more = 0) noexcept {
        publish_remote(held, more);
        is_announced_ = false;
    }
    void publish_remote(const lock&, std::size_t more = 0) noexcept {
        remote_bytes_.store((pending_ ? pending_->bytes() : 0) + more, std::memory_order_relaxed);
    }
    /// Null until something was pending.
    [[nodiscard]] Queue* pending_so_far(const lock&) noexcept { return pending_.get(); }

private:
    static constexpr std::uint8_t by_refused = 1;
    static constexpr std::uint8_t by_waiting = 2;

    [[nodiscard]] bool want_room(std::uint8_t who) noexcept {
        return (room_wanted_.fetch_or(who, std::memory_order_relaxed) & who) == 0;
    }

    const std::shared_ptr<send_lock> lock_;
    // Made when it is needed: most connections are only ever sent to by their own thread.
    std::unique_ptr<Queue> pending_;
    std::atomic<std::size_t> remote_bytes_{0};
    // Written by the loop's thread only, without read-modify-write.
    std::atomic<std::size_t> own_bytes_{0};
    // So that the next member lies in its padding: every connection has one of these.
    [[no_unique_address]] waiting_senders senders_;
    bool is_announced_ = false;
    // One look at it costs a written batch no more.
    std::atomic<std::uint8_t> room_wanted_{0};
};

}  // namespace network_system::session
