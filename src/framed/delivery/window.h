#pragma once

#include "framed/delivery/id_ranges.h"

#include <cstddef>
#include <cstdint>

namespace network_system::inline v0_1::delivery {

/// What becomes of a message with an id that has arrived.
enum class claim_answer : std::uint8_t {
    /// It is to be delivered; `finish` or `abandon` follows.
    fresh,
    /// It was taken before.
    duplicate,
    /// It is being delivered now.
    in_progress,
    /// It is older than what is remembered.
    expired,
    /// It may have been taken before its sender was forgotten.
    forgotten,
    /// Its connection is not the sender's any more.
    superseded,
};

/// Which messages of one sender were taken. Of the last `size` ids, up to the largest that was
/// claimed, it knows each; of older ones as long as they are few ranges. Each costs no memory, only
/// a gap between them does: of `most_gaps` that are remembered the lowest is given up, and what is
/// below it is too old then.
///
/// Thread-safety: none.
class window {
public:
    static constexpr std::size_t most_gaps = 1024;

    /// `size` at least 1. Ids up to `forgotten_up_to` may have been taken before.
    explicit window(std::size_t size, std::uint64_t forgotten_up_to = 0) noexcept
        : size_(size), forgotten_up_to_(forgotten_up_to) {}

    /// `id` at least 1. Throws std::bad_alloc with nothing done. Not `superseded`.
    [[nodiscard]] claim_answer claim(std::uint64_t id);
    /// What `claim` would answer.
    [[nodiscard]] claim_answer look_up(std::uint64_t id) const noexcept;
    /// One that was claimed was taken.
    void finish(std::uint64_t id) noexcept;
    /// One that was claimed was not taken: it may be claimed again.
    void abandon(std::uint64_t id) noexcept;

    /// Bytes it holds beyond itself.
    [[nodiscard]] std::size_t memory() const noexcept {
        return (taken_.capacity() + busy_.capacity()) * sizeof(id_ranges::range);
    }

private:
    void remove_busy(std::uint64_t id) noexcept;

    std::size_t size_;
    std::uint64_t forgotten_up_to_;
    std::uint64_t expired_up_to_ = 0;
    std::uint64_t highest_ = 0;
    std::size_t in_progress_ = 0;
    id_ranges taken_;
    id_ranges busy_;
};

}  // namespace network_system::delivery
