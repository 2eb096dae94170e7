#pragma once

#include "os/native_socket.h"

#include <cstdint>
#include <limits>
#include <utility>

namespace network_system::inline v0_1::transport {

/// What a peer has taken of what was written to it.
struct peer_progress {
    /// Bytes that its system has acknowledged, or `some`.
    std::uint64_t taken = 0;
    /// Whether something is left that it has not taken.
    bool is_behind = false;

    /// It has taken something, and nobody can tell how much.
    static constexpr std::uint64_t some = std::numeric_limits<std::uint64_t>::max();
};

/// Measures the progress of a peer, from one look to the next. What our own queue does is no
/// measure: the system takes megabytes from us before a slow peer has read the first of them. Nor
/// is the last acknowledgement: one comes for every probe of a window that stays closed.
///
/// Small, because there is one in every connection: the counts are modulo 2^32.
class progress_meter {
public:
    /// `written`: all that was ever written. `has_drained`: at the last call the socket took no
    /// more, and since then it did. `look(written, unit)`: see
    /// runtime::sockets::count_unacknowledged.
    template <typename Look>
    [[nodiscard]] peer_progress take(std::uint32_t written, bool has_drained,
                                     const Look& look) noexcept {
        using unit = runtime::sockets::unacknowledged::unit;
        const auto left = look(written, unit_);
        unit_ = left.counts;
        if (unit_ == unit::buffers) {
            const bool has_sunk = left.size < std::exchange(mark_, left.size);
            return {has_sunk || has_drained ? peer_progress::some : 0, left.size > 0};
        }
        const std::uint32_t taken = written - left.size;
        return {distance(std::exchange(mark_, taken), taken), left.size > 0};
    }

private:
    /// 0 when the second is not behind the first: the end of a stream counts as a byte, too.
    [[nodiscard]] static std::uint64_t distance(std::uint32_t from, std::uint32_t to) noexcept {
        const std::uint32_t forward = to - from;
        return forward <= std::numeric_limits<std::uint32_t>::max() / 2 ? forward : 0;
    }

    std::uint32_t mark_ = 0;
    runtime::sockets::unacknowledged::unit unit_{};
};

}  // namespace network_system::transport
