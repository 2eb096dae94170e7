#include "runtime/epoll/poller.h"

#ifdef __linux__

#include "runtime/loop.h"
#include "utils/contain.h"
#include "utils/log.h"

#include <unistd.h>

#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::runtime {
namespace {

int make_epoll_set() {
    const int set = ::epoll_create1(EPOLL_CLOEXEC);
    if (set < 0) {
        throw std::system_error(errno, std::system_category(), "epoll_create1");
    }
    return set;
}

}  // namespace

epoll_poller::epoll_poller(loop& owner) : owner_(owner), set_(make_epoll_set()) {}

epoll_poller::~epoll_poller() {
    (void)::close(set_);
}

void epoll_poller::close_copies() noexcept {
    poller::close_copies();
    (void)::close(std::exchange(set_, -1));
}

int epoll_poller::control(int operation, io_watch& watch, interest wanted) const noexcept {
    ::epoll_event event{};
    // Failures and hang-ups are told whatever is asked for; to who asks for nothing else, once.
    const bool by_edges = watch.reads_all_ || !(wanted.read || wanted.write);
    event.events = (wanted.read ? std::uint32_t{EPOLLIN} | std::uint32_t{EPOLLRDHUP} : 0U) |
                   (wanted.write ? std::uint32_t{EPOLLOUT} : 0U) |
                   (by_edges ? std::uint32_t{EPOLLET} : 0U);
    event.data.ptr = &watch;
    int failed = ::epoll_ctl(set_, operation, watch.handle_, &event);
    if (failed != 0 && operation == EPOLL_CTL_MOD && errno == ENOENT) {
        // There was no room for it when it was to be added.
        failed = ::epoll_ctl(set_, EPOLL_CTL_ADD, watch.handle_, &event);
    }
    return failed != 0 ? errno : 0;
}

std::error_code epoll_poller::add(io_watch& watch, unique_socket socket, interest wanted) {
    watch.handle_ = socket.release();
    watch.wanted_ = {};
    watches_.add(watch);
    watch.is_left_out_ = false;
    if (const int error = wanted.any() ? control(EPOLL_CTL_ADD, watch, wanted) : 0; error != 0) {
        remove(watch);
        return {error, std::system_category()};
    }
    watch.wanted_ = wanted;
    registered_ += wanted.any() ? 1 : 0;
    return {};
}

void epoll_poller::set_interest(io_watch& watch, interest wanted) {
    if (wanted == watch.wanted_) {
        return;
    }
    // A socket in the set reports hang-ups whatever is asked for: one that waits for nothing has
    // to leave it, or it would wake the loop forever.
    int operation = EPOLL_CTL_MOD;
    if (!watch.wanted_.any()) {
        operation = EPOLL_CTL_ADD;
        ++registered_;
    } else if (!wanted.any()) {
        operation = EPOLL_CTL_DEL;
        --registered_;
    }
    watch.wanted_ = wanted;
    if (operation == EPOLL_CTL_DEL) {
        watch.is_left_out_ = false;
        (void)control(operation, watch, wanted);
    } else {
        enter(operation, watch);
    }
}

void epoll_poller::enter(int operation, io_watch& watch) {
    const int error = control(operation, watch, watch.wanted_);
    watch.is_left_out_ = error == ENOMEM || error == ENOSPC;
    if (watch.is_left_out_) {
        log_failure_once("watch a socket", error, lacks_room_);
        owner_.deadlines().set(retry_, after(owner_.now(), rest_after_failure));
    } else if (error != 0) {
        tell_later(watch);
    }
}

void epoll_poller::enter_left_out() {
    bool is_any_left = false;
    for (io_watch* watch = watches_.first(); watch != nullptr; watch = watch_list::next(*watch)) {
        if (watch->is_left_out_) {
            enter(EPOLL_CTL_MOD, *watch);
            is_any_left |= watch->is_left_out_;
        }
    }
    lacks_room_ = is_any_left;
}

