#pragma once

#include "os/datagram_io.h"
#include "runtime/block_pool.h"
#include "transport/write_queue.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>

namespace network_system::inline v0_1::transport {

/// The datagrams a socket still has to send, oldest first, and who wants to know what became of
/// each. They lie in blocks of the pool one behind the other; one that is larger than a block has
/// memory of its own.
///
/// Thread-safety: none. `pool` outlives the queue; null allocates and frees directly.
class datagram_queue {
    struct record;
    struct block;

public:
    explicit datagram_queue(runtime::block_pool* pool) noexcept : pool_(pool) {}
    datagram_queue(const datagram_queue&) = delete;
    datagram_queue& operator=(const datagram_queue&) = delete;
    ~datagram_queue();

    void append(const runtime::datagram_address& to, bytes_view data, write_callback done,
                const runtime::datagram_source& from = {});
    /// Moves everything to the end of this queue.
    void splice(datagram_queue& other) noexcept;
    /// The place behind what is queued; while that is.
    struct position {
        record* last = nullptr;
    };
    [[nodiscard]] position end() const noexcept { return {last_}; }
    /// Asks for the source of each datagram behind the place that has an address and no source.
    using source_finder = std::function<runtime::datagram_source(const runtime::datagram_address&)>;
    void find_sources(position behind, const source_finder& find);

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    /// What is queued counts as its size and `overhead`: empty datagrams take memory, too.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    static constexpr std::size_t overhead = 64;
    [[nodiscard]] static constexpr std::size_t cost(std::size_t size) noexcept {
        return size + overhead;
    }

    /// The oldest datagrams, as many as `into` has places for; how many. They stay.
    [[nodiscard]] std::size_t prepare(std::span<runtime::outgoing_datagram> into) const noexcept;
    /// The size of the oldest; the queue is not empty.
    [[nodiscard]] std::size_t first_size() const noexcept;
    /// Removes the oldest; what was to be called.
    write_callback pop() noexcept;

private:
    [[nodiscard]] record* allocate(std::size_t size);
    void free_first_block() noexcept;

    runtime::block_pool* pool_;
    record* first_ = nullptr;
    record* last_ = nullptr;
    block* first_block_ = nullptr;
    block* last_block_ = nullptr;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace network_system::transport
