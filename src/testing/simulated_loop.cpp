#include "testing/simulated_loop.h"

#include "testing/simulated_host.h"
#include "testing/simulated_poller.h"

#include <array>
#include <utility>

namespace network_system::inline v0_1::testing::detail {
namespace {

class driver final : public runtime::loop_driver {
public:
    driver(std::shared_ptr<simulated_host> host, std::shared_ptr<loop_stepper> stepper)
        : host_(std::move(host)), stepper_(std::move(stepper)) {}
    driver(const driver&) = delete;
    driver& operator=(const driver&) = delete;
    ~driver() override { stepper_->end(); }

    void wake() override { stepper_->wake(); }
    void wake_at(runtime::steady_time when) override { stepper_->wake_at(when); }
    void cancel_wake_at() override { stepper_->cancel_wake_at(); }
    /// Whoever asks could only wait for himself.
    bool runs_in_this_thread() const noexcept override { return true; }

private:
    // The loop's network and clock.
    const std::shared_ptr<simulated_host> host_;
    const std::shared_ptr<loop_stepper> stepper_;
};

}  // namespace

std::shared_ptr<runtime::loop> loop_stepper::make_loop(const std::shared_ptr<simulated_host>& host,
                                                       std::uint64_t number) {
    const auto stepper = std::make_shared<loop_stepper>(host->time(), number);
    auto made = std::make_shared<runtime::loop>(
        [&](runtime::loop&) { return std::make_unique<driver>(host, stepper); },
        [&](runtime::loop&) {
            auto sockets = std::make_unique<simulated_poller>(*host, *stepper);
            stepper->poller_ = sockets.get();
            return sockets;
        },
        host->time(), *host);
    stepper->loop_ = made;
    return made;
}

void loop_stepper::wake() {
    has_tasks_ = true;
    update();
}

void loop_stepper::wake_at(runtime::steady_time when) {
    deadline_ = world::elapsed_at(when);
    world_.at(
        *deadline_, [self = shared_from_this()] { self->update(); }, world::weight::background);
}

void loop_stepper::end() noexcept {
    has_ended_ = true;
    poller_ = nullptr;
    world_.unmark(*this);
}

bool loop_stepper::has_deadline() const noexcept {
    return deadline_ && *deadline_ <= world_.elapsed();
}

bool loop_stepper::has_sockets() const noexcept {
    return poller_ != nullptr && poller_->has_ready();
}

void loop_stepper::update() {
    if (!has_ended_ && !is_busy_ && (has_tasks_ || has_deadline() || has_sockets())) {
        world_.mark(*this);
    }
}

void loop_stepper::run_once() {
    const auto owner = loop_.lock();
    if (!owner || has_ended_) {
        return;
    }
    const auto self = shared_from_this();
    run_batch(*owner);
    ++world_.counts().batches;
    occupy_thread();
    update();
}

/// One of the kinds of batches that are due.
void loop_stepper::run_batch(runtime::loop& owner) {
    std::array<event, 3> due{};
    std::size_t count = 0;
    const auto add = [&](event kind) { due[count++] = kind; };
    if (has_tasks_) {
        add(event::batch_of_tasks);
    }
    if (has_deadline()) {
        add(event::batch_of_deadlines);
    }
    if (has_sockets()) {
        add(event::batch_of_sockets);
    }
    if (count == 0) {
        return;
    }
    const event chosen = due[world_.chance().below(count)];
    if (chosen == event::batch_of_sockets) {
        poller_->dispatch(owner);
        return;
    }
    world_.record(chosen, number_);
    if (chosen == event::batch_of_tasks) {
        has_tasks_ = false;
        owner.run_tasks();
    } else {
        deadline_.reset();
        owner.run_deadlines();
    }
}

void loop_stepper::occupy_thread() {
    nanoseconds pause = world_.chance().in(world_.options().batch_time);
    if (world_.chance().chance(world_.options().thread_stall)) {
        pause = later(pause, world_.chance().in(world_.options().thread_stall_time));
        ++world_.counts().thread_stalls;
        world_.record(event::thread_stalled, number_, static_cast<std::uint64_t>(pause.count()));
    }
    if (pause.count() > 0) {
        is_busy_ = true;
        world_.after(pause, [self = shared_from_this()] {
            self->is_busy_ = false;
            self->update();
        });
    }
}

}  // namespace network_system::testing::detail
