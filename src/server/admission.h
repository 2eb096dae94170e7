#pragma once

#include "utils/counter.h"
#include "utils/endpoint_hash.h"

#include <network_system/core/accept_answer.h>
#include <network_system/core/metrics.h>
#include <network_system/utils/endpoint.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace network_system::inline v0_1::core {

/// How a connection has come in.
enum class verdict : std::uint8_t {
    admitted,
    /// There is no room for it.
    full,
    /// The accept callback does not want it.
    rejected,
};

struct admission_limits {
    /// Connections at the same time; 0 = no limit.
    std::size_t connections = 0;
    /// The same for each address; 0 = no limit.
    std::size_t per_address = 0;
    /// IPv6 addresses that share so many bits count as one. 1 to 128.
    unsigned prefix_v6 = 128;
    /// Connections without a place that may be served at the same time, only to be told so.
    std::size_t told = 0;
};

/// Who gets a place in a server, and how many were refused one.
///
/// Pure: it knows endpoints, not sockets.
///
/// Thread-safety: every member may be called from any thread.
class admission {
public:
    /// `key`: see keyed_endpoint_hash; unused without a limit per address.
    admission(const admission_limits& limits, std::uint64_t key)
        : limits_(limits), per_address_(0, detail::keyed_endpoint_hash(key)) {}

    // A member that throws std::bad_alloc has changed nothing.

    /// Takes a place for a connection of `peer`. An unspecified peer, and one of a Unix domain
    /// socket, counts for no address. False, and counted as refused, when there is no room.
    [[nodiscard]] bool admit(const endpoint& peer);
    /// A connection that was admitted with an unspecified peer turns out to be `client`'s, and
    /// counts for its address from here on. False, and counted as refused, when that has too many:
    /// the place is still to be released, of the unspecified peer.
    [[nodiscard]] bool identify(const endpoint& client);
    /// Gives the place back.
    void release(const endpoint& peer) noexcept;

    /// What becomes of `client`'s connection, which has a place, by the accept callback's answer;
    /// null: the callback could not answer. A rejected one is counted, and its place released.
    [[nodiscard]] verdict settle(const endpoint& client, const accept_answer* answer) noexcept;

    /// Whether a connection without a place may be served to be told so; then `end_telling` when it
    /// is gone.
    [[nodiscard]] bool begin_telling() noexcept;
    void end_telling() noexcept;

    /// A connection has come in, whatever becomes of it.
    void record_accepted() noexcept { accepted_.add(); }
    /// A connection was dropped for want of something other than a place.
    void record_refused() noexcept { refused_.add(); }
    [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_; }
    /// Fills in the counters of connections.
    void add_to(server_metrics& all) const noexcept;

private:
    [[nodiscard]] bool is_counted(const endpoint& peer) const noexcept;
    [[nodiscard]] endpoint counted_as(const endpoint& peer) const noexcept;
    /// With the lock held. False when the address has too many.
    [[nodiscard]] bool count_for_address(const endpoint& peer);

    const admission_limits limits_;
    std::mutex mutex_;
    std::size_t admitted_ = 0;
    std::size_t told_ = 0;
    std::unordered_map<endpoint, std::size_t, detail::keyed_endpoint_hash> per_address_;
    detail::shared_counter accepted_;
    detail::shared_counter refused_;
    detail::shared_counter rejected_;
};

}  // namespace network_system::core
