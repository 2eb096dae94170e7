#pragma once

#include "session/receiving/pull_queue.h"

#include <network_system/session/message.h>
#include <network_system/session/messaging_session.h>
#include <network_system/session/received_messages.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace network_system::inline v0_1::session {

/// Of a message with an id, in a queue only: the last 8 bytes of its data are the id. So the others
/// need no place for one.
inline constexpr auto numbered_kind = static_cast<message_kind>(2);

/// The id of such a message, big-endian or not: it is read where it was written.
[[nodiscard]] inline std::uint64_t number_of(const received_message& numbered) noexcept {
    std::uint64_t id = 0;
    std::memcpy(&id, numbered.data.data() + numbered.data.size() - sizeof id, sizeof id);
    return id;
}
/// What the application is to see of a message; its id, 0 if it has none.
inline std::uint64_t take_number(received_message& message) noexcept {
    if (message.type != numbered_kind) {
        return 0;
    }
    const std::uint64_t id = number_of(message);
    message.data.resize(message.data.size() - sizeof id);
    message.type = message_kind::binary;
    return id;
}

/// Who waits for everything that arrives, and what has arrived for it in this read.
struct collecting_asker {
    receive_all_handler done;
    received_messages messages;

    explicit operator bool() const noexcept { return static_cast<bool>(done); }
};

/// Who waits for a message: for all of it, for its bytes alone, or for all messages there are.
class message_asker {
public:
    message_asker() noexcept = default;
    message_asker(receive_handler&& done) noexcept : done_(std::move(done)) {}
    message_asker(message_handler&& done) noexcept : done_(std::move(done)) {}
    message_asker(collecting_asker&& all) noexcept : done_(std::move(all)) {}

    /// What was collected for one who waits for all messages; null when one is enough.
    [[nodiscard]] received_messages* collected() noexcept {
        auto* const all = std::get_if<collecting_asker>(&done_);
        return all == nullptr ? nullptr : &all->messages;
    }

    void give(message_kind type, std::vector<std::uint8_t>&& data) {
        if (const auto* const takes_bytes = std::get_if<receive_handler>(&done_)) {
            (*takes_bytes)(std::move(data));
        } else if (const auto* const takes_one = std::get_if<message_handler>(&done_)) {
            (*takes_one)(received_message{type, std::move(data)});
        } else {
            collected()->clear();
            collected()->add(type, std::move(data));
            give_collected();
        }
    }
    /// To one who waits for all messages.
    void give_collected() {
        auto& all = std::get<collecting_asker>(done_);
        all.done(std::move(all.messages));
    }
    /// There will be none.
    void operator()(error_info failure) const {
        std::visit([&](const auto& waiting) { handler_of(waiting)(std::move(failure)); }, done_);
    }

private:
    template <typename Handler>
    [[nodiscard]] static const Handler& handler_of(const Handler& waiting) noexcept {
        return waiting;
    }
    [[nodiscard]] static const receive_all_handler& handler_of(
        const collecting_asker& waiting) noexcept {
        return waiting.done;
    }

    std::variant<receive_handler, message_handler, collecting_asker> done_;
};

/// The messages of a session. Who waits for all of them gets those of one read, at its end.
class message_pull_queue : public basic_pull_queue<received_message, message_asker> {
public:
    using basic_pull_queue::basic_pull_queue;
    using basic_pull_queue::is_asked;

    /// Adds the message to those of one who waits for all, if that is who comes first. Throws
    /// std::bad_alloc, and the message is lost.
    [[nodiscard]] bool collect(message_kind type, std::span<const std::uint8_t> data) {
        if (collecting_) {
            collecting_->collected()->add(type, data);
            return true;
        }
        // Added first, because an asker that is taken has to be told.
        if (!is_asked()) {
            return false;
        }
        auto taken = take_asker_if([&](message_asker& first) {
            received_messages* const all = first.collected();
            if (all != nullptr) {
                all->clear();
                all->add(type, data);
            }
            return all != nullptr;
        });
        if (!taken) {
            return false;
        }
        collecting_ = std::move(taken);
        return true;
    }
    /// The read is over: who gets what was collected, if that is anything.
    [[nodiscard]] std::optional<message_asker> take_collected() noexcept {
        return std::exchange(collecting_, std::nullopt);
    }

private:
    std::optional<message_asker> collecting_;
};

}  // namespace network_system::session
