#pragma once

#include "framework/delayed_bytes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace integration {

/// A direction of a connection, and the socket of the proxy that its bytes are read from.
enum class way : std::uint8_t { to_server, to_client };

[[nodiscard]] constexpr way opposite(way of) {
    return of == way::to_server ? way::to_client : way::to_server;
}
[[nodiscard]] constexpr std::size_t index_of(way of) {
    return static_cast<std::size_t>(of);
}

/// How a connection ends after a number of bytes.
struct cut {
    way direction;
    /// Passed on exactly, if there are as many.
    std::uint64_t bytes;
    /// A reset of both sides; otherwise both get an orderly end, as if that were all.
    bool is_reset;
};

/// What the proxy does to all its connections.
struct proxy_faults {
    std::array<flow_faults, 2> flows{};
    /// Nothing is read or written; nothing is lost.
    bool is_held = false;
};

/// What connections have done, for the counts of the proxy.
struct moved_bytes {
    std::array<std::uint64_t, 2> bytes{};
    std::array<std::uint64_t, 2> writes{};
    std::uint64_t swallowed = 0;
    std::uint64_t resets = 0;
    std::uint64_t failed_connects = 0;
};

/// A connection of a client, and the one to the server that belongs to it.
///
/// Thread-safety: none.
class proxied_connection {
public:
    using time_point = delayed_bytes::time_point;

    /// Both sockets are non-blocking and owned from now on; `server` may still be connecting. -1:
    /// there is no server, only with `black_hole`. `poll_set` is an epoll set.
    proxied_connection(int client, int server, int poll_set, std::uint32_t id);
    proxied_connection(const proxied_connection&) = delete;
    proxied_connection& operator=(const proxied_connection&) = delete;
    ~proxied_connection() { close_both(); }

    /// The data of the epoll events of its sockets: its id, and the side it is about.
    [[nodiscard]] static std::uint32_t id_of(std::uint64_t event_data) {
        return static_cast<std::uint32_t>(event_data >> 1U);
    }
    [[nodiscard]] static way side_of(std::uint64_t event_data) {
        return (event_data & 1U) == 0 ? way::to_server : way::to_client;
    }

    /// `at`: the side whose bytes go in this direction.
    void on_event(way at, std::uint32_t events, time_point now, const proxy_faults& faults,
                  moved_bytes& moved);
    /// Writes what is due; when to do so again.
    [[nodiscard]] std::optional<time_point> service(time_point now, const proxy_faults& faults,
                                                    moved_bytes& moved);
    /// Nobody hears of it any more: what is sent is taken and lost, and ends are not answered.
    void black_hole() { is_black_hole_ = true; }
    void half_close(way direction, time_point now);
    void set_cut(const std::optional<cut>& after) { cut_ = after; }
    void reset(moved_bytes& moved);

    /// Nothing is left of it.
    [[nodiscard]] bool is_closed() const { return sides_[0].socket < 0 && sides_[1].socket < 0; }

    // Of the proxy: when it is to be serviced next.
    std::optional<time_point> wake_at;

private:
    struct side {
        int socket;
        std::uint32_t interest = 0;
        // Its peer sends no more, or is not there.
        bool has_ended = false;
    };
    struct flow {
        explicit flow(std::uint32_t seed) : waiting(seed) {}

        delayed_bytes waiting;
        // The receiver has no room.
        bool is_blocked = false;
        // What still comes is lost.
        bool is_cut = false;
        bool is_end_told = false;
    };

    [[nodiscard]] side& from(way direction) { return sides_[index_of(direction)]; }
    [[nodiscard]] side& to(way direction) { return sides_[index_of(opposite(direction))]; }
    [[nodiscard]] flow& flow_of(way direction) { return flows_[index_of(direction)]; }

    [[nodiscard]] bool finish_connect(moved_bytes& moved);
    void read(way direction, time_point now, const proxy_faults& faults, moved_bytes& moved);
    void take(way direction, std::span<const std::uint8_t> data, time_point due,
              moved_bytes& moved);
    void on_failure(way direction, moved_bytes& moved);
    void write(way direction, time_point now, const proxy_faults& faults, moved_bytes& moved);
    [[nodiscard]] bool is_done();
    void update_interest(const proxy_faults& faults);
    void set_interest(way at, std::uint32_t wanted);
    void close_side(side& which);
    void close_both();

    const int poll_set_;
    const std::uint32_t id_;
    // By the direction that is read from them.
    std::array<side, 2> sides_;
    std::array<flow, 2> flows_;
    std::optional<cut> cut_;
    bool is_connecting_;
    bool is_black_hole_ = false;
    bool resets_when_empty_ = false;
};

}  // namespace integration
