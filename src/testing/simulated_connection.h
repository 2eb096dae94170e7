#pragma once

#include "os/native_socket.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing::detail {

/// Bytes of one direction from their write to their read, and what else travels with them.
///
///     write --> on its way (segments) --arrival--> arrived --> read
///     room  <---------------- acknowledgement ------------------+
///
/// Thread-safety: none.
class pipe {
public:
    enum class kind : std::uint8_t { data, end, reset };
    struct segment {
        std::chrono::nanoseconds arrives;
        kind what;
        std::size_t size;
    };

    [[nodiscard]] std::size_t room(std::size_t capacity) const noexcept {
        return capacity > in_use_ ? capacity - in_use_ : 0;
    }
    /// Takes the first `count` bytes; a `push` of as many in all follows, unless it is broken off.
    void write(std::span<const runtime::io_slice> from, std::size_t count);
    void push(const segment& next) { way_.push_back(next); }

    [[nodiscard]] bool is_empty() const noexcept { return way_.empty(); }
    [[nodiscard]] const segment& front() const noexcept { return way_.front(); }
    /// The first segment has arrived.
    segment arrive();

    [[nodiscard]] std::size_t readable() const noexcept { return arrived_; }
    [[nodiscard]] bool is_at_end() const noexcept { return has_ended_ && arrived_ == 0; }
    /// `count` bytes, of those that are readable.
    void read(std::span<const runtime::io_slice> into, std::size_t count);
    /// The writer learns what was read.
    void acknowledge() noexcept { in_use_ -= std::exchange(unacknowledged_, 0); }

    /// What was written, and the writer does not know yet that it was read.
    [[nodiscard]] std::size_t unacknowledged() const noexcept { return in_use_; }

    /// What has not arrived is lost.
    void drop_way();
    /// The same, and so is what is written from now on: the writer does not know yet.
    void break_off() {
        drop_way();
        is_broken_off_ = true;
    }
    [[nodiscard]] bool is_broken_off() const noexcept { return is_broken_off_; }
    /// What has arrived and was not read is lost.
    void drop_arrived();

    // Of the network: no segment arrives before this one, and whether the first is scheduled.
    std::chrono::nanoseconds last_arrival{0};
    bool is_moving = false;
    bool is_acknowledging = false;

private:
    void discard(std::size_t count);

    std::vector<std::uint8_t> bytes_;
    std::size_t begin_ = 0;
    std::size_t arrived_ = 0;
    std::size_t in_use_ = 0;
    std::size_t unacknowledged_ = 0;
    std::deque<segment> way_;
    bool has_ended_ = false;
    bool is_broken_off_ = false;
};

/// A connection: side 0 is who connected, side 1 who accepted.
struct simulated_connection {
    std::array<pipe, 2> from;
    std::array<runtime::socket_handle, 2> ends{runtime::invalid_socket, runtime::invalid_socket};
    std::array<std::size_t, 2> hosts{};
    /// The host of this end has crashed: it knows nothing of the connection any more.
    std::array<bool, 2> is_forgotten{};
};

}  // namespace network_system::testing::detail
