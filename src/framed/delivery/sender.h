#pragma once

#include "framed/delivery/window.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <system_error>
#include <vector>

namespace network_system::inline v0_1::delivery {

/// A connection that a sender comes over.
///
/// Thread-safety: every member may be called from any thread.
class receiver {
public:
    receiver() = default;
    receiver(const receiver&) = delete;
    receiver& operator=(const receiver&) = delete;

    /// Tells the peer that the message was taken.
    virtual void acknowledge_later(std::uint64_t id) noexcept = 0;
    /// Closes the connection.
    virtual void end_later(std::error_code reason) noexcept = 0;

protected:
    ~receiver() = default;
};

/// One sender of messages with ids, and what was taken of them over all its connections. Only the
/// latest connection takes any; what an earlier one is delivering at that moment is finished there,
/// and acknowledged over the latest.
///
/// Thread-safety: every member may be called from any thread. The lock is held for a few
/// instructions, and two threads want it only while one connection takes the place of another.
class sender {
public:
    /// Counts the connections of a sender.
    using epoch = std::uint64_t;

    sender(std::size_t window_size, std::uint64_t forgotten_up_to)
        : window_(window_size, forgotten_up_to) {}

    struct begun {
        epoch of = 0;
        /// The connection that takes no more; null when there is none.
        std::shared_ptr<receiver> former;
    };
    [[nodiscard]] begun begin(std::weak_ptr<receiver> over) noexcept;
    /// Whether it was the latest connection that has ended.
    [[nodiscard]] bool end(epoch of) noexcept;

    /// Throws std::bad_alloc with nothing done.
    [[nodiscard]] claim_answer claim(epoch by, std::uint64_t id);
    /// What a claim would answer.
    [[nodiscard]] claim_answer look_up(epoch by, std::uint64_t id) const;

    struct finished {
        /// The caller acknowledges it itself.
        bool is_own = false;
        /// Else who does; null when there is no connection.
        std::shared_ptr<receiver> other;
    };
    /// A message that was claimed was taken.
    [[nodiscard]] finished finish(epoch by, std::uint64_t id) noexcept;
    /// It was not taken. The connection, if any, that has got it meanwhile and did not deliver it:
    /// it has to end, so that the message comes again.
    [[nodiscard]] std::shared_ptr<receiver> abandon(epoch by, std::uint64_t id) noexcept;

private:
    mutable std::mutex mutex_;
    window window_;
    epoch latest_ = 0;
    std::weak_ptr<receiver> current_;
    // Messages in progress that have arrived again over the latest connection.
    std::vector<std::uint64_t> arrived_again_;
};

}  // namespace network_system::delivery
