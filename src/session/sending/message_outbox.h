#pragma once

#include "session/sending/backlog.h"
#include "session/sending/outbox.h"
#include "transport/write_queue.h"
#include "utils/counter.h"

#include <network_system/session/session_config.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace network_system::inline v0_1::session {

/// The outbox of messages over a stream. Those that other threads send, or that have to wait since
/// newer ones may take their place, are taken over by the loop.
class message_outbox final : public outbox<transport::write_queue> {
public:
    /// `may_supersede`: whether messages wait in a backlog, where newer ones may take their place.
    message_outbox(std::shared_ptr<send_lock> guard, bool may_supersede)
        : outbox(std::move(guard)),
          backlog_(may_supersede ? std::make_unique<backlog>() : nullptr) {}

    /// Whether messages may be superseded.
    [[nodiscard]] bool has_backlog() const noexcept { return backlog_ != nullptr; }
    /// Puts a message into the backlog, where the policy may let others give way to it. The entry
    /// is moved from when it is granted.
    template <typename Announce>
    [[nodiscard]] admission supersede(const lock& held, backlog::entry& entry, send_policy policy,
                                      std::size_t high, const Announce& announce) {
        const auto answer = make_way(held, entry, policy, high);
        if (answer == admission::granted) {
            append(
                held, [&] { backlog_->push_or_replace(std::move(entry)); }, announce);
        }
        return answer;
    }
    /// What has given way since the last call.
    [[nodiscard]] backlog::superseded take_superseded(const lock&) {
        return backlog_->take_superseded();
    }

    template <typename Append, typename Announce>
    void append(const lock& held, const Append& append, const Announce& announce) {
        append_with(held, append, announce, [this] { return backlog_bytes(); });
    }
    /// On the loop: moves what is pending to the end of `own`, and of the backlog as much as makes
    /// it `enough` bytes.
    void take(const lock& held, transport::write_queue& own, std::size_t enough);
    /// What `take` could not move for want of memory is lost: how many messages.
    [[nodiscard]] std::uint64_t discard(const lock& held) noexcept;
    /// The callback of one of those; empty when there is none left.
    [[nodiscard]] transport::write_callback take_any(const lock& held);

    /// On the loop: what its queue holds now, and has written.
    void publish(const transport::write_queue& own) noexcept {
        publish_own(own.bytes());
        sent_.store(own.messages_written(), std::memory_order_relaxed);
    }
    void count_dropped(std::uint64_t more) noexcept { dropped_.add(more); }
    void count_rejected() noexcept { rejected_.add(); }
    [[nodiscard]] std::uint64_t sent() const noexcept {
        return sent_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
    [[nodiscard]] std::uint64_t rejected() const noexcept { return rejected_; }

private:
    [[nodiscard]] std::size_t backlog_bytes() const noexcept {
        return backlog_ ? backlog_->bytes() : 0;
    }
    [[nodiscard]] admission make_way(const lock& held, const backlog::entry& entry,
                                     send_policy policy, std::size_t high);
    void move_oldest(transport::write_queue& own);

    const std::unique_ptr<backlog> backlog_;
    detail::counter dropped_;
    std::atomic<std::uint64_t> sent_{0};
    detail::shared_counter rejected_;
};

}  // namespace network_system::session
