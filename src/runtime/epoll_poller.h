#pragma once

#include "runtime/poller.h"
#include "runtime/serial_executor.h"

#ifdef __linux__

#include <asio/posix/basic_stream_descriptor.hpp>

#include <sys/epoll.h>

#include <array>

namespace network_system::runtime {

class loop;

/// All sockets of a loop in one level-triggered epoll set, which Asio knows as one descriptor:
/// one wake of Asio's reactor serves every socket that is ready.
class epoll_poller final : public poller {
public:
    epoll_poller(loop& owner, const serial_executor& executor);

    std::error_code add(io_watch& watch, unique_socket socket, interest wanted) override;
    void set_interest(io_watch& watch, interest wanted) override;
    void remove(io_watch& watch) override;
    unique_socket release(io_watch& watch) override;
    void arm() override;
    void rebuild_after_fork() override;

private:
    using descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

    [[nodiscard]] int control(int operation, io_watch& watch, interest wanted) noexcept;
    void on_set_ready(loop& owner);
    void dispatch_ready();

    // Bounds one batch: the rest is reported again, in turn, by the next one.
    static constexpr int batch_limit = 256;

    loop& owner_;
    serial_executor executor_;
    descriptor set_;
    std::size_t registered_ = 0;
    bool is_armed_ = false;
    std::array<::epoll_event, batch_limit> events_{};
};

}  // namespace network_system::runtime

#endif
