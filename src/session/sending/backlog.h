#pragma once

#include "transport/write_queue.h"
#include "utils/memory_return.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::session {

/// Encoded messages that wait for room in the write queue and may give way to newer ones
/// (send_policy::drop_oldest and conflate). Bytes that are in the write queue already may be half
/// written; here messages are still whole.
///
/// Thread-safety: none; guarded by the lock of the remote_queue it belongs to.
class backlog {
public:
    backlog() = default;
    backlog(const backlog&) = delete;
    backlog& operator=(const backlog&) = delete;
    ~backlog() { detail::record_freed(bytes_); }

    struct entry {
        // One of the two.
        transport::shared_frame shared;
        std::vector<std::uint8_t> owned;
        transport::write_callback done;
        /// What it replaces and is replaced by; empty: nothing.
        std::string key;

        [[nodiscard]] std::size_t size() const noexcept {
            return shared ? shared->size() : owned.size();
        }
    };

    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

    /// Takes the place of the message of the same key, which is superseded, or the last place.
    void push_or_replace(entry&& added);
    /// The size of the message that one of this key would replace; 0 when there is none.
    [[nodiscard]] std::size_t size_of(std::string_view key) const;
    /// The oldest message is superseded.
    void drop_oldest();
    /// The oldest message; `pop` removes it, whose size was `size`.
    [[nodiscard]] entry& front() noexcept { return entries_.front(); }
    void pop(std::size_t size) noexcept;
    /// All messages are lost: how many. Their callbacks are to be taken afterwards.
    [[nodiscard]] std::uint64_t discard() noexcept {
        detail::record_freed(std::exchange(bytes_, 0));
        by_key_.clear();
        discarded_.swap(entries_);
        return discarded_.size();
    }
    [[nodiscard]] transport::write_callback take_discarded() noexcept;

    /// Messages superseded, and the callbacks of those that had one, since the last call.
    struct superseded {
        std::uint64_t messages = 0;
        std::vector<transport::write_callback> callbacks;
    };
    [[nodiscard]] superseded take_superseded() { return std::exchange(superseded_, {}); }

private:
    void push(entry&& added);
    void replace(entry& old, entry&& newer);
    void record_superseded(entry& old);

    std::list<entry> entries_;
    std::list<entry> discarded_;
    // Points at the keys of the entries, which stay where they are.
    std::unordered_map<std::string_view, std::list<entry>::iterator> by_key_;
    std::size_t bytes_ = 0;
    superseded superseded_;
};

}  // namespace network_system::session
