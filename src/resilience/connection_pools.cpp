#include "lifecycle/restartable.h"
#include "resilience/pool_clients.h"
#include "resilience/pool_core.h"
#include "runtime/io_threads.h"
#include "runtime/timer.h"
#include "utils/contain.h"
#include "utils/deadline.h"
#include "utils/failure.h"
#include "utils/option_checks.h"
#include "utils/process.h"

#include <network_system/resilience/connection_pools.h>
#include <network_system/resilience/pool_metrics_fields.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::resilience {
namespace {

constexpr const char* pools_name = "connection_pools";

[[nodiscard]] VoidResult check_pools(const pools_options& options) {
    using detail::range;
    static constexpr std::array ranges{
        range<&pools_options::target_idle_timeout>("target_idle_timeout", 0),
        range<&pools_options::max_targets>("max_targets", 1),
    };
    detail::option_checks checks(pools_name, "pools_options: ");
    checks.ranges(options, ranges);
    checks.must(validate(options.each));
    return std::move(checks).result();
}

}  // namespace

class connection_pools::impl : public std::enable_shared_from_this<impl> {
public:
    impl(pools_options&& options, pool_callbacks&& callbacks)
        : options_(std::move(options)), validity_(check_pools(options_)),
          callbacks_(std::make_shared<const pool_callbacks>(std::move(callbacks))) {
        runtime::io_threads::end_after_caller();
    }

    [[nodiscard]] bool belongs_here() const noexcept { return made_in_.is_here(); }
    [[nodiscard]] Result<pool_ptr> get(std::string_view host, std::uint16_t port);
    void shut_down();
    [[nodiscard]] std::size_t count() const {
        const std::lock_guard lock(mutex_);
        return targets_.size();
    }
    [[nodiscard]] pool_metrics metrics() const;

private:
    using key = std::pair<std::string, std::uint16_t>;
    struct target {
        pool_ptr pool;
        detail::steady_time last_asked;
    };
    using target_map = std::map<key, target>;

    // Under the lock.
    [[nodiscard]] VoidResult prepare();
    [[nodiscard]] pool_ptr make(const key& server) const;
    /// When it was last used or asked for; nothing while it is in use.
    [[nodiscard]] static std::optional<detail::steady_time> unused_since(const target& one) {
        // Nobody else keeps it, or will: who asks for it has the lock.
        const auto since =
            one.pool.use_count() == 1 ? one.pool->core_->unused_since() : std::nullopt;
        return since ? std::optional(std::max(*since, one.last_asked)) : std::nullopt;
    }
    [[nodiscard]] bool make_room(std::vector<pool_ptr>& forgotten);
    void schedule();

    void on_time();
    /// Where nothing waits for them to end.
    void drop(std::vector<pool_ptr>&& forgotten);

    const pools_options options_;
    const VoidResult validity_;
    const std::shared_ptr<const pool_callbacks> callbacks_;
    const detail::origin made_in_;

    mutable std::mutex mutex_;
    pool_place place_;
    std::shared_ptr<runtime::timer> timer_;
    bool is_timer_set_ = false;
    bool is_shut_down_ = false;
    target_map targets_;
};

Result<connection_pools::pool_ptr> connection_pools::impl::get(std::string_view host,
                                                               std::uint16_t port) {
    if (!belongs_here()) {
        return core::made_before_fork(pools_name);
    }
    return detail::within_memory([&]() -> Result<pool_ptr> {
        std::vector<pool_ptr> forgotten;
        const std::unique_lock lock(mutex_);
        if (const VoidResult prepared = prepare(); !prepared) {
            return prepared.error();
        }
        key server{std::string(host), port};
        const auto now = place_.loop->clock();
        if (const auto found = targets_.find(server); found != targets_.end()) {
            found->second.last_asked = now;
            return found->second.pool;
        }
        if (!make_room(forgotten)) {
            return detail::failure_in_words(
                errc::rate_limited,
                fmt::format("no pool for {} port {}: all {} (max_targets) are in use", host, port,
                            targets_.size()),
                pools_name);
        }
        pool_ptr made = make(server);
        targets_.emplace(std::move(server), target{made, now});
        schedule();
        drop(std::move(forgotten));
        return made;
    });
}

VoidResult connection_pools::impl::prepare() {
    if (is_shut_down_) {
        return detail::failure(errc::connection_closed, "the pools have been shut down",
                               pools_name);
    }
    if (!validity_ || place_.loop) {
        return validity_;
    }
    auto chosen = choose_place(options_.each.connection);
    if (!chosen) {
        return chosen.error();
    }
    place_ = std::move(chosen).value();
    timer_ = std::make_shared<runtime::timer>(place_.loop, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->on_time();
        }
    });
    return ok();
}

