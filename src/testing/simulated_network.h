#pragma once

#include "os/native_socket.h"
#include "runtime/poller.h"
#include "testing/partitions.h"
#include "testing/simulated_connection.h"
#include "testing/world.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing::detail {

class simulated_host;
class simulated_poller;

struct simulated_socket {
    enum class role : std::uint8_t { listening, connecting, connected };

    runtime::socket_handle handle;
    role is;
    std::size_t host;
    endpoint local;
    endpoint remote{};

    // Who waits for it.
    runtime::io_watch* watch = nullptr;
    simulated_poller* poller = nullptr;
    bool is_listed = false;

    // Listening: connections that nobody has accepted yet.
    std::deque<runtime::socket_handle> waiting{};
    std::size_t most_waiting = 0;

    // Connected, or about to be.
    std::shared_ptr<simulated_connection> connection{};
    std::size_t side = 0;
    bool is_shut_down = false;
    bool resets_on_close = false;
    // Its host has crashed: nothing of it reaches anybody.
    bool is_forgotten = false;

    // Of the connection, or of connecting.
    std::error_code failure{};
};

/// All sockets of a simulation and what travels between them: TCP as its users see it. Segments of
/// a direction stay in order; nothing is lost while both sides are there; what is closed with
/// unread input, or written to after the other side has gone, is reset.
///
/// Thread-safety: none.
class simulated_network {
public:
    explicit simulated_network(world& in) : world_(in), partitions_(in.options(), in.chance()) {}

    // Hosts.
    [[nodiscard]] std::size_t add_host(std::string_view name);
    [[nodiscard]] std::optional<std::size_t> find_host(std::string_view name) const;
    [[nodiscard]] std::optional<std::size_t> host_of(const endpoint& address,
                                                     std::size_t asking) const;
    [[nodiscard]] static endpoint address_of(std::size_t host, endpoint::family family,
                                             std::uint16_t port);
    /// Nothing passes until then, or until a later partition by chance ends.
    void cut(std::size_t from, std::size_t to, nanoseconds until);

    // Sockets. Null once closed.
    [[nodiscard]] simulated_socket* find(runtime::socket_handle handle) const noexcept;
    [[nodiscard]] runtime::interest readiness(const simulated_socket& of) const noexcept;
    [[nodiscard]] runtime::socket_handle listen(std::size_t host, const endpoint& local,
                                                int backlog, std::error_code& error);
    [[nodiscard]] runtime::sockets::io_result accept(runtime::socket_handle listener,
                                                     runtime::socket_handle& accepted);
    [[nodiscard]] runtime::socket_handle connect(std::size_t host, const endpoint& local,
                                                 const endpoint& peer);
    [[nodiscard]] runtime::sockets::io_result read(simulated_socket& from,
                                                   std::span<const runtime::io_slice> into);
    [[nodiscard]] runtime::sockets::io_result write(simulated_socket& to,
                                                    std::span<const runtime::io_slice> from);
    void shutdown_write(simulated_socket& of);
    void close(runtime::socket_handle handle);
    void reset_between(std::size_t one, std::size_t other);
    /// Forgets all sockets of the host, without a word to their peers. Who owns them closes them.
    void crash(std::size_t host);

private:
    using connection_ptr = std::shared_ptr<simulated_connection>;
    using role = simulated_socket::role;
    using place = std::pair<std::size_t, std::uint16_t>;

    simulated_socket& add(role is, std::size_t host, const endpoint& local);
    void check(simulated_socket& changed);
    [[nodiscard]] std::uint16_t pick_port(std::size_t host);
    [[nodiscard]] simulated_socket* find_listener(std::size_t host, const endpoint& wanted);

    // Connecting.
    void knock(runtime::socket_handle from, std::size_t to, nanoseconds patience);
    void knock_again(runtime::socket_handle from, std::size_t to, nanoseconds patience);
    void refuse(runtime::socket_handle from, std::size_t by);
    void establish(simulated_socket& client, simulated_socket& listener);
    void answer(const connection_ptr& by);
    void fail_connect(runtime::socket_handle which, std::errc why);

    // Travelling, from a side of a connection to the other.
    void send(const connection_ptr& by, std::size_t side, pipe::kind what, std::size_t size);
    void move(const connection_ptr& by, std::size_t side, nanoseconds when);
    void arrive(const connection_ptr& by, std::size_t side);
    void acknowledge(const connection_ptr& by, std::size_t side);
    [[nodiscard]] std::size_t shorten(std::size_t count);
    void take(simulated_socket& receiver, const pipe::segment& arrived);
    void fail(simulated_socket& end);
    void leave(simulated_socket& end);
    void reset(const connection_ptr& by);
    void forget(simulated_socket& which);
    /// When what would arrive now can, if it cannot now.
    [[nodiscard]] std::optional<nanoseconds> held_up(std::size_t from, std::size_t to,
                                                     runtime::socket_handle who);

    world& world_;
    partitions partitions_;
    std::vector<std::string> hosts_;
    std::vector<std::unique_ptr<simulated_socket>> sockets_;
    // Several addresses of a host may be listened on at the same port.
    std::multimap<place, runtime::socket_handle> listeners_;
    std::map<std::size_t, std::uint16_t> next_port_;
};

}  // namespace network_system::testing::detail
