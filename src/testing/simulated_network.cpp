#include "testing/simulated_network.h"

#include "testing/simulated_poller.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::testing::detail {

using runtime::interest;
using runtime::socket_handle;
using runtime::sockets::io_result;
using runtime::sockets::outcome;
using std::chrono::seconds;

namespace {

// As Linux does with tcp_syn_retries: about two minutes in all.
constexpr seconds first_patience{1};
constexpr seconds last_patience{64};
// What the machine calls the ephemeral range.
constexpr std::uint16_t first_free_port = 32'768;

endpoint::address_bytes ipv4_of(std::size_t host) {
    const auto number = static_cast<std::uint32_t>(host + 1);
    return {10, static_cast<std::uint8_t>(number >> 16U), static_cast<std::uint8_t>(number >> 8U),
            static_cast<std::uint8_t>(number)};
}

endpoint::address_bytes ipv6_of(std::size_t host) {
    endpoint::address_bytes bytes{0xFD};
    const auto v4 = ipv4_of(host);
    std::copy_n(v4.begin() + 1, 3, bytes.begin() + 13);
    return bytes;
}

bool is_loopback(const endpoint& address) {
    if (address.kind() == endpoint::family::ipv4) {
        return address.bytes()[0] == 127;
    }
    endpoint::address_bytes one{};
    one.back() = 1;
    return address.bytes() == one;
}

bool is_any(const endpoint& address) {
    return address.kind() == endpoint::family::unspecified ||
           address.bytes() == endpoint::address_bytes{};
}

/// Whether a listener at an address gets what is for another one, of the same port.
bool takes(const endpoint& own, const endpoint& wanted) {
    // "::" takes both families.
    const bool is_dual = is_any(own) && own.kind() != endpoint::family::ipv4;
    return is_dual ||
           (own.kind() == wanted.kind() && (is_any(own) || own.bytes() == wanted.bytes()));
}

}  // namespace

std::size_t simulated_network::add_host(std::string_view name) {
    hosts_.emplace_back(name);
    return hosts_.size() - 1;
}

std::optional<std::size_t> simulated_network::find_host(std::string_view name) const {
    const auto found = std::find(hosts_.begin(), hosts_.end(), name);
    return found == hosts_.end() ? std::nullopt
                                 : std::optional(static_cast<std::size_t>(found - hosts_.begin()));
}

endpoint simulated_network::address_of(std::size_t host, endpoint::family family,
                                       std::uint16_t port) {
    return {family, family == endpoint::family::ipv4 ? ipv4_of(host) : ipv6_of(host), port};
}

std::optional<std::size_t> simulated_network::host_of(const endpoint& address,
                                                      std::size_t asking) const {
    if (is_loopback(address)) {
        return asking;
    }
    for (std::size_t host = 0; host < hosts_.size(); ++host) {
        if (address == address_of(host, address.kind(), address.port())) {
            return host;
        }
    }
    return std::nullopt;
}

simulated_socket* simulated_network::find(socket_handle handle) const noexcept {
    const auto index = static_cast<std::size_t>(handle) - 1;
    return index < sockets_.size() ? sockets_[index].get() : nullptr;
}

simulated_socket& simulated_network::add(role is, std::size_t host, const endpoint& local) {
    // Never used again, so that the trace has one meaning for each.
    const auto handle = static_cast<socket_handle>(sockets_.size() + 1);
    sockets_.push_back(std::make_unique<simulated_socket>(
        simulated_socket{.handle = handle, .is = is, .host = host, .local = local}));
    return *sockets_.back();
}

void simulated_network::check(simulated_socket& changed) {
    if (changed.poller != nullptr) {
        changed.poller->check(changed.handle);
    }
}

interest simulated_network::readiness(const simulated_socket& of) const noexcept {
    switch (of.is) {
        case role::listening: return {!of.waiting.empty(), false};
        case role::connecting: return {false, static_cast<bool>(of.failure)};
        case role::connected: break;
    }
    if (of.failure) {
        return {true, true, true};
    }
    const auto& pipes = of.connection->from;
    const pipe& in = pipes[1 - of.side];
    return {in.readable() > 0 || in.is_at_end(),
            pipes[of.side].room(std::max<std::size_t>(world_.options().buffer, 1)) > 0};
}

