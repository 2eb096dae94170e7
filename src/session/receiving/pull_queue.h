#pragma once

#include "session/pending_operation.h"
#include "utils/memory_return.h"

#include <network_system/session/operation.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::session {

/// What has arrived in pull mode and nobody has asked for, or the askers nothing has come for:
/// never both.
///
/// Thread-safety: none; used on the loop's executor. Only `size` may be read by any thread.
template <typename Message, typename Handler>
class basic_pull_queue {
public:
    using handler = Handler;
    struct asker {
        template <typename Asking>
        asker(pending_operation& of, Asking& asking)
            : operation(std::move(of)), done(std::move(asking)) {}

        pending_operation operation;
        handler done;
    };

    explicit basic_pull_queue(std::size_t byte_limit) : limit_(byte_limit) {}
    basic_pull_queue(const basic_pull_queue&) = delete;
    basic_pull_queue& operator=(const basic_pull_queue&) = delete;
    ~basic_pull_queue() { detail::record_freed(bytes_); }

    /// The first asker that has not been cancelled, if there is one: give it the message instead
    /// of storing it.
    [[nodiscard]] std::optional<handler> take_asker() {
        return take_asker_if([](const handler&) { return true; });
    }
    /// The first in any case: nothing more will come.
    [[nodiscard]] std::optional<asker> take_any_asker() { return take(first()); }
    [[nodiscard]] std::optional<asker> take_asker(operation_id operation) {
        return take(std::find_if(first(), askers_.end(), [&](const asker& each) {
            return each.operation.id() == operation;
        }));
    }
    void store(Message message) {
        const std::size_t cost = cost_of(message);
        messages_.push_back(std::move(message));
        bytes_ += cost;
        detail::record_taken(cost);
        size_.store(messages_.size(), std::memory_order_relaxed);
    }

    /// The oldest message, if there is one: give it to the asker instead of noting it.
    [[nodiscard]] std::optional<Message> take_message() {
        if (messages_.empty()) {
            return std::nullopt;
        }
        Message oldest = std::move(messages_.front());
        messages_.pop_front();
        bytes_ -= cost_of(oldest);
        detail::record_freed(cost_of(oldest));
        size_.store(messages_.size(), std::memory_order_relaxed);
        return oldest;
    }
    /// The oldest message; null when there is none.
    [[nodiscard]] const Message* oldest() const noexcept {
        return messages_.empty() ? nullptr : &messages_.front();
    }
    /// Moves every message into `to`, or throws std::bad_alloc and moves none. `prepare(message)`
    /// may make it shorter by at most 8 bytes, and says whether it is wanted.
    template <typename Messages, typename Prepare>
    void take_all(Messages& to, const Prepare& prepare) {
        std::size_t short_bytes = 0;
        std::size_t long_messages = 0;
        for (const Message& each : messages_) {
            if (each.data.size() > Messages::longest_short_message) {
                ++long_messages;
            }
            if (each.data.size() <= Messages::longest_short_message + most_taken_off) {
                short_bytes += each.data.size();
            }
        }
        to.reserve(messages_.size(), short_bytes, long_messages);
        for (Message& each : messages_) {
            if (prepare(each)) {
                to.add(each.type, std::move(each.data));
            }
        }
        messages_.clear();
        detail::record_freed(std::exchange(bytes_, 0));
        size_.store(0, std::memory_order_relaxed);
    }

    /// Takes what becomes a handler, or throws std::bad_alloc with nothing done.
    template <typename Asking>
    void record(Asking& done, pending_operation& operation) {
        if (askers_.size() == askers_.capacity()) {
            make_place();
        }
        askers_.emplace_back(operation, done);
    }

    /// Whether reading has to stop, and whether it may go on: half the limit lies between.
    [[nodiscard]] bool is_full() const noexcept { return bytes_ >= limit_; }
    [[nodiscard]] bool has_room() const noexcept { return bytes_ <= limit_ / 2; }
    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);
    }

protected:
    /// Whether anybody waits.
    [[nodiscard]] bool is_asked() const noexcept { return !askers_.empty(); }
    /// The first asker that has not been cancelled, if it is `wanted(handler)`, which is asked
    /// before it is known whether a cancellation is too late.
    template <typename Wanted>
    [[nodiscard]] std::optional<handler> take_asker_if(const Wanted& wanted) {
        for (auto each = first(); each != askers_.end(); ++each) {
            if (wanted(each->done)) {
                if (each->operation.complete()) {
                    std::optional<handler> taken(std::move(each->done));
                    drop(each);
                    return taken;
                }
            } else if (!each->operation.is_cancelled()) {
                break;
            }
        }
        return std::nullopt;
    }

private:
    using place = typename std::vector<asker>::iterator;
    static constexpr std::size_t most_taken_off = 8;

    [[nodiscard]] place first() noexcept { return askers_.begin() + first_; }
    [[nodiscard]] std::optional<asker> take(place which) {
        if (which == askers_.end()) {
            return std::nullopt;
        }
        std::optional<asker> taken(std::move(*which));
        drop(which);
        return taken;
    }
    void drop(place which) noexcept {
        if (which != first()) {
            askers_.erase(which);
        } else if (++first_; first() == askers_.end()) {
            askers_.clear();
            first_ = 0;
        }
    }
    /// Throws std::bad_alloc with nothing done.
    void make_place() {
        if (2 * static_cast<std::size_t>(first_) > askers_.size()) {
            askers_.erase(askers_.begin(), first());
            first_ = 0;
        } else {
            askers_.reserve(2 * askers_.size() + 1);
        }
    }
    /// Empty messages cost memory too.
    static std::size_t cost_of(const Message& message) noexcept {
        return sizeof message + message.data.size();
    }

    const std::size_t limit_;
    std::size_t bytes_ = 0;
    std::deque<Message> messages_;
    // From `first_` on; those before were told. One who asks again and again costs no allocation.
    std::vector<asker> askers_;
    std::ptrdiff_t first_ = 0;
    std::atomic<std::size_t> size_{0};
};

}  // namespace network_system::session
