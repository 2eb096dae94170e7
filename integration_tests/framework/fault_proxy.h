#pragma once

#include "framework/proxied_connection.h"
#include "support/raw_peer.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace integration {

/// What a fault_proxy has done since it was made; arrays are indexed by `index_of(way)`.
struct proxy_counts : moved_bytes {
    /// Connections of clients, those that were rejected included.
    std::uint64_t accepted = 0;
    std::uint64_t rejected = 0;
    /// Connections that are there now: open, half-closed or in a black hole.
    std::size_t open = 0;
};

/// A TCP proxy on a port of 127.0.0.1, which passes on what it gets, or does to it what the test
/// says. It is made of plain sockets, a thread and epoll, so that it shares no mistake with the
/// library. Each connection takes two descriptors (see `allows_descriptors`).
///
/// A fault is in force when its call returns, for connections that exist and for those that follow,
/// unless it says otherwise. Faults add up; `pass` ends them.
///
/// Thread-safety: every member may be called from any thread, but the destructor. Nothing waits for
/// a peer. The destructor resets all connections.
class fault_proxy {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// `server`: the port on 127.0.0.1 behind the proxy; 0 = nobody listens there.
    explicit fault_proxy(std::uint16_t server = 0);
    fault_proxy(const fault_proxy&) = delete;
    fault_proxy& operator=(const fault_proxy&) = delete;
    ~fault_proxy();

    /// The same for the whole life.
    [[nodiscard]] std::uint16_t port() const { return port_.number(); }
    /// New connections go there; the old ones stay where they are.
    void set_server(std::uint16_t port);

    /// No more faults. Connections that have been cut, or are in a black hole, stay so.
    void pass();
    void shape(way direction, const flow_faults& faults);
    void shape(const flow_faults& faults);
    /// Nothing passes until `pass`; nothing is lost.
    void hold();
    /// What is sent is taken and lost, and nothing is ever answered: the connections are half-open.
    /// New ones are accepted all the same.
    void black_hole();
    /// New connections are accepted, and reset at once.
    void reject();
    /// Nobody listens: new connections are refused by the system.
    void refuse();

    /// All connections that are there, now.
    void reset_all();
    /// Each connection, after so many more bytes. See `cut`.
    void reset_after(way direction, std::uint64_t bytes);
    void truncate_after(way direction, std::uint64_t bytes);
    /// Whoever gets the bytes of that direction is told that no more will come; those that come are
    /// lost. Connections that are there.
    void half_close(way direction);

    /// With everything that a peer can have seen so far.
    [[nodiscard]] proxy_counts counts() const;
    /// When each connection was accepted, in order.
    [[nodiscard]] std::vector<time_point> accepted_at() const;
    /// Whether the counts come to satisfy this in time.
    [[nodiscard]] bool wait_for(const std::function<bool(const proxy_counts&)>& condition) const;

private:
    class worker;

    void cut_after(const cut& what);

    // Holds the port while nobody listens.
    loopback::refusing_port port_{true};
    std::unique_ptr<worker> worker_;
};

}  // namespace integration
