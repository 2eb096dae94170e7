#pragma once

#include <cstddef>
#include <cstdint>

namespace network_system::inline v0_1::resilience {

/// Where one connection of a pool is in its life. Its client makes it, and makes it anew when it
/// breaks; it ends with its client.
///
///     connecting --opened--> idle --taken--> leased --returned--> idle
///         ^                  | ^                |
///         |   check_begun    v | passed         | lost
///         +----- lost ---- checking             v
///         +--------------- returned --------- broken <--lost-- opened--> replaced
///
///     quiet: idle or checking, and its peer does not answer in time; idle again when it does.
///     ended: leased, and its client has given up.
///     closing: its client is being stopped; it is forgotten when that is done.
enum class node_state : std::uint8_t {
    connecting,
    idle,
    /// Idle, and asked whether its peer still answers.
    checking,
    /// Set aside: whoever watches it has had no answer in time. It is not lent.
    quiet,
    leased,
    /// Leased, while its client makes a connection in place of the one that has broken.
    broken,
    /// Leased, and its client has made that connection.
    replaced,
    ended,
    closing,
};
inline constexpr std::size_t node_states = 9;

enum class node_event : std::uint8_t {
    /// The client has a connection.
    opened,
    /// It has lost it, and goes on.
    lost,
    /// The client makes no more connections.
    gave_up,
    taken,
    check_begun,
    check_passed,
    check_failed,
    /// Its peer has not answered in time; nothing is lost yet.
    went_quiet,
    /// Its peer answers again.
    answered,
    /// Given back by whoever has leased it.
    returned,
    /// The same, and the connection that was leased must not be used again.
    discarded,
    /// It has come to its end: of age, for want of work, or with its pool. A leased one is given
    /// back with it.
    retired,
};

/// What the pool has to do after an event.
enum class node_action : std::uint8_t {
    none,
    /// It can be had.
    offer,
    /// It was idle and cannot be had any more.
    withdraw,
    /// Ask its peer.
    check,
    /// Stop its client.
    close,
    /// Both: it was idle.
    withdraw_and_close,
};

struct node_step {
    node_state next;
    node_action action;
    friend bool operator==(const node_step&, const node_step&) = default;
};

/// What an event does. One that cannot happen in the state, or comes too late, does nothing: the
/// client's threads and the application's know of each other's doings after the fact.
[[nodiscard]] node_step step(node_state state, node_event event) noexcept;

/// Somebody has leased it.
[[nodiscard]] constexpr bool is_out(node_state state) noexcept {
    return state == node_state::leased || state == node_state::broken ||
           state == node_state::replaced || state == node_state::ended;
}

}  // namespace network_system::resilience
