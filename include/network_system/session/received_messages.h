#pragma once

#include <network_system/session/delivery.h>
#include <network_system/session/message.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

namespace network_system::inline v0_1 {

/// Whole messages in the order of their arrival, as `async_receive_all` gives them. Short ones lie
/// behind each other in one block of memory, which is kept for the next ones: give the container
/// back to the next `async_receive_all`, and a message costs no allocation.
///
///     for (const message_view& message : messages) {
///         (void)session->send_packet(message.data);
///     }
///
/// The bytes of a message, and the `message_view` that shows them, are valid until the container is
/// changed, moved from, or destroyed. Only WebSockets know texts: the messages of other sessions
/// are binary.
///
/// Thread-safety: as a value type.
class received_messages {
    struct place {
        /// In the block, or among the long messages.
        std::size_t begin;
        std::size_t size;
        message_kind type;
        bool is_long;
    };

public:
    /// Messages of more bytes than this are kept in memory of their own, not copied together.
    static constexpr std::size_t longest_short_message = 4096;

    class const_iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = message_view;
        using difference_type = std::ptrdiff_t;
        using pointer = const message_view*;
        using reference = message_view;

        const_iterator() noexcept = default;
        [[nodiscard]] message_view operator*() const noexcept { return (*all_)[index_]; }
        const_iterator& operator++() noexcept {
            ++index_;
            return *this;
        }
        const_iterator operator++(int) noexcept {
            const const_iterator before = *this;
            ++index_;
            return before;
        }
        [[nodiscard]] bool operator==(const const_iterator& other) const noexcept {
            return index_ == other.index_;
        }

    private:
        friend class received_messages;
        const_iterator(const received_messages& all, std::size_t index) noexcept
            : all_(&all), index_(index) {}

        const received_messages* all_ = nullptr;
        std::size_t index_ = 0;
    };

    [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }
    [[nodiscard]] bool empty() const noexcept { return places_.empty(); }
    /// `index` has to be less than `size()`.
    [[nodiscard]] message_view operator[](std::size_t index) const noexcept {
        const place& at = places_[index];
        return {at.type, at.is_long
                             ? std::span<const std::uint8_t>(long_messages_[at.begin])
                             : std::span<const std::uint8_t>(block_).subspan(at.begin, at.size)};
    }
    /// What a message with an id says of itself; see messaging_session::send_with_id.
    [[nodiscard]] delivery_info delivery(std::size_t index) const noexcept {
        return index < deliveries_.size() ? deliveries_[index] : delivery_info{};
    }
    [[nodiscard]] const_iterator begin() const noexcept { return {*this, 0}; }
    [[nodiscard]] const_iterator end() const noexcept { return {*this, size()}; }

    /// Forgets the messages, and keeps the memory of the short ones.
    void clear() noexcept {
        places_.clear();
        block_.clear();
        long_messages_.clear();
        deliveries_.clear();
    }

    /// Makes room for so many more messages, so that adding them does not throw: `short_bytes` of
    /// short ones together, and `long_messages` long ones that are moved here. Throws
    /// std::bad_alloc, and what is here stays.
    void reserve(std::size_t messages, std::size_t short_bytes, std::size_t long_messages) {
        grow(places_, messages);
        grow(block_, short_bytes);
        grow(long_messages_, long_messages);
    }
    /// Says so of the message that is added next. Throws std::bad_alloc with nothing done, not
    /// after `reserve_deliveries` of as many.
    void set_next_delivery(const delivery_info& next) {
        deliveries_.resize(size() + 1);
        deliveries_.back() = next;
    }
    void reserve_deliveries(std::size_t messages) { deliveries_.reserve(size() + messages); }
    /// Adds a copy. Throws std::bad_alloc with nothing done.
    void add(message_kind type, std::span<const std::uint8_t> data) {
        if (data.size() > longest_short_message) {
            add(type, std::vector<std::uint8_t>(data.begin(), data.end()));
            return;
        }
        reserve(1, data.size(), 0);
        places_.push_back({block_.size(), data.size(), type, false});
        block_.insert(block_.end(), data.begin(), data.end());
    }
    /// Takes a long message as it is, and copies a short one. As above.
    void add(message_kind type, std::vector<std::uint8_t>&& data) {
        if (data.size() <= longest_short_message) {
            add(type, std::span<const std::uint8_t>(data));
            return;
        }
        reserve(1, 0, 1);
        places_.push_back({long_messages_.size(), data.size(), type, true});
        long_messages_.push_back(std::move(data));
    }

private:
    /// By at least half, as if the elements were added one by one.
    template <typename T>
    static void grow(std::vector<T>& all, std::size_t more) {
        if (const std::size_t wanted = all.size() + more; wanted > all.capacity()) {
            all.reserve(std::max(wanted, all.capacity() + all.capacity() / 2));
        }
    }

    std::vector<place> places_;
    std::vector<std::uint8_t> block_;
    std::vector<std::vector<std::uint8_t>> long_messages_;
    // As far as there are messages with ids: few connections have any.
    std::vector<delivery_info> deliveries_;
};

namespace session {

/// Gets every message that waits, one at least, or the error that says there will be none.
using receive_all_handler = unique_function<void(Result<received_messages>)>;

}  // namespace session
}  // namespace network_system
