#pragma once

#include <network_system/session/messaging_session.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace network_system::inline v0_1::resilience {

/// Messages that wait for a connection, or for their acknowledgement, in the order in which they
/// were accepted.
///
/// The first `sent` of them are on their way; the others are not. Without acknowledgements a
/// message leaves when a connection has taken it, and none is ever on its way.
///
/// Pure.
///
/// Thread-safety: none.
class message_store {
public:
    struct limits {
        /// Bytes of payload and messages; a message larger than the first passes when it is alone.
        std::size_t bytes;
        std::size_t messages;
    };
    struct message {
        /// From 1 on, one more for each.
        std::uint64_t id = 0;
        std::vector<std::uint8_t> data;
        session::send_callback done;
        std::size_t size = 0;
        bool is_settled = false;
    };

    explicit message_store(const limits& most) noexcept : limits_(most) {}

    [[nodiscard]] bool has_room_for(std::size_t size) const noexcept {
        return count_ == 0 || (count_ < limits_.messages && size <= limits_.bytes &&
                               bytes_ <= limits_.bytes - size);
    }
    /// Its id. Throws std::bad_alloc with nothing done; then `done` is left intact.
    std::uint64_t add(std::vector<std::uint8_t>&& data, session::send_callback& done);
    /// A copy, in memory that an earlier message has left if there is some.
    std::uint64_t add(std::span<const std::uint8_t> data, session::send_callback& done);
    /// For the next copies: the memory of a message that is settled.
    void reuse(std::vector<std::uint8_t>&& memory) noexcept;

    /// The first one that is not on its way (there is one) is somebody else's now.
    [[nodiscard]] message take_next();
    /// Or it is on its way, and its data is lent until `give_back`.
    struct lent_message {
        std::uint64_t id;
        std::vector<std::uint8_t> data;
    };
    [[nodiscard]] lent_message lend_next() noexcept;
    /// `is_sent`: else it is the next one again. Nothing happens when it was settled meanwhile.
    void give_back(lent_message&& lent, bool is_sent) noexcept;
    /// The last one that was added, which is the only one not on its way, is now: whoever added it
    /// still has its bytes.
    void mark_last_sent() noexcept { sent_ = messages_.size(); }
    /// It is not, after all. Nothing happens when it was settled meanwhile.
    void mark_unsent(std::uint64_t id) noexcept;
    /// One that was taken, and that nobody has got: it is the first again. Throws std::bad_alloc
    /// with nothing done.
    void put_back(message&& taken);
    /// The one with this id: it was acknowledged, or refused. Nothing when there is none.
    [[nodiscard]] std::optional<message> settle(std::uint64_t id);
    /// The oldest that is not on its way; nothing when there is none.
    [[nodiscard]] std::optional<message> take_oldest_unsent();
    /// The oldest, if its id is at most this; nothing when there is none.
    [[nodiscard]] std::optional<message> take_oldest(std::uint64_t up_to) noexcept;
    /// Of the last one that was added; 0 before the first.
    [[nodiscard]] std::uint64_t last_id() const noexcept { return last_id_; }
    /// The connection is lost: whatever was on its way is to be sent again.
    void rewind() noexcept { sent_ = 0; }

    /// Those that are not settled.
    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] bool has_unsent() const noexcept { return sent_ < messages_.size(); }

private:
    [[nodiscard]] std::deque<message>::iterator find(std::uint64_t id) noexcept;
    [[nodiscard]] message remove(std::size_t place);
    void skip_settled() noexcept;
    void drop_settled() noexcept;

    // So few, and so small, that they do not count.
    static constexpr std::size_t most_spare = 64;
    static constexpr std::size_t largest_spare = 1024;

    const limits limits_;
    std::vector<std::vector<std::uint8_t>> spare_;
    // Settled ones stay until all before them are.
    std::deque<message> messages_;
    std::size_t sent_ = 0;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
    std::uint64_t last_id_ = 0;
};

}  // namespace network_system::resilience