void epoll_poller::read_again(io_watch& watch) {
    // The system looks at a socket whenever its interest is set.
    if (watch.reads_all_ && watch.wanted_.read) {
        enter(EPOLL_CTL_MOD, watch);
    }
}

/// The socket is none any more: lets its owner find out by itself in the next batch.
void epoll_poller::tell_later(io_watch& watch) {
    owner_.post([keep = owner_.shared_from_this(), this, target = &watch] {
        for (io_watch* each = watches_.first(); each != nullptr; each = watch_list::next(*each)) {
            if (each == target) {
                each->on_ready({true, true});
                return;
            }
        }
    });
}

void epoll_poller::remove(io_watch& watch) {
    release(watch).reset();
}

unique_socket epoll_poller::release(io_watch& watch) {
    // The set is the parent's as well: a child must not take anything out of it.
    if (watch.wanted_.any() && owner_.belongs_here()) {
        // Closing is not enough: a duplicate of the descriptor, in a forked child for example,
        // would keep it in the set.
        (void)control(EPOLL_CTL_DEL, watch, {});
        --registered_;
    }
    watches_.remove(watch);
    watch.wanted_ = {};
    watch.is_left_out_ = false;
    return unique_socket(std::exchange(watch.handle_, invalid_socket));
}

int epoll_poller::wait(int timeout) noexcept {
    const int count = ::epoll_wait(set_, events_.data(), static_cast<int>(events_.size()), timeout);
    if (count >= 0) {
        cannot_wait_ = false;
        return count;
    }
    if (errno == EINTR) {
        return 0;
    }
    log_failure_once("wait for its sockets", errno, cannot_wait_);
    return -1;
}

/// No room in the kernel; or somebody else has closed the set, or put another file in its place.
void epoll_poller::log_failure_once(const char* what, int error, bool& is_logged) noexcept {
    if (std::exchange(is_logged, true)) {
        return;
    }
    const detail::log_source source{"loop"};
    detail::log(log_level::error, source.because({error, std::system_category()}),
                "it cannot {}, and tries again every {} ms", what, rest_after_failure.count());
}

void epoll_poller::dispatch(int count) {
    for (int i = 0; i < count; ++i) {
        const ::epoll_event& event = events_[static_cast<std::size_t>(i)];
        auto* const watch = static_cast<io_watch*>(event.data.ptr);
        // Without a watch: what only wakes the thread. Without a handle: closed by an earlier
        // callback of this batch.
        if (watch != nullptr && watch->handle_ != invalid_socket) {
            detail::contain([&] { tell(*watch, event.events); });
        }
    }
}

void epoll_poller::tell(io_watch& watch, std::uint32_t events) {
    const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    const interest ready{watch.wanted_.read && (broken || (events & (EPOLLIN | EPOLLRDHUP)) != 0),
                         watch.wanted_.write && (broken || (events & EPOLLOUT) != 0),
                         watch.wanted_.failure && broken};
    if (broken && ready.write && (ready.read || ready.failure)) {
        // Whoever writes first would take the socket's error away from the reader.
        watch.on_ready({ready.read, false, ready.failure});
        if (watch.handle_ != invalid_socket && watch.wanted_.write) {
            watch.on_ready({false, true});
        }
    } else if (ready.any()) {
        watch.on_ready(ready);
    }
    // The end of a stream lies behind what was read, and is no further edge.
    if ((broken || (events & EPOLLRDHUP) != 0) && watch.handle_ != invalid_socket) {
        read_again(watch);
    }
}

void epoll_poller::renew_set() {
    set_ = make_epoll_set();
    for (io_watch* watch = watches_.first(); watch != nullptr; watch = watch_list::next(*watch)) {
        if (watch->wanted_.any()) {
            (void)control(EPOLL_CTL_ADD, *watch, watch->wanted_);
        }
    }
}

}  // namespace network_system::runtime

#endif
