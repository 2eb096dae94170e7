#include "runtime/asio/epoll_poller.h"

#ifdef __linux__

#include "runtime/loop.h"

#include <utility>

namespace network_system::inline v0_1::runtime {

asio_epoll_poller::asio_epoll_poller(loop& owner, const serial_executor& executor)
    : epoll_poller(owner), executor_(executor), descriptor_(executor.context(), native_set()) {}

asio_epoll_poller::~asio_epoll_poller() {
    // The set belongs to the base, which closes it.
    (void)descriptor_.release();
}

void asio_epoll_poller::arm() {
    if (!is_watching()) {
        // A pending wait would keep io_context::run from returning.
        if (is_armed_) {
            descriptor_.cancel();
        }
        return;
    }
    if (is_armed_) {
        return;
    }
    descriptor_.async_wait(
        asio::posix::descriptor_base::wait_read,
        [this, keep = owner().shared_from_this()](const std::error_code&) mutable {
            executor_.run([this, keep = std::move(keep)] { on_set_ready(*keep); });
        });
    is_armed_ = true;
}

void asio_epoll_poller::on_set_ready(loop& owner) {
    is_armed_ = false;
    owner.run_batch([&] {
        const int ready = wait(0);
        if (ready < 0) {
            is_armed_ = true;
            owner.deadlines().set(*this, after(owner.now(), rest_after_failure));
        } else {
            dispatch(ready);
        }
    });
}

void asio_epoll_poller::rebuild_after_fork() {
    // Closed, not released: that would take the set out of the reactor of the parent.
    descriptor_.close();
    renew_set();
    descriptor_.assign(native_set());
    is_armed_ = false;
    deadline_wheel::cancel(*this);
}

}  // namespace network_system::runtime

#endif
