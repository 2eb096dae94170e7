#pragma once

#include "session/message_connection.h"

#include <cstddef>
#include <list>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::session {

/// One message to many sessions, which share it. It is offered to all of them first. Those that are
/// full and let their senders wait (send_policy::wait) are then waited for together: the calling
/// thread waits once, and each gets the message as soon as it has room.
///
/// Thread-safety: none; used by one thread, which keeps the sessions alive meanwhile.
class shared_offer {
public:
    /// What became of the message, by the number of sessions.
    struct outcome {
        std::size_t queued = 0;
        std::size_t refused = 0;
        std::size_t closed = 0;
    };

    /// `key`: the message's under send_policy::conflate.
    shared_offer(transport::shared_frame frame, std::size_t payload_size,
                 std::string_view key) noexcept
        : frame_(std::move(frame)), payload_size_(payload_size), key_(key) {}
    shared_offer(const shared_offer&) = delete;
    shared_offer& operator=(const shared_offer&) = delete;
    ~shared_offer();

    void offer_to(message_connection& receiver);
    /// Last: waits until no session has to be waited for, at most as long as the first full one
    /// says.
    [[nodiscard]] const outcome& settle();

private:
    using time_point = sender_bell::time_point;

    struct pending : waiting_sender {
        using waiting_sender::waiting_sender;
        // Null when nothing is waited for, not yet or not any more.
        message_connection* receiver = nullptr;
    };

    void count(admission answer) noexcept;
    void try_again(pending& who, bool is_last);

    const transport::shared_frame frame_;
    const std::size_t payload_size_;
    const std::string_view key_;
    // Set with the first that is waited for.
    time_point give_up_{};
    outcome outcome_;
    wake_list wakes_;
    sender_bell bell_;
    // A list, which allocates nothing while nobody is waited for, and moves none of them.
    std::list<pending> pending_;
    std::size_t left_ = 0;
};

}  // namespace network_system::session
