#pragma once

#include "runtime/time_source.h"
#include "session/receiving/message_queue.h"
#include "session/receiving/rate_limit.h"
#include "utils/counter.h"

#include <network_system/session/message.h>
#include <network_system/session/messaging_session.h>
#include <network_system/session/session_config.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::session {

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
        // One with an id may wait although somebody asks: it is looked at at the end of the read.
        const bool is_next = pull().size() == 0;
        if (is_next && pull().collect(kind, payload)) {
            return false;
        }
        // First, because an asker that is taken has to be told.
        std::vector<std::uint8_t> data(payload.begin(), payload.end());
        if (auto first = is_next ? pull().take_asker() : std::nullopt) {
            count_received();
            first->give(kind, std::move(data));
            return false;
        }
        pull().store({kind, std::move(data)});
        return pull().is_full();
    }
    /// Pull mode: keeps a message with an id. Whether the inbox is full.
    [[nodiscard]] bool put_numbered(std::uint64_t id, std::span<const std::uint8_t> payload) {
        std::vector<std::uint8_t> data;
        data.reserve(payload.size() + sizeof id);
        data.assign(payload.begin(), payload.end());
        data.resize(payload.size() + sizeof id);
        std::memcpy(data.data() + payload.size(), &id, sizeof id);
        pull().store({numbered_kind, std::move(data)});
        rare_->has_numbered = true;
        return pull().is_full();
    }
    /// Whether there has ever been a message with an id.
    [[nodiscard]] bool has_numbered() const noexcept { return rare_ && rare_->has_numbered; }
    /// The id of the oldest message; 0 if it has none, or there is no message.
    [[nodiscard]] std::uint64_t oldest_number() const noexcept {
        const received_message* const oldest = has_numbered() ? pull().oldest() : nullptr;
        return oldest != nullptr && oldest->type == numbered_kind ? number_of(*oldest) : 0;
    }
    /// Pull mode: whether somebody waits for a message.
    [[nodiscard]] bool is_asked() const noexcept { return pull().is_asked(); }
    /// Pull mode: the first who waits, and has not given it up.
    [[nodiscard]] std::optional<message_asker> take_asker() { return pull().take_asker(); }
    /// Who waits for all messages gets what was collected for it in the read that is over. It
    /// counts as received from now on.
    [[nodiscard]] std::optional<message_asker> take_collected() noexcept {
        auto collected = is_pulled() ? pull().take_collected() : std::nullopt;
        if (collected) {
            count_received(collected->collected()->size());
        }
        return collected;
    }
    /// Pull mode: the oldest message, if there is one. It counts as received from now on.
    [[nodiscard]] std::optional<received_message> take() {
        auto oldest = pull().take_message();
        if (oldest) {
            count_received();
        }
        return oldest;
    }
    /// Pull mode: all messages, which count as received from now on, but for those that are not
    /// wanted: see basic_pull_queue::take_all. Throws std::bad_alloc, and takes none.
    template <typename Prepare>
    void take_all(received_messages& into, const Prepare& prepare) {
        const std::size_t taken = waiting();
        pull().take_all(into, prepare);
        count_received(taken);
    }
    /// Pull mode: whether reading may go on after it was full.
    [[nodiscard]] bool has_room() const noexcept { return pull().has_room(); }
    /// Pull mode: takes what becomes a handler and waits for a message, or throws std::bad_alloc
    /// with nothing done.
    template <typename Handler>
    void wait(Handler& handler, pending_operation& operation) {
        pull().record(handler, operation);
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

    [[nodiscard]] bool is_rate_limited() const noexcept { return rare_ && rare_->rate; }
    /// With a rate: so many messages have arrived in one read. Whether that was too fast: then
    /// nothing should be read until `resume_at`.
    [[nodiscard]] bool exceeds_rate(std::uint64_t arrived, runtime::steady_time now) {
        return arrived > 0 && rare_->rate->arrived(arrived, now).has_value();
    }
    [[nodiscard]] runtime::steady_time resume_at() const noexcept {
        return rare_->rate->resume_at();
    }
    [[nodiscard]] std::uint64_t times_exceeded() const noexcept {
        return is_rate_limited() ? rare_->rate->times_exceeded() : 0;
    }

    void count_received(std::size_t more = 1) noexcept { received_.add(more); }
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
        return {received_ - unread, unread + waiting()};
    }

private:
    // Few sessions have any of it.
    struct rare_state {
        std::optional<message_pull_queue> pull;
        std::optional<rate_limit> rate;
        bool has_numbered = false;
    };

    [[nodiscard]] message_pull_queue& pull() const noexcept { return *rare_->pull; }

    std::unique_ptr<rare_state> rare_;
    detail::counter received_;
    std::atomic<std::uint64_t> unread_{0};
};

}  // namespace network_system::session