/// One that was not used for long, or ever: an address tells a connection from all others.
std::uint16_t simulated_network::pick_port(std::size_t host) {
    auto& next = next_port_.try_emplace(host, first_free_port).first->second;
    const std::uint16_t picked = next;
    next = picked == 0xFFFF ? first_free_port : static_cast<std::uint16_t>(picked + 1);
    return picked;
}

socket_handle simulated_network::listen(std::size_t host, const endpoint& local, int backlog,
                                        std::error_code& error) {
    if (!is_any(local) && host_of(local, host) != host) {
        error = std::make_error_code(std::errc::address_not_available);
        return runtime::invalid_socket;
    }
    const std::uint16_t port = local.port() == 0 ? pick_port(host) : local.port();
    const auto is_taken = [&](const auto& other) {
        const endpoint& there = find(other.second)->local;
        return takes(there, local) || takes(local, there);
    };
    const auto [begin, end] = listeners_.equal_range({host, port});
    if (std::any_of(begin, end, is_taken)) {
        error = std::make_error_code(std::errc::address_in_use);
        return runtime::invalid_socket;
    }
    // Like a dual-stack socket's "::", which shows no address of its own.
    const bool is_for_all = local.kind() == endpoint::family::unspecified;
    const auto kind = is_for_all ? endpoint::family::ipv6 : local.kind();
    simulated_socket& made = add(role::listening, host, {kind, local.bytes(), port});
    const std::size_t limit = std::max<std::size_t>(world_.options().accept_queue, 1);
    made.most_waiting = backlog == 0 ? limit : std::min(limit, static_cast<std::size_t>(backlog));
    listeners_.emplace(place{host, port}, made.handle);
    world_.record(event::listening, static_cast<std::uint64_t>(made.handle), port);
    error.clear();
    return made.handle;
}

simulated_socket* simulated_network::find_listener(std::size_t host, const endpoint& wanted) {
    const auto [begin, end] = listeners_.equal_range({host, wanted.port()});
    const auto found = std::find_if(
        begin, end, [&](const auto& each) { return takes(find(each.second)->local, wanted); });
    return found == end ? nullptr : find(found->second);
}

io_result simulated_network::accept(socket_handle listener, socket_handle& accepted) {
    simulated_socket& from = *find(listener);
    if (from.waiting.empty()) {
        return {outcome::would_block, 0, {}};
    }
    if (world_.chance().chance(world_.options().accept_failure)) {
        ++world_.counts().failed_accepts;
        world_.record(event::accept_failed, static_cast<std::uint64_t>(listener));
        return {outcome::failed, 0, std::make_error_code(std::errc::too_many_files_open)};
    }
    accepted = from.waiting.front();
    from.waiting.pop_front();
    world_.record(event::accepted, static_cast<std::uint64_t>(listener),
                  static_cast<std::uint64_t>(accepted));
    return {};
}

socket_handle simulated_network::connect(std::size_t host, const endpoint& local,
                                         const endpoint& peer) {
    const std::uint16_t port = local.port() == 0 ? pick_port(host) : local.port();
    const endpoint own = is_loopback(peer) ? endpoint{peer.kind(), peer.bytes(), port}
                                           : address_of(host, peer.kind(), port);
    simulated_socket& made = add(role::connecting, host, own);
    made.remote = peer;
    const socket_handle handle = made.handle;
    world_.record(event::connecting, static_cast<std::uint64_t>(handle), peer.port());
    // An address of nobody never answers.
    if (const auto to = host_of(peer, host)) {
        const nanoseconds first = world_.chance().in(world_.options().latency);
        world_.after(first, [this, handle, to] { knock(handle, *to, first_patience); });
    }
    return handle;
}

/// The first packet of a connection arrives.
void simulated_network::knock(socket_handle from, std::size_t to, nanoseconds patience) {
    simulated_socket* const client = find(from);
    if (client == nullptr) {
        return;  // given up meanwhile, or forgotten
    }
    const auto& options = world_.options();
    if (held_up(client->host, to, from) || world_.chance().chance(options.lose_connect)) {
        knock_again(from, to, patience);
        return;
    }
    simulated_socket* const listener = find_listener(to, client->remote);
    if (listener == nullptr || world_.chance().chance(options.refuse)) {
        refuse(from, to);
    } else if (listener->waiting.size() >= listener->most_waiting) {
        knock_again(from, to, patience);
    } else {
        establish(*client, *listener);
    }
}

