#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>

namespace network_system::inline v0_1::session {

/// Whether a message that takes `bytes` fits behind what is queued. One that is larger than the
/// mark fits an empty queue only: otherwise it could never be sent.
[[nodiscard]] constexpr bool has_room(std::size_t queued, std::size_t bytes,
                                      std::size_t high_watermark) noexcept {
    return queued == 0 || queued + bytes <= high_watermark;
}

class waiting_sender;

/// What a thread waits at until one of the queues it waits for calls it. It may wait for one queue
/// or for many, each of which has a lock of its own.
///
/// Thread-safety: `call` from any thread, `wait_until` by the thread that waits.
class sender_bell {
public:
    using time_point = std::chrono::steady_clock::time_point;

    sender_bell() = default;
    sender_bell(const sender_bell&) = delete;
    sender_bell& operator=(const sender_bell&) = delete;
    ~sender_bell() = default;

    void call(waiting_sender& who);
    /// Those that were called since the last time, the rest behind each (`waiting_sender::next`).
    /// Null at the deadline.
    [[nodiscard]] waiting_sender* wait_until(time_point deadline);

private:
    std::mutex mutex_;
    std::condition_variable rung_;
    waiting_sender* called_ = nullptr;
};

/// A message that waits for room in one queue.
class waiting_sender {
public:
    /// `bytes`: what it takes of the queue.
    waiting_sender(sender_bell& bell, std::size_t bytes) noexcept : bell_(bell), bytes_(bytes) {}
    waiting_sender(const waiting_sender&) = delete;
    waiting_sender& operator=(const waiting_sender&) = delete;
    ~waiting_sender() = default;

    /// The next of those that were called; to be asked for before the queue is tried again.
    [[nodiscard]] waiting_sender* next() const noexcept { return next_called_; }

private:
    friend class waiting_senders;
    friend class sender_bell;

    sender_bell& bell_;
    const std::size_t bytes_;
    // Under the lock of the queue.
    waiting_sender* behind_ = nullptr;
    std::size_t overtaken_by_ = 0;
    bool is_called_ = false;
    // Under the bell's.
    waiting_sender* next_called_ = nullptr;
};

/// The messages that wait for room in one queue, in the order of their arrival. Each is called as
/// soon as there is room for it, and that room is kept for it until its thread comes: a sender that
/// is just passing does not take it away. Small messages may pass a large one that does not fit
/// yet, but no more than a queue full of them.
///
/// What the loop's own thread sends is not held back: it takes no lock.
///
/// Thread-safety: none; guarded by the lock of the queue it belongs to.
class waiting_senders {
public:
    using lock = std::unique_lock<std::mutex>;

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
    /// From now on nobody waits; those who do are called.
    void close();

    /// Whether a message that does not wait may be queued. If so, it is.
    [[nodiscard]] bool admit(std::size_t queued, std::size_t bytes, std::size_t high) noexcept {
        return empty() ? has_room(queued, bytes, high) : may_pass(queued, bytes, high);
    }

    /// Of a closed queue it is called at once.
    void join(waiting_sender& who);
    /// Whether there is room for one that waits; if not, it waits on.
    [[nodiscard]] bool try_again(waiting_sender& who, std::size_t queued,
                                 std::size_t high) noexcept;
    /// It waits no more. `queued`: with its message, if that was queued.
    void leave(waiting_sender& who, std::size_t queued, std::size_t high);
    /// Calls those for whom there is room.
    void call(std::size_t queued, std::size_t high);

    /// Waits with `held`, the lock of the queue, which is free meanwhile. Whether there is room for
    /// so many bytes; not when the deadline has passed or the queue is closed. `queued()` is what
    /// the queue holds. Whoever makes room has to hear of it first, and then calls `call`.
    template <typename Queued>
    [[nodiscard]] bool wait(lock& held, std::size_t bytes, std::size_t high,
                            sender_bell::time_point give_up, const Queued& queued) {
        sender_bell bell;
        waiting_sender self(bell, bytes);
        join(self);
        bool fits = false;
        bool is_over = false;
        while (!fits && !is_over) {
            held.unlock();
            (void)bell.wait_until(give_up);
            held.lock();
            fits = !is_closed_ && try_again(self, queued(), high);
            is_over = is_closed_ || std::chrono::steady_clock::now() >= give_up;
        }
        leave(self, queued() + (fits ? bytes : 0), high);
        return fits;
    }

private:
    [[nodiscard]] std::size_t reserved() const noexcept;
    [[nodiscard]] bool may_pass(std::size_t queued, std::size_t bytes, std::size_t high) noexcept;
    void record_overtaking(const waiting_sender* by, std::size_t bytes) noexcept;

    waiting_sender* first_ = nullptr;
    bool is_closed_ = false;
};

}  // namespace network_system::session
