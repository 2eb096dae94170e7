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

namespace network_system::session {

/// What has arrived in pull mode and nobody has asked for, or the askers nothing has come for:
/// never both.
///
/// Thread-safety: none; used on the loop's executor. Only `size` may be read by any thread.
template <typename Message, typename Handler>
class basic_pull_queue {
public:
    using handler = Handler;
    struct asker {
        pending_operation operation;
        handler done;
    };

    explicit basic_pull_queue(std::size_t byte_limit) : limit_(byte_limit) {}
    basic_pull_queue(const basic_pull_queue&) = delete;
    basic_pull_queue& operator=(const basic_pull_queue&) = delete;
    ~basic_pull_queue() { detail::note_freed(bytes_); }

    /// The first asker, if there is one, that has not been cancelled: give it the message instead
    /// of storing it.
    [[nodiscard]] std::optional<asker> take_asker() {
        return take(std::find_if(askers_.begin(), askers_.end(),
                                 [](asker& each) { return each.operation.complete(); }));
    }
    /// The first in any case: nothing more will come.
    [[nodiscard]] std::optional<asker> take_any_asker() { return take(askers_.begin()); }
    [[nodiscard]] std::optional<asker> take_asker(operation_id operation) {
        return take(std::find_if(askers_.begin(), askers_.end(), [&](const asker& each) {
            return each.operation.id() == operation;
        }));
    }
    void store(Message message) {
        const std::size_t cost = cost_of(message);
        messages_.push_back(std::move(message));
        bytes_ += cost;
        detail::note_taken(cost);
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
        detail::note_freed(cost_of(oldest));
        size_.store(messages_.size(), std::memory_order_relaxed);
        return oldest;
    }
    /// Takes what becomes a handler, or throws std::bad_alloc with nothing done.
    template <typename Asking>
    void note(Asking& done, pending_operation& operation) {
        askers_.emplace_back();
        askers_.back() = {std::move(operation), handler(std::move(done))};
    }

    /// Whether reading has to stop, and whether it may go on: half the limit lies between.
    [[nodiscard]] bool is_full() const noexcept { return bytes_ >= limit_; }
    [[nodiscard]] bool has_room() const noexcept { return bytes_ <= limit_ / 2; }
    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);
    }

private:
    [[nodiscard]] std::optional<asker> take(typename std::deque<asker>::iterator which) {
        if (which == askers_.end()) {
            return std::nullopt;
        }
        std::optional<asker> taken(std::move(*which));
        askers_.erase(which);
        return taken;
    }
    /// Empty messages cost memory too.
    static std::size_t cost_of(const Message& message) noexcept {
        return sizeof message + message.data.size();
    }

    const std::size_t limit_;
    std::size_t bytes_ = 0;
    std::deque<Message> messages_;
    std::deque<asker> askers_;
    std::atomic<std::size_t> size_{0};
};

}  // namespace network_system::session