void simulated_network::knock_again(socket_handle from, std::size_t to, nanoseconds patience) {
    ++world_.counts().lost_connects;
    world_.record(event::connect_lost, static_cast<std::uint64_t>(from));
    if (patience > last_patience) {
        fail_connect(from, std::errc::timed_out);
        return;
    }
    world_.after(patience, [=, this] { knock(from, to, patience * 2); });
}

void simulated_network::refuse(socket_handle from, std::size_t by) {
    ++world_.counts().refused_connects;
    world_.record(event::connect_refused, static_cast<std::uint64_t>(from));
    world_.after(world_.chance().in(world_.options().latency), [=, this] {
        const simulated_socket* const client = find(from);
        const auto until = client ? held_up(by, client->host, from) : std::nullopt;
        if (until) {
            world_.at(*until, [=, this] { refuse(from, by); });
            return;
        }
        fail_connect(from, std::errc::connection_refused);
    });
}

void simulated_network::establish(simulated_socket& client, simulated_socket& listener) {
    const auto made = std::make_shared<simulated_connection>();
    simulated_socket& server = add(role::connected, listener.host, client.remote);
    server.remote = client.local;
    server.side = 1;
    made->hosts = {client.host, server.host};
    made->ends = {client.handle, server.handle};
    client.connection = server.connection = made;
    listener.waiting.push_back(server.handle);
    check(listener);
    ++world_.counts().connections;
    world_.after(world_.chance().in(world_.options().latency), [=, this] { answer(made); });
    if (world_.chance().chance(world_.options().reset)) {
        world_.after(
            world_.chance().in(world_.options().reset_after), [=, this] { reset(made); },
            world::weight::background);
    }
}

/// The client learns that it is connected.
void simulated_network::answer(const connection_ptr& by) {
    const auto [client_host, server_host] = by->hosts;
    simulated_socket* const client = find(by->ends[0]);
    if (client == nullptr || client->failure) {
        return;
    }
    if (const auto until = held_up(server_host, client_host, by->ends[0])) {
        world_.at(*until, [=, this] { answer(by); });
        return;
    }
    client->is = role::connected;
    world_.record(event::connected, static_cast<std::uint64_t>(by->ends[0]),
                  static_cast<std::uint64_t>(by->ends[1]));
    check(*client);
}

void simulated_network::fail_connect(socket_handle which, std::errc why) {
    if (simulated_socket* const client = find(which)) {
        client->failure = std::make_error_code(why);
        check(*client);
    }
}

void simulated_network::cut(std::size_t from, std::size_t to, nanoseconds until) {
    world_.record(event::partitioned, from, to);
    partitions_.set(from, to, until);
}

std::optional<nanoseconds> simulated_network::held_up(std::size_t from, std::size_t to,
                                                      socket_handle who) {
    const nanoseconds until = partitions_.until(from, to, world_.elapsed());
    if (until <= world_.elapsed()) {
        return std::nullopt;
    }
    ++world_.counts().held_up;
    world_.record(event::held_up, static_cast<std::uint64_t>(who),
                  static_cast<std::uint64_t>(until.count()));
    return later(until, world_.chance().in(world_.options().latency));
}

void simulated_network::crash(std::size_t host) {
    ++world_.counts().crashes;
    world_.record(event::crashed, host);
    std::erase_if(listeners_, [&](const auto& each) { return each.first.first == host; });
    for (const auto& each : sockets_) {
        if (each && each->host == host) {
            forget(*each);
        }
    }
}

void simulated_network::close(socket_handle handle) {
    simulated_socket* const closed = find(handle);
    if (closed == nullptr) {
        return;
    }
    const auto kept = std::move(sockets_[static_cast<std::size_t>(handle) - 1]);
    if (kept->is == role::listening) {
        std::erase_if(listeners_, [&](const auto& each) { return each.second == handle; });
        for (const socket_handle each : kept->waiting) {
            find(each)->resets_on_close = true;
            close(each);
        }
    } else if (kept->connection && !kept->failure && !kept->is_forgotten) {
        leave(*kept);
    }
    world_.record(event::closed, static_cast<std::uint64_t>(handle), kept->resets_on_close ? 1 : 0);
}

}  // namespace network_system::testing::detail
