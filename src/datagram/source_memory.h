#pragma once

#include "os/datagram_socket.h"
#include "utils/endpoint_hash.h"

#include <network_system/utils/endpoint.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace network_system::inline v0_1::session {

/// Which address of this machine the latest peers of a server have asked, for answers that are sent
/// later, or through another of its sockets. Bounded: a new peer may make it forget another, whose
/// answers then leave from the address that the system chooses.
///
/// Thread-safety: every member may be called from any thread, and none waits. A look at an entry
/// that is being written finds nothing; of two that write the same entry one does.
class source_memory {
public:
    /// `key`: see keyed_endpoint_hash.
    explicit source_memory(std::uint64_t key)
        : hash_(key), sets_(std::make_unique<set[]>(set_count)) {}

    /// A source that is not set makes it forget the peer.
    void record(const endpoint& peer, const runtime::datagram_source& source) noexcept;
    /// Not set when it is not known.
    [[nodiscard]] runtime::datagram_source find(const endpoint& peer) const noexcept;

    static constexpr std::size_t capacity = 1024;

private:
    static constexpr std::size_t ways = 4;
    static constexpr std::size_t set_count = capacity / ways;
    // The peer in three words, its source in three.
    static constexpr std::size_t word_count = 6;
    using content = std::array<std::uint64_t, word_count>;

    /// A sequence lock: odd while somebody writes.
    struct alignas(64) slot {
        std::atomic<std::uint32_t> version{0};
        std::array<std::atomic<std::uint64_t>, word_count> words{};

        /// False while it is written.
        [[nodiscard]] bool read(content& into) const noexcept;
        void write(const content& from) noexcept;
    };
    using set = std::array<slot, ways>;

    [[nodiscard]] static content content_of(const endpoint& peer,
                                            const runtime::datagram_source& source) noexcept;
    [[nodiscard]] static bool has_same_peer(const content& one, const content& other) noexcept;

    const detail::keyed_endpoint_hash hash_;
    const std::unique_ptr<set[]> sets_;
    std::atomic<std::uint32_t> next_victim_{0};
};

}  // namespace network_system::session
