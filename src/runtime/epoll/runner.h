#pragma once

#include "runtime/loop_runner.h"

#ifdef __linux__

namespace network_system::inline v0_1::runtime {

/// Runs a loop by waiting on its epoll set: the thread does nothing else, so an io_context between
/// them would only add system calls to every wake.
class epoll_runner final : public loop_runner {
public:
    epoll_runner();
    ~epoll_runner() override;
    epoll_runner(const epoll_runner&) = delete;
    epoll_runner& operator=(const epoll_runner&) = delete;

    const std::shared_ptr<loop>& loop_ptr() const noexcept override { return where_; }
    void run() override;
    void stop() noexcept override;

private:
    class driver;

    std::shared_ptr<loop> where_;
    driver* driver_ = nullptr;  // lives with the loop, until that is shut down
};

}  // namespace network_system::runtime

#endif
