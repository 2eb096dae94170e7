#pragma once

#include <network_system/session/messaging_session.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace network_system::session {

/// The messages of a session in pull mode that nobody has asked for, or the askers no message has
/// come for: never both.
///
/// Thread-safety: none; used on the loop's executor. Only `size` may be read by any thread.
class pull_queue {
public:
    using message = std::vector<std::uint8_t>;

    explicit pull_queue(std::size_t byte_limit) noexcept : limit_(byte_limit) {}

    /// The first asker, if there is one: give it the message instead of storing it.
    [[nodiscard]] std::optional<receive_handler> take_asker();
    void store(std::span<const std::uint8_t> data);

    /// The oldest message, if there is one: give it to the asker instead of noting it.
    [[nodiscard]] std::optional<message> take_message();
    void note(receive_handler done, operation_id operation);
    [[nodiscard]] std::optional<receive_handler> take_asker(operation_id operation);

    /// Whether reading has to stop, and whether it may go on: half the limit lies between.
    [[nodiscard]] bool is_full() const noexcept { return bytes_ >= limit_; }
    [[nodiscard]] bool has_room() const noexcept { return bytes_ <= limit_ / 2; }
    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);
    }

private:
    struct asker {
        operation_id operation;
        receive_handler done;
    };

    const std::size_t limit_;
    std::size_t bytes_ = 0;
    std::deque<message> messages_;
    std::deque<asker> askers_;
    std::atomic<std::size_t> size_{0};
};

}  // namespace network_system::session
