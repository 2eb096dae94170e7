#pragma once

#include "framework/numbered_message.h"

#include <algorithm>
#include <mutex>
#include <string_view>

namespace integration {

/// One direction of a connection: the numbered messages that were accepted, what became of each,
/// and those that arrived. In any order of the numbers, for newer messages may take the place of
/// older ones.
///
/// Thread-safety: every member may be called from any thread.
class message_flow {
public:
    using sender = network_system::session::messaging_session;
    using session_metrics = network_system::session::session_metrics;

    /// Whether the message was accepted; if not, the next one has the same number.
    bool send(sender& through, std::size_t size, std::string_view key) {
        const std::lock_guard lock(sending_);
        return send_next(through, size, key);
    }
    /// In a callback, which must not wait for a thread that sends and waits for room.
    bool try_send(sender& through, std::size_t size, std::string_view key) {
        const std::unique_lock lock(sending_, std::try_to_lock);
        return lock.owns_lock() && send_next(through, size, key);
    }
    /// For a sender that is not the library: the next message as it is to be sent, and that it was.
    [[nodiscard]] bytes next(std::size_t size) {
        const std::lock_guard lock(sending_);
        return numbered_message(accepted_, size);
    }
    void record_sent() {
        const std::lock_guard lock(sending_);
        settle(accepted_++, network_system::ok());
    }

    void take(std::span<const std::uint8_t> message) {
        std::uint64_t number = 0;
        bool is_whole = message.size() >= number_size;
        if (is_whole) {
            std::memcpy(&number, message.data(), number_size);
            const bytes wanted = numbered_message(number, message.size());
            is_whole = std::equal(message.begin(), message.end(), wanted.begin(), wanted.end());
        }
        const std::lock_guard lock(mutex_);
        damaged_ += is_whole ? 0U : 1U;
        received_.push_back(number);
    }

    [[nodiscard]] std::uint64_t accepted() const {
        const std::lock_guard lock(sending_);
        return accepted_;
    }
    [[nodiscard]] std::uint64_t received() const {
        const std::lock_guard lock(mutex_);
        return received_.size();
    }
    [[nodiscard]] std::uint64_t superseded() const {
        const std::lock_guard lock(mutex_);
        return superseded_;
    }

    /// The sender's side, once closed: every message was handed over or dropped. `is_told`: none of
    /// its callbacks was kept out by the end of their client.
    void expect_balanced(const session_metrics& closed, bool is_told) const {
        EXPECT_EQ(accepted(), closed.messages_sent + closed.messages_dropped);
        EXPECT_EQ(closed.queued_bytes, 0U);
        const std::lock_guard lock(mutex_);
        if (is_told) {
            EXPECT_EQ(handed_.size(), closed.messages_sent);
            EXPECT_EQ(superseded_ + lost_, closed.messages_dropped);
        }
        EXPECT_LE(handed_.size(), closed.messages_sent);
        EXPECT_LE(received_.size(), closed.messages_sent);
    }
    /// What arrived is what was handed over, in that order, up to somewhere.
    void expect_prefix() const {
        const std::lock_guard lock(mutex_);
        EXPECT_EQ(damaged_, 0U);
        const std::size_t known = std::min(received_.size(), handed_.size());
        const auto [received, handed] =
            std::mismatch(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(known),
                          handed_.begin());
        EXPECT_EQ(static_cast<std::size_t>(received - received_.begin()), known)
            << "a gap, a swap, or twice the same";
    }

private:
    bool send_next(sender& through, std::size_t size, std::string_view key) {
        const std::uint64_t number = accepted_;
        auto done = [this, number](const VoidResult& result) { settle(number, result); };
        const bytes message = numbered_message(number, size);
        const auto sent = key.empty() ? through.send_packet(std::span(message), std::move(done))
                                      : through.send_conflated(key, message, std::move(done));
        accepted_ += sent ? 1U : 0U;
        return sent.is_ok();
    }
    void settle(std::uint64_t number, const VoidResult& result) {
        const std::lock_guard lock(mutex_);
        if (result) {
            handed_.push_back(number);
        } else {
            const bool is_superseded =
                result.error().code == static_cast<int>(errc::message_superseded);
            ++(is_superseded ? superseded_ : lost_);
        }
    }

    // Held while sending, so that the numbers are in the order of the sends.
    mutable std::mutex sending_;
    std::uint64_t accepted_ = 0;
    mutable std::mutex mutex_;
    std::vector<std::uint64_t> handed_;
    std::vector<std::uint64_t> received_;
    std::uint64_t superseded_ = 0;
    std::uint64_t lost_ = 0;
    std::uint64_t damaged_ = 0;
};

}  // namespace integration
