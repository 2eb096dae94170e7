// What travels over the connections of a simulated network.
#include "testing/simulated_network.h"
#include "testing/simulated_poller.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::testing::detail {

using runtime::io_slice;
using runtime::socket_handle;
using runtime::sockets::io_result;
using runtime::sockets::outcome;

namespace {

std::size_t size_of(std::span<const io_slice> slices) noexcept {
    std::size_t size = 0;
    for (const io_slice& each : slices) {
        size += each.size();
    }
    return size;
}

std::uint64_t number_of(socket_handle handle) noexcept {
    return static_cast<std::uint64_t>(handle);
}

}  // namespace

std::size_t simulated_network::shorten(std::size_t count) {
    if (!world_.chance().chance(world_.options().short_transfer)) {
        return count;
    }
    ++world_.counts().short_transfers;
    return 1 + static_cast<std::size_t>(world_.chance().below(count));
}

io_result simulated_network::read(simulated_socket& from, std::span<const io_slice> into) {
    const std::size_t other = 1 - from.side;
    pipe& in = from.connection->from[other];
    if (in.readable() == 0) {
        if (from.failure) {
            return {outcome::failed, 0, from.failure};
        }
        return {in.is_at_end() ? outcome::end : outcome::would_block, 0, {}};
    }
    if (world_.chance().chance(world_.options().spurious_wakeup)) {
        ++world_.counts().spurious_wakeups;
        world_.record(event::read_nothing, number_of(from.handle));
        return {outcome::would_block, 0, {}};
    }
    const std::size_t count = shorten(std::min(in.readable(), size_of(into)));
    in.read(into, count);
    world_.record(event::read, number_of(from.handle), count);
    if (!std::exchange(in.is_acknowledging, true)) {
        world_.after(world_.chance().in(world_.options().latency),
                     [this, by = from.connection, other] { acknowledge(by, other); });
    }
    return {outcome::done, count, {}};
}

/// The writer on the side learns that there is room again.
void simulated_network::acknowledge(const connection_ptr& by, std::size_t side) {
    if (const auto until = held_up(by->hosts[1 - side], by->hosts[side], by->ends[1 - side])) {
        world_.at(*until, [=, this] { acknowledge(by, side); });
        return;
    }
    by->from[side].is_acknowledging = false;
    by->from[side].acknowledge();
    if (simulated_socket* const writer = find(by->ends[side])) {
        check(*writer);
    }
}

io_result simulated_network::write(simulated_socket& to, std::span<const io_slice> from) {
    if (to.failure || to.is_shut_down) {
        return {outcome::failed, 0,
                to.failure ? to.failure : std::make_error_code(std::errc::broken_pipe)};
    }
    pipe& out = to.connection->from[to.side];
    const std::size_t size = size_of(from);
    const std::size_t room = out.room(std::max<std::size_t>(world_.options().buffer, 1));
    if (room < size) {
        ++world_.counts().full_buffers;
        world_.record(event::write_full, number_of(to.handle), room);
    }
    if (room == 0) {
        return {outcome::would_block, 0, {}};
    }
    const std::size_t count = shorten(std::min(room, size));
    out.write(from, count);
    world_.record(event::wrote, number_of(to.handle), count);
    world_.counts().bytes += count;
    for (std::size_t left = out.is_broken_off() ? 0 : count; left > 0;) {
        const std::size_t part = std::min(left, world_.chance().in(world_.options().segment));
        send(to.connection, to.side, pipe::kind::data, part);
        left -= part;
    }
    return {outcome::done, count, {}};
}

void simulated_network::shutdown_write(simulated_socket& of) {
    if (!of.failure && !std::exchange(of.is_shut_down, true)) {
        world_.record(event::shut_down, number_of(of.handle));
        send(of.connection, of.side, pipe::kind::end, 0);
    }
}

void simulated_network::send(const connection_ptr& by, std::size_t side, pipe::kind what,
                             std::size_t size) {
    pipe& way = by->from[side];
    nanoseconds arrives = later(world_.elapsed(), world_.chance().in(world_.options().latency));
    ++world_.counts().segments;
    if (world_.chance().chance(world_.options().stall)) {
        const nanoseconds late = world_.chance().in(world_.options().stall_time);
        arrives = later(arrives, late);
        ++world_.counts().stalls;
        world_.record(event::stalled, number_of(by->ends[side]),
                      static_cast<std::uint64_t>(late.count()));
    }
    way.last_arrival = std::max(way.last_arrival, arrives);
    way.push({way.last_arrival, what, size});
    if (!way.is_moving) {
        move(by, side, way.last_arrival);
    }
}

