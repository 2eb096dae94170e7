#pragma once

#include "runtime/loop.h"
#include "testing/world.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace network_system::inline v0_1::testing::detail {

class simulated_host;
class simulated_poller;

/// What steps one loop: the thread it would have.
///
/// Object lifetimes: shared by the loop's driver and what is scheduled.
class loop_stepper final : public runnable, public std::enable_shared_from_this<loop_stepper> {
public:
    loop_stepper(world& in, std::uint64_t number) : world_(in), number_(number) {}

    /// A loop of the host, which it keeps.
    [[nodiscard]] static std::shared_ptr<runtime::loop> make_loop(
        const std::shared_ptr<simulated_host>& host, std::uint64_t number);

    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    [[nodiscard]] std::shared_ptr<runtime::loop> loop() const { return loop_.lock(); }

    // Of the driver.
    void wake();
    void wake_at(runtime::steady_time when);
    void cancel_wake_at() noexcept { deadline_.reset(); }
    /// The loop has ended.
    void end() noexcept;
    /// Of the poller: a socket became ready.
    void on_ready() { update(); }

    void run_once() override;

private:
    [[nodiscard]] bool has_deadline() const noexcept;
    [[nodiscard]] bool has_sockets() const noexcept;
    void run_batch(runtime::loop& owner);
    void occupy_thread();
    void update();

    world& world_;
    const std::uint64_t number_;
    std::weak_ptr<runtime::loop> loop_;
    simulated_poller* poller_ = nullptr;
    bool has_tasks_ = false;
    bool is_busy_ = false;
    bool has_ended_ = false;
    std::optional<nanoseconds> deadline_;
};

}  // namespace network_system::testing::detail
