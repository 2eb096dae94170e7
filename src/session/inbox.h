#pragma once

#include "runtime/time_source.h"
#include "session/pull_queue.h"
#include "session/rate_limit.h"

#include <network_system/session/message.h>
#include <network_system/session/messaging_session.h>
#include <network_system/session/received_messages.h>
#include <network_system/session/session_config.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace network_system::session {

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

/// Of any stream: without WebSocket all messages are binary. Who waits for all messages gets those
/// of one read, at its end.
class message_pull_queue : public basic_pull_queue<received_message, message_asker> {
public:
    using basic_pull_queue::basic_pull_queue;

    /// Adds the message to those of one who waits for all, if that is who comes first. Throws
    /// std::bad_alloc, and the message is lost.
    [[nodiscard]] bool collect(message_kind type, std::span<const std::uint8_t> data) {
        if (collecting_) {
            collecting_->collected()->add(type, data);
            return true;
        }
        // Added first, because an asker that is taken has to be told.
        auto taken = take_asker_if([&](message_asker& first) {
            received_messages* const all = first.collected();
            if (all != nullptr) {
                all->clear();
                all->add(type, data);
            }
            return all != nullptr;
        });
        if (taken) {
            collecting_ = std::move(taken->done);
        }
        return taken.has_value();
    }
    /// The read is over: who gets what was collected, if that is anything.
    [[nodiscard]] std::optional<message_asker> take_collected() noexcept {
        return std::exchange(collecting_, std::nullopt);
    }

private:
    std::optional<message_asker> collecting_;
};

/// What a session has received: how many messages and how fast, and in pull mode those that nobody
/// has asked for, or the handlers that nothing has come for.
///
/// Thread-safety: used on the loop, but for `count_unread`, `waiting` and the counters, which any
/// thread may call.
class inbox {
public:
    explicit inbox(const session_config& config) {
        const bool is_pulled = config.receiving == receive_mode::pull;
        if (is_pulled || config.max_messages_per_second > 0) {
            rare_ = std::make_unique<rare_state>();
        }
        if (is_pulled) {
            rare_->pull.emplace(config.receive_queue_limit);
        }
        if (config.max_messages_per_second > 0) {
            rare_->rate.emplace(config.max_messages_per_second);
        }
    }

    /// Whether messages wait to be asked for. Any thread.
    [[nodiscard]] bool is_pulled() const noexcept { return rare_ && rare_->pull; }
    /// Pull mode: gives the message to the first handler that waits, or keeps it. Whether the inbox
    /// is full, so that no more should be read.
    [[nodiscard]] bool put(message_kind kind, std::span<const std::uint8_t> payload) {
        if (pull().collect(kind, payload)) {
            return false;
        }
        // First, because an asker that is taken has to be told.
        std::vector<std::uint8_t> data(payload.begin(), payload.end());
        if (auto first = pull().take_asker()) {
            count_received();
            first->done.give(kind, std::move(data));
            return false;
        }
        pull().store({kind, std::move(data)});
        return pull().is_full();
    }
    /// Pull mode: the oldest message, if there is one. It counts as received from now on.
    [[nodiscard]] std::optional<received_message> take() {
        auto oldest = pull().take_message();
        if (oldest) {
            count_received();
        }
        return oldest;
    }
    /// Pull mode: every message, all or, when std::bad_alloc is thrown, none. They count as
    /// received from now on.
    void take_all(received_messages& to) {
        pull().take_all(to);
        count_received(to.size());
    }
    /// A read is over: who gets what was collected in it, if anybody does. It counts as received
    /// from now on.
    [[nodiscard]] std::optional<message_asker> take_collected() {
        auto taken = is_pulled() ? pull().take_collected() : std::nullopt;
        if (taken) {
            count_received(taken->collected()->size());
        }
        return taken;
    }
    /// Pull mode: whether reading may go on after it was full.
    [[nodiscard]] bool has_room() const noexcept { return pull().has_room(); }
    /// Pull mode: takes what becomes a handler and waits for a message, or throws std::bad_alloc
    /// with nothing done.
    template <typename Handler>
    void wait(Handler& handler, pending_operation& operation) {
        pull().note(handler, operation);
    }
    using asker = message_pull_queue::asker;
    /// The first handler that waits, if there is one: nothing more will come.
    [[nodiscard]] std::optional<asker> take_any_asker() {
        return is_pulled() ? pull().take_any_asker() : std::nullopt;
    }
    [[nodiscard]] std::optional<asker> take_asker(operation_id operation) {
        return is_pulled() ? pull().take_asker(operation) : std::nullopt;
    }
    /// How many messages wait.
    [[nodiscard]] std::size_t waiting() const noexcept { return is_pulled() ? pull().size() : 0; }

    /// So many messages have arrived in one read. Whether that was too fast: then nothing should be
    /// read until `resume_at`.
    [[nodiscard]] bool exceeds_rate(std::uint64_t arrived, runtime::steady_time now) {
        return rare_ && rare_->rate && arrived > 0 &&
               rare_->rate->arrived(arrived, now).has_value();
    }
    [[nodiscard]] runtime::steady_time resume_at() const noexcept {
        return rare_->rate->resume_at();
    }
    [[nodiscard]] std::uint64_t times_exceeded() const noexcept {
        return rare_ && rare_->rate ? rare_->rate->times_exceeded() : 0;
    }

    void count_received(std::size_t more = 1) noexcept {
        received_.store(received_.load(std::memory_order_relaxed) + more,
                        std::memory_order_relaxed);
    }
    /// Messages that count as received, and whose callbacks will never run.
    void count_unread(std::uint64_t more) noexcept {
        unread_.fetch_add(more, std::memory_order_release);
    }
    struct counts {
        std::uint64_t received = 0;
        std::uint64_t unread = 0;
    };
    [[nodiscard]] counts count() const noexcept {
        // First what is subtracted: each of these was received earlier.
        const std::uint64_t unread = unread_.load(std::memory_order_acquire);
        return {received_.load(std::memory_order_relaxed) - unread, unread + waiting()};
    }

private:
    // Few sessions have any of it.
    struct rare_state {
        std::optional<message_pull_queue> pull;
        std::optional<rate_limit> rate;
    };

    [[nodiscard]] message_pull_queue& pull() const noexcept { return *rare_->pull; }

    std::unique_ptr<rare_state> rare_;
    // Written on the loop only, without read-modify-write.
    std::atomic<std::uint64_t> received_{0};
    std::atomic<std::uint64_t> unread_{0};
};

}  // namespace network_system::session