connection_pools::pool_ptr connection_pools::impl::make(const key& server) const {
    pool_options options = options_.each;
    options.server = {server.first, server.second};
    pool_callbacks callbacks;
    if (callbacks_->connected) {
        callbacks.connected = [all = callbacks_](const pool_callbacks::session_ptr& who) {
            all->connected(who);
        };
    }
    if (callbacks_->received) {
        callbacks.received = [all = callbacks_](const pool_callbacks::session_ptr& who,
                                                std::span<const std::uint8_t> data) {
            all->received(who, data);
        };
    }
    return std::make_shared<connection_pool>(options, std::move(callbacks));
}

bool connection_pools::impl::make_room(std::vector<pool_ptr>& forgotten) {
    if (targets_.size() < options_.max_targets) {
        return true;
    }
    auto oldest = targets_.end();
    auto oldest_use = detail::steady_time::max();
    for (auto each = targets_.begin(); each != targets_.end(); ++each) {
        const auto since = unused_since(each->second);
        if (since && *since < oldest_use) {
            oldest = each;
            oldest_use = *since;
        }
    }
    if (oldest == targets_.end()) {
        return false;
    }
    forgotten.push_back(oldest->second.pool);
    targets_.erase(oldest);
    return true;
}

void connection_pools::impl::schedule() {
    constexpr int parts = 4;
    if (options_.target_idle_timeout > std::chrono::milliseconds{0} && !targets_.empty() &&
        !is_timer_set_) {
        const auto pause =
            std::max(options_.target_idle_timeout / parts, std::chrono::milliseconds{1});
        // Without memory for it, with the next server that is asked for.
        is_timer_set_ = detail::attempt_often(
            [&] { timer_->wake_at(detail::after(place_.loop->clock(), pause)); });
    }
}

void connection_pools::impl::on_time() {
    // Destroyed after the lock. This is an I/O thread, so that nothing waits for their ends.
    target_map forgotten;
    const std::lock_guard lock(mutex_);
    is_timer_set_ = false;
    const auto now = place_.loop->clock();
    for (auto each = targets_.begin(); each != targets_.end();) {
        const auto next = std::next(each);
        const auto since = unused_since(each->second);
        if (since && detail::after(*since, options_.target_idle_timeout) <= now) {
            forgotten.insert(targets_.extract(each));
        }
        each = next;
    }
    schedule();
}

void connection_pools::impl::drop(std::vector<pool_ptr>&& forgotten) {
    if (!forgotten.empty()) {
        place_.loop->post([ended = std::move(forgotten)]() mutable { ended.clear(); });
    }
}

void connection_pools::impl::shut_down() {
    target_map ended;
    {
        const std::lock_guard lock(mutex_);
        is_shut_down_ = true;
        ended.swap(targets_);
        if (timer_ && std::exchange(is_timer_set_, false)) {
            (void)detail::attempt_often([this] { timer_->wake_at(detail::steady_time::max()); });
        }
    }
    for (const auto& [server, each] : ended) {
        each.pool->shutdown();
    }
}

pool_metrics connection_pools::impl::metrics() const {
    pool_metrics sum;
    const std::lock_guard lock(mutex_);
    for (const auto& [server, each] : targets_) {
        add(sum, each.pool->metrics());
    }
    return sum;
}

connection_pools::connection_pools(pools_options options, pool_callbacks callbacks)
    : impl_(std::make_shared<impl>(std::move(options), std::move(callbacks))) {}

connection_pools::~connection_pools() {
    if (impl_->belongs_here()) {
        impl_->shut_down();
    } else {
        detail::keep_for_ever(impl_);
    }
}

Result<connection_pools::pool_ptr> connection_pools::get(std::string_view host,
                                                         std::uint16_t port) {
    return impl_->get(host, port);
}

Result<lease> connection_pools::acquire(std::string_view host, std::uint16_t port) {
    const auto pool = get(host, port);
    if (!pool) {
        return pool.error();
    }
    return pool.value()->acquire();
}

discardable_result connection_pools::shutdown() {
    if (!impl_->belongs_here()) {
        return core::made_before_fork(pools_name);
    }
    impl_->shut_down();
    return ok();
}

std::size_t connection_pools::target_count() const {
    return impl_->belongs_here() ? impl_->count() : 0;
}

pool_metrics connection_pools::metrics() const {
    return impl_->belongs_here() ? impl_->metrics() : pool_metrics{};
}

}  // namespace network_system::resilience
