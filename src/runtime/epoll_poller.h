#pragma once

#include "runtime/poller.h"

#ifdef __linux__

#include <sys/epoll.h>

#include <array>

namespace network_system::runtime {

class loop;

/// All sockets of a loop in one epoll set, edge-triggered if they read all they can. The thread of
/// an epoll_runner waits on the set itself.
class epoll_poller : public poller {
public:
    explicit epoll_poller(loop& owner);
    ~epoll_poller() override;
    epoll_poller(const epoll_poller&) = delete;
    epoll_poller& operator=(const epoll_poller&) = delete;

    std::error_code add(io_watch& watch, unique_socket socket, interest wanted) override;
    void set_interest(io_watch& watch, interest wanted) override;
    void read_again(io_watch& watch) override;
    void remove(io_watch& watch) override;
    unique_socket release(io_watch& watch) override;
    void arm() override {}
    /// The thread that waits on the set does not exist in the child.
    void rebuild_after_fork() override {}
    void close_copies() noexcept override;

    /// Waits until something is ready or `timeout` (milliseconds, -1 = for ever) is over; how much.
    int wait(int timeout) noexcept;
    /// Tells the watches of the last `wait` that they are ready; inside a batch.
    void dispatch(int count);

    [[nodiscard]] int native_set() const noexcept { return set_; }

protected:
    /// Goes on with a new set and leaves the old one alone.
    void renew_set();
    [[nodiscard]] bool is_watching() const noexcept { return registered_ > 0; }
    [[nodiscard]] loop& owner() const noexcept { return owner_; }

private:
    [[nodiscard]] int control(int operation, io_watch& watch, interest wanted) const noexcept;
    void tell_later(io_watch& watch);

    // Bounds one batch: the rest is reported again, in turn, by the next one.
    static constexpr std::size_t batch_limit = 256;

    loop& owner_;
    int set_;
    std::size_t registered_ = 0;
    std::array<::epoll_event, batch_limit> events_{};
};

}  // namespace network_system::runtime

#endif
