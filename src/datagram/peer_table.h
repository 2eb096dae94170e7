#pragma once

#include "os/datagram_socket.h"
#include "runtime/loop.h"
#include "utils/counter.h"
#include "utils/endpoint_hash.h"

#include <network_system/session/datagram_config.h>
#include <network_system/utils/endpoint.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

namespace network_system::inline v0_1::session {

/// The peers of a socket, bounded in number, the longest silent first; each with its rate.
///
/// Thread-safety: none; used on the loop's executor. Only `size` and `expired` may be read by any
/// thread.
class peer_table final : private runtime::deadline_entry {
public:
    enum class verdict : std::uint8_t { known, is_new, over_rate, no_room };

    /// `total`: the peers of all tables of the server. `on_expired` is told of those forgotten.
    peer_table(std::shared_ptr<runtime::loop> where, const peer_limits& limits,
               std::shared_ptr<std::atomic<std::size_t>> total,
               unique_function<void(const endpoint&)> on_expired);
    peer_table(const peer_table&) = delete;
    peer_table& operator=(const peer_table&) = delete;
    ~peer_table();

    /// A datagram of the peer has arrived, and asked an address of this machine.
    [[nodiscard]] verdict record(const endpoint& peer, const runtime::datagram_source& asked = {});
    /// What the peer has asked last; null when it is not known.
    [[nodiscard]] const runtime::datagram_source* asked_by(const endpoint& peer) const;
    void forget_source(const endpoint& peer);
    void clear() noexcept;

    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t expired() const noexcept { return expired_; }

private:
    struct entry;
    using node = std::pair<const endpoint, entry>;
    struct entry {
        node* older = nullptr;
        node* newer = nullptr;
        runtime::steady_time last_seen{};
        runtime::datagram_source asked{};
        // When what was sent so far would have been due at the permitted rate.
        runtime::steady_time due{};
    };
    using map = std::unordered_map<endpoint, entry, detail::keyed_endpoint_hash>;

    void on_deadline(runtime::steady_time now) override;
    void schedule();
    void unlink(node& peer) noexcept;
    void append(node& peer) noexcept;
    [[nodiscard]] runtime::steady_time expiry_of(const node& peer) const noexcept {
        return runtime::after(peer.second.last_seen, limits_.idle_timeout);
    }
    [[nodiscard]] bool is_within_rate(entry& peer) const noexcept;
    [[nodiscard]] bool take_place() noexcept;

    const std::shared_ptr<runtime::loop> loop_;
    const peer_limits limits_;
    const std::chrono::nanoseconds interval_;
    const std::shared_ptr<std::atomic<std::size_t>> total_;
    const unique_function<void(const endpoint&)> on_expired_;
    map peers_;
    node* oldest_ = nullptr;
    node* newest_ = nullptr;
    std::atomic<std::size_t> size_{0};
    detail::counter expired_;
};

}  // namespace network_system::session
