#include "framework/proxied_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace integration {
namespace {

// What is read before it is written; the sender waits then.
constexpr std::size_t most_waiting = std::size_t{256} * 1024;
constexpr std::size_t read_size = std::size_t{64} * 1024;

bool would_block() {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

proxied_connection::proxied_connection(int client, int server, int poll_set, std::uint32_t id)
    : poll_set_(poll_set), id_(id), sides_{side{client}, side{server}},
      flows_{flow(2 * id), flow(2 * id + 1)}, is_connecting_(server >= 0) {}

void proxied_connection::on_event(way at, std::uint32_t events, time_point now,
                                  const proxy_faults& faults, moved_bytes& moved) {
    if (from(at).socket < 0) {
        return;
    }
    if (at == way::to_client && is_connecting_ && !finish_connect(moved)) {
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        flow_of(opposite(at)).is_blocked = false;
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
        read(at, now, faults, moved);
    }
}

/// Whether there is a connection to the server.
bool proxied_connection::finish_connect(moved_bytes& moved) {
    int error = 0;
    ::socklen_t length = sizeof error;
    ::getsockopt(sides_[1].socket, SOL_SOCKET, SO_ERROR, &error, &length);
    is_connecting_ = false;
    if (error == 0) {
        return true;
    }
    ++moved.failed_connects;
    reset(moved);
    return false;
}

void proxied_connection::read(way direction, time_point now, const proxy_faults& faults,
                              moved_bytes& moved) {
    thread_local std::vector<std::uint8_t> buffer(read_size);
    const auto count = ::recv(from(direction).socket, buffer.data(), buffer.size(), 0);
    if (count < 0) {
        if (!would_block()) {
            on_failure(direction, moved);
        }
        return;
    }
    const time_point due = now + faults.flows[index_of(direction)].delay;
    if (count == 0) {
        from(direction).has_ended = true;
        flow_of(direction).waiting.push_end(due);
    } else {
        take(direction, std::span(buffer).first(static_cast<std::size_t>(count)), due, moved);
    }
}

void proxied_connection::take(way direction, std::span<const std::uint8_t> data, time_point due,
                              moved_bytes& moved) {
    flow& into = flow_of(direction);
    if (is_black_hole_ || into.is_cut) {
        moved.swallowed += data.size();
        return;
    }
    const bool is_counted = cut_ && cut_->direction == direction;
    const std::size_t count = is_counted && cut_->bytes < data.size()
                                  ? static_cast<std::size_t>(cut_->bytes)
                                  : data.size();
    into.waiting.push(data.first(count), due);
    if (!is_counted) {
        return;
    }
    cut_->bytes -= count;
    if (cut_->bytes > 0) {
        return;
    }
    moved.swallowed += data.size() - count;
    for (const way each : {direction, opposite(direction)}) {
        flow_of(each).is_cut = true;
        if (!cut_->is_reset) {
            flow_of(each).waiting.push_end(due);
        }
    }
    resets_when_empty_ = cut_->is_reset;
    cut_.reset();
}

/// The peer has reset its connection, so the other one is reset as well: but a black hole tells
/// nobody.
void proxied_connection::on_failure(way direction, moved_bytes& moved) {
    if (is_black_hole_) {
        close_side(from(direction));
    } else {
        reset(moved);
    }
}

void proxied_connection::half_close(way direction, time_point now) {
    flow_of(direction).is_cut = true;
    flow_of(direction).waiting.push_end(now);
}

std::optional<proxied_connection::time_point> proxied_connection::service(
    time_point now, const proxy_faults& faults, moved_bytes& moved) {
    std::optional<time_point> next;
    for (const way each : {way::to_server, way::to_client}) {
        if (!faults.is_held && !is_black_hole_ && !is_closed()) {
            write(each, now, faults, moved);
        }
        const flow& written = flow_of(each);
        if (!is_closed() && !faults.is_held && !is_black_hole_ && !is_connecting_ &&
            !written.is_blocked && !written.is_end_told) {
            const auto due = written.waiting.due();
            next = due && next ? std::min(*due, *next) : due ? due : next;
        }
    }
    if (resets_when_empty_ && flows_[0].waiting.size() + flows_[1].waiting.size() == 0) {
        reset(moved);
    } else if (is_done()) {
        close_both();
    }
    update_interest(faults);
    return is_closed() ? std::nullopt : next;
}

void proxied_connection::write(way direction, time_point now, const proxy_faults& faults,
                               moved_bytes& moved) {
    flow& out = flow_of(direction);
    const int socket = to(direction).socket;
    const flow_faults& shape = faults.flows[index_of(direction)];
    if (out.is_blocked || out.is_end_told || (is_connecting_ && direction == way::to_server)) {
        return;
    }
    const auto data = out.waiting.next(now, shape);
    if (!data.empty()) {
        const auto count = ::send(socket, data.data(), data.size(), MSG_NOSIGNAL);
        if (count < 0) {
            out.is_blocked = would_block();
            if (!out.is_blocked) {
                on_failure(opposite(direction), moved);
            }
            return;
        }
        out.waiting.pop(static_cast<std::size_t>(count), now, shape);
        moved.bytes[index_of(direction)] += static_cast<std::uint64_t>(count);
        ++moved.writes[index_of(direction)];
    }
    if (out.waiting.is_at_end(now)) {
        ::shutdown(socket, SHUT_WR);
        out.is_end_told = true;
    }
}

/// Both sides have said that no more comes, and were told so.
bool proxied_connection::is_done() {
    return !is_black_hole_ && sides_[0].has_ended && sides_[1].has_ended && flows_[0].is_end_told &&
           flows_[1].is_end_told;
}

void proxied_connection::update_interest(const proxy_faults& faults) {
    for (const way each : {way::to_server, way::to_client}) {
        const bool has_room = is_black_hole_ || flow_of(each).waiting.size() < most_waiting;
        const bool is_connecting = is_connecting_ && each == way::to_client;
        const bool reads = !from(each).has_ended && !is_connecting && !faults.is_held && has_room;
        const bool writes = is_connecting || flow_of(opposite(each)).is_blocked;
        set_interest(each, (reads ? EPOLLIN : 0U) | (writes ? EPOLLOUT : 0U));
    }
}

/// One that nothing is wanted of leaves the set: it would go on telling of a hang-up.
void proxied_connection::set_interest(way at, std::uint32_t wanted) {
    auto& [socket, interest, has_ended] = from(at);
    if (socket < 0 || wanted == interest) {
        return;
    }
    ::epoll_event event{};
    event.events = wanted;
    event.data.u64 = (std::uint64_t{id_} << 1U) | index_of(at);
    const int operation = wanted == 0     ? EPOLL_CTL_DEL
                          : interest == 0 ? EPOLL_CTL_ADD
                                          : EPOLL_CTL_MOD;
    ::epoll_ctl(poll_set_, operation, socket, &event);
    interest = wanted;
}

void proxied_connection::reset(moved_bytes& moved) {
    for (side& each : sides_) {
        if (each.socket >= 0) {
            const ::linger option{1, 0};
            ::setsockopt(each.socket, SOL_SOCKET, SO_LINGER, &option, sizeof option);
        }
    }
    moved.resets += is_closed() ? 0U : 1U;
    close_both();
}

void proxied_connection::close_side(side& which) {
    if (which.socket >= 0) {
        ::close(std::exchange(which.socket, -1));  // and is in no set then
    }
}

void proxied_connection::close_both() {
    for (side& each : sides_) {
        close_side(each);
    }
}

}  // namespace integration
