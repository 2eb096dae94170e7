#pragma once

#include "runtime/deadline_wheel.h"
#include "runtime/poller.h"

#ifdef __linux__

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstddef>

namespace network_system::inline v0_1::runtime {

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
    /// Negative: the set cannot be waited for, which is logged once until it can be again. Whoever
    /// waits then rests before the next time, or would do nothing else.
    int wait(int timeout) noexcept;
    static constexpr std::chrono::milliseconds rest_after_failure{10};
    /// Tells the watches of the last `wait` that they are ready; inside a batch.
    void dispatch(int count);

    [[nodiscard]] int native_set() const noexcept { return set_; }

protected:
    /// Goes on with a new set and leaves the old one alone.
    void renew_set();
    [[nodiscard]] bool is_watching() const noexcept { return registered_ > 0; }
    [[nodiscard]] loop& owner() const noexcept { return owner_; }

private:
    /// The loop rests before it asks again for what the system had no room for.
    class retry final : public deadline_entry {
    public:
        explicit retry(epoll_poller& owner) noexcept : owner_(owner) {}
        void on_deadline(steady_time) override { owner_.enter_left_out(); }

    private:
        epoll_poller& owner_;
    };

    /// 0, or errno.
    [[nodiscard]] int control(int operation, io_watch& watch, interest wanted) const noexcept;
    void tell(io_watch& watch, std::uint32_t events);
    /// Tells the system what the watch waits for.
    void enter(int operation, io_watch& watch);
    void enter_left_out();
    void tell_later(io_watch& watch);
    void log_failure_once(const char* what, int error, bool& is_logged) noexcept;

    // Bounds one batch: the rest is reported again, in turn, by the next one.
    static constexpr std::size_t batch_limit = 256;

    loop& owner_;
    int set_;
    std::size_t registered_ = 0;
    // What the log has said, until it is over.
    bool cannot_wait_ = false;
    bool lacks_room_ = false;
    retry retry_{*this};
    std::array<::epoll_event, batch_limit> events_{};
};

}  // namespace network_system::runtime

#endif
