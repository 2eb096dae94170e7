#include "lifecycle/callbacks/dispatcher.h"

#include "runtime/loop.h"
#include "utils/contain.h"
#include "utils/log.h"

#include <algorithm>

namespace network_system::inline v0_1::core {
namespace {

// The pool may have other users: a task that always finds more to do lets them go first.
constexpr int work_budget = 64;

}  // namespace

/// What is submitted to the pool: it works, or notices that it will not.
class callback_dispatcher::worker {
public:
    explicit worker(std::shared_ptr<callback_dispatcher> owner) noexcept
        : owner_(std::move(owner)) {}
    worker(worker&&) noexcept = default;
    worker& operator=(worker&&) = delete;
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;
    ~worker() {
        if (owner_) {
            // Outlives the reference: what goes with it must not block either.
            const runtime::loop::callback_scope scope;
            const auto owner = std::move(owner_);
            owner->record_begun();
            owner->end_worker();
        }
    }

    void operator()() {
        const runtime::loop::callback_scope scope;
        const auto owner = std::move(owner_);
        owner->record_begun();
        owner->work();
    }

private:
    std::shared_ptr<callback_dispatcher> owner_;
};

/// Asked without the lock: a pool of the application's is user code.
std::size_t callback_dispatcher::most_workers() const noexcept {
    return std::max<std::size_t>(pool_->worker_count(), 1);
}

bool callback_dispatcher::add(source_ptr due) {
    const std::size_t most = most_workers();
    const std::lock_guard lock(mutex_);
    due_.push_back(std::move(due));
    return workers_ < most;
}

void callback_dispatcher::start_workers() {
    const std::size_t most = most_workers();
    std::size_t more = 0;
    {
        const std::lock_guard lock(mutex_);
        // Those that were asked for and have not begun will take some of what is due.
        const std::size_t waiting = due_.size() - std::min(due_.size(), starting_);
        more = std::min(most - std::min(most, workers_), waiting);
        workers_ += more;
        starting_ += more;
    }
    for (; more > 0; --more) {
        submit_worker();
    }
}

void callback_dispatcher::submit_worker() {
    // Refused, the worker tells so itself, as one does that is dropped later.
    if (const auto submitted = pool_->submit(worker(shared_from_this())); !submitted) {
        detail::log_limited(detail::log_kind::callback_pool, {"callback_pool"},
                            "no thread for callbacks: {}", submitted.error().message);
    }
}

void callback_dispatcher::record_begun() noexcept {
    const std::lock_guard lock(mutex_);
    --starting_;
}

void callback_dispatcher::work() {
    for (int left = work_budget;; --left) {
        if (left == 0) {
            if (give_way()) {
                end_worker();
                return;
            }
            left = work_budget;
        }
        auto next = take();
        if (!next) {
            return;
        }
        // Behind the others, for this worker or another.
        if (next->run() && !detail::contain([&] { (void)add(next); })) {
            next->drop();
        }
    }
}

/// The next that is due. When there is none, the worker has ended: in the same step, or what is
/// added meanwhile would count on it.
callback_dispatcher::source_ptr callback_dispatcher::take() {
    const std::lock_guard lock(mutex_);
    if (due_.empty()) {
        --workers_;
        return nullptr;
    }
    auto next = std::move(due_.front());
    due_.pop_front();
    return next;
}

/// Whether another task does the rest, or nothing can.
bool callback_dispatcher::give_way() {
    {
        const std::lock_guard lock(mutex_);
        if (due_.empty()) {
            return false;
        }
        ++workers_;
        ++starting_;
    }
    const auto successor = pool_->submit(worker(shared_from_this()));
    return successor.is_ok() || !pool_->is_running();
}

/// One that is due while no worker is left. One by one: no container is made without memory.
callback_dispatcher::source_ptr callback_dispatcher::take_lost() noexcept {
    const std::lock_guard lock(mutex_);
    if (workers_ > 0 || due_.empty()) {
        return nullptr;
    }
    source_ptr lost = std::move(due_.front());
    due_.pop_front();
    return lost;
}

void callback_dispatcher::end_worker() noexcept {
    {
        const std::lock_guard lock(mutex_);
        --workers_;
    }
    while (const source_ptr lost = take_lost()) {
        lost->drop();
    }
}

}  // namespace network_system::core
