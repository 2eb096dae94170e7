#pragma once

#include "runtime/loop.h"
#include "runtime/poller.h"
#include "testing/simulated_loop.h"

#include <cstddef>
#include <vector>

namespace network_system::inline v0_1::testing::detail {

class simulated_host;

/// Tells a loop which of its simulated sockets are ready: level-triggered, in any order, and not
/// always all of them at once, as with a full set.
///
/// Thread-safety: none.
class simulated_poller final : public runtime::poller {
public:
    simulated_poller(simulated_host& host, loop_stepper& stepper)
        : host_(host), stepper_(stepper) {}

    std::error_code add(runtime::io_watch& watch, runtime::unique_socket socket,
                        runtime::interest wanted) override;
    void set_interest(runtime::io_watch& watch, runtime::interest wanted) override;
    void remove(runtime::io_watch& watch) override;
    runtime::unique_socket release(runtime::io_watch& watch) override;
    void arm() override {}
    void rebuild_after_fork() override {}

    /// What the socket is ready for may have changed.
    void check(runtime::socket_handle handle);
    [[nodiscard]] bool has_ready() const noexcept { return !ready_.empty(); }
    void dispatch(runtime::loop& owner);

private:
    [[nodiscard]] runtime::interest readiness(runtime::socket_handle handle) const;
    [[nodiscard]] std::vector<runtime::socket_handle> take_ready();

    simulated_host& host_;
    loop_stepper& stepper_;
    // Ready when they were checked.
    std::vector<runtime::socket_handle> ready_;
};

}  // namespace network_system::testing::detail
