#pragma once

#include "runtime/asio/serial_executor.h"
#include "runtime/deadline_wheel.h"
#include "runtime/epoll/poller.h"

#ifdef __linux__

#include <asio/posix/basic_stream_descriptor.hpp>

namespace network_system::inline v0_1::runtime {

/// An epoll set that an io_context waits for: to Asio it is one descriptor, so one wake of its
/// reactor serves every socket that is ready.
class asio_epoll_poller final : public epoll_poller, private deadline_entry {
public:
    asio_epoll_poller(loop& owner, const serial_executor& executor);
    ~asio_epoll_poller() override;
    asio_epoll_poller(const asio_epoll_poller&) = delete;
    asio_epoll_poller& operator=(const asio_epoll_poller&) = delete;

    void arm() override;
    void rebuild_after_fork() override;

private:
    void on_set_ready(loop& owner);
    /// The rest after a failed wait is over.
    void on_deadline(steady_time) override { is_armed_ = false; }

    serial_executor executor_;
    asio::posix::basic_stream_descriptor<asio::io_context::executor_type> descriptor_;
    // Waits, or rests before it does.
    bool is_armed_ = false;
};

}  // namespace network_system::runtime

#endif