void simulated_network::move(const connection_ptr& by, std::size_t side, nanoseconds when) {
    by->from[side].is_moving = true;
    world_.at(when, [=, this] { arrive(by, side); });
}

void simulated_network::arrive(const connection_ptr& by, std::size_t side) {
    pipe& way = by->from[side];
    way.is_moving = false;
    if (way.is_empty()) {
        return;  // dropped meanwhile
    }
    if (way.front().arrives > world_.elapsed()) {
        move(by, side, way.front().arrives);
        return;
    }
    const socket_handle to = by->ends[1 - side];
    if (const auto until = held_up(by->hosts[side], by->hosts[1 - side], to)) {
        move(by, side, *until);
        return;
    }
    const pipe::segment arrived = way.arrive();
    if (!way.is_empty()) {
        move(by, side, way.front().arrives);
    }
    if (simulated_socket* const receiver = find(to); receiver && !receiver->is_forgotten) {
        take(*receiver, arrived);
    } else if (arrived.what == pipe::kind::data ||
               (arrived.what == pipe::kind::end && by->is_forgotten[1 - side])) {
        // Nobody is there any more to read it, or to answer it.
        way.drop_arrived();
        send(by, 1 - side, pipe::kind::reset, 0);
    }
}

void simulated_network::take(simulated_socket& receiver, const pipe::segment& arrived) {
    switch (arrived.what) {
        case pipe::kind::data:
            world_.record(event::arrived, number_of(receiver.handle), arrived.size);
            break;
        case pipe::kind::end: world_.record(event::end_arrived, number_of(receiver.handle)); break;
        case pipe::kind::reset: fail(receiver); return;
    }
    check(receiver);
}

/// The connection is no more, as far as this end knows. What has arrived can still be read on some
/// systems, and not on others.
void simulated_network::fail(simulated_socket& end) {
    if (end.failure) {
        return;
    }
    world_.record(event::reset_arrived, number_of(end.handle));
    end.failure = std::make_error_code(std::errc::connection_reset);
    auto& pipes = end.connection->from;
    pipes[end.side].drop_way();
    pipes[1 - end.side].break_off();
    if (world_.chance().below(2) == 0) {
        pipes[1 - end.side].drop_arrived();
    }
    check(end);
}

/// An end is closed: in order, unless that would keep quiet about input that nobody has read.
void simulated_network::leave(simulated_socket& end) {
    auto& pipes = end.connection->from;
    end.resets_on_close = end.resets_on_close || pipes[1 - end.side].readable() > 0;
    pipes[1 - end.side].drop_arrived();
    if (end.resets_on_close) {
        // What was written may still be in this machine's buffer.
        if (world_.chance().below(2) == 0) {
            pipes[end.side].drop_way();
        }
        send(end.connection, end.side, pipe::kind::reset, 0);
    } else if (!end.is_shut_down) {
        send(end.connection, end.side, pipe::kind::end, 0);
    }
}

void simulated_network::reset(const connection_ptr& by) {
    std::size_t side = world_.chance().below(2);
    if (find(by->ends[side]) == nullptr) {
        side = 1 - side;
    }
    simulated_socket* const first = find(by->ends[side]);
    if (first == nullptr || first->failure) {
        return;
    }
    ++world_.counts().resets;
    fail(*first);
    send(by, side, pipe::kind::reset, 0);
}

/// The end does not exist any more, as far as the network is concerned; what had left the machine
/// is still on its way.
void simulated_network::forget(simulated_socket& which) {
    which.is_forgotten = true;
    which.failure = std::make_error_code(std::errc::network_down);
    if (which.connection) {
        auto& pipes = which.connection->from;
        which.connection->is_forgotten[which.side] = true;
        if (world_.chance().below(2) == 0) {
            pipes[which.side].drop_way();
        }
        pipe& in = pipes[1 - which.side];
        in.drop_arrived();
        // Who waits for room asks for it again and again, and is told that nobody knows him.
        if (in.is_empty() && in.room(std::max<std::size_t>(world_.options().buffer, 1)) == 0) {
            send(which.connection, which.side, pipe::kind::reset, 0);
        }
    }
}

void simulated_network::reset_between(std::size_t one, std::size_t other) {
    std::vector<connection_ptr> found;
    for (const auto& each : sockets_) {
        if (each && each->connection) {
            const auto& hosts = each->connection->hosts;
            if (std::minmax(hosts[0], hosts[1]) == std::minmax(one, other) &&
                std::find(found.begin(), found.end(), each->connection) == found.end()) {
                found.push_back(each->connection);
            }
        }
    }
    for (const auto& each : found) {
        reset(each);
    }
}

}  // namespace network_system::testing::detail
