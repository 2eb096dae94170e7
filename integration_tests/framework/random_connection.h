#pragma once

#include "framework/message_flow.h"
#include "support/dice.h"

#include <array>
#include <atomic>
#include <memory>

/// Connections that are used and ended at random, with the books of both sides.
namespace integration {

/// How a connection ends, unless something else ends it before.
enum class ending : std::uint8_t {
    client_stops,
    session_stops,
    both_stop,
    client_destroyed,
    // The client's drain deadline is 0: whatever is queued is lost.
    client_aborts,
    // The client does not read when its session is stopped: the server's drain deadline passes.
    session_stops_unread,
    // With everything else that is left, in the middle of traffic.
    server_stops,
    // A peer of plain sockets that resets the connection, or ends it with messages unread.
    peer_resets,
    peer_vanishes,
};
inline constexpr std::size_t all_endings = 9;

/// One side of a connection as the checks see it.
struct side {
    message_flow out;
    session_ptr session;
    std::atomic<int> errors{0};
    // By this side's user: it may discard what still arrives.
    std::atomic<bool> has_stopped{false};
};

struct connection {
    connection(ending end, dice& rolls, std::size_t most_steps)
        : how(end), is_slow(rolls.one_in(3)), lifetime(1 + rolls.below(most_steps)) {}

    const ending how;
    // Pauses at random.
    bool is_slow;
    // In steps of whoever drives it.
    const std::size_t lifetime;
    std::size_t steps = 0;
    side near;
    side far;
    std::unique_ptr<messaging_client> client;  // after the books its callbacks write

    [[nodiscard]] bool has_client() const { return how < ending::peer_resets; }
};

/// For send_policy::conflate; the others do not look at it.
[[nodiscard]] inline std::string_view key_of(dice& rolls) {
    constexpr std::array<std::string_view, 5> keys{"", "a", "b", "c", "d"};
    return keys.at(rolls.below(keys.size()));
}
[[nodiscard]] inline std::size_t size_of(dice& rolls) {
    return rolls.below(rolls.one_in(16) ? 20'000 : 600);
}

/// Now and then what arrives is answered, on the thread of the callback.
inline void take(side& at, message_flow& from, std::span<const std::uint8_t> message) {
    from.take(message);
    if (message.size() % 8 == 0 && at.session) {
        dice rolls(static_cast<std::uint32_t>(message.size()));
        (void)at.out.try_send(*at.session, size_of(rolls), key_of(rolls));
    }
}

/// Sends all its messages, reads some, and goes.
inline void be_plain_peer(connection& one, raw_peer peer, dice rolls) {
    ASSERT_TRUE(peer.receive_frame_of(type_hello));
    bytes arrived;
    for (std::size_t i = 0; i < one.lifetime; ++i) {
        if (!peer.send(frame_of(type_data, one.near.out.next(size_of(rolls))))) {
            break;
        }
        one.near.out.record_sent();
        if (rolls.one_in(4)) {
            bytes more(std::size_t{16} * 1024);
            const auto count = ::recv(peer.handle(), more.data(), more.size(), MSG_DONTWAIT);
            more.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
            arrived.insert(arrived.end(), more.begin(), more.end());
        }
    }
    if (one.how == ending::peer_resets) {
        peer.reset();
    }
    peer.close();
    constexpr std::size_t header_size = 5;
    for (std::span<const std::uint8_t> left(arrived); left.size() > header_size;) {
        const bool is_message = left[0] >> 4U == type_data;
        const auto length = static_cast<std::size_t>(reason_of(left.subspan(1)));
        left = left.subspan(header_size);
        if (left.size() < length) {
            break;
        }
        if (is_message) {
            one.far.out.take(left.first(length));
        }
        left = left.subspan(length);
    }
}

}  // namespace integration
