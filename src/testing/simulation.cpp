#include "testing/simulated_host.h"
#include "testing/simulated_pool.h"

#include <network_system/testing/simulation.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::testing {

using detail::forever;
using detail::later;
using detail::nanoseconds;

namespace {

// So many events at one moment are no progress.
constexpr int most_at_once = 1'000'000;

}  // namespace

class simulation::impl {
public:
    impl(std::uint64_t seed, const simulation_options& options)
        : seed_(seed), universe_(std::make_shared<detail::universe>(seed, options)) {}
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    ~impl() {
        universe_->has_ended = true;
        universe_->end_loops([](std::size_t) { return true; });
        for (const auto& each : pools_) {
            if (const auto pool = each.lock()) {
                pool->stop();
            }
        }
        world().clear();
    }

    [[nodiscard]] detail::world& world() const noexcept { return universe_->time; }
    [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

    std::shared_ptr<detail::simulated_host> host(std::string_view name) {
        return hosts_[number_of(name)];
    }
    std::size_t number_of(std::string_view name) {
        auto& fabric = universe_->fabric;
        if (const auto known = fabric.find_host(name)) {
            return *known;
        }
        const std::size_t number = fabric.add_host(name);
        hosts_.push_back(std::make_shared<detail::simulated_host>(universe_, number));
        return number;
    }
    std::shared_ptr<thread_pool_interface> make_pool(std::size_t threads) {
        const auto made =
            std::make_shared<detail::simulated_pool>(universe_, pools_.size() + 1, threads);
        pools_.push_back(made);
        return made;
    }

    /// Steps until `is_over`, checked after each, or until nothing is left by the limit; whether
    /// it is over.
    template <typename Condition>
    bool run(nanoseconds limit, const Condition& is_over) {
        if (is_running_) {
            return false;
        }
        const running_scope scope(&is_running_);
        const nanoseconds end = later(world().elapsed(), limit);
        nanoseconds moment = world().elapsed();
        for (int at_once = 0; !is_over();) {
            if (!world().step(end)) {
                world().move_to(end == forever ? world().elapsed() : end);
                return is_over();
            }
            at_once =
                world().elapsed() == std::exchange(moment, world().elapsed()) ? at_once + 1 : 0;
            if (at_once > most_at_once) {
                return false;
            }
        }
        return true;
    }
    bool run_for(nanoseconds duration) {
        if (is_running_) {
            return false;
        }
        const nanoseconds end = later(world().elapsed(), duration);
        (void)run(duration, [] { return false; });
        return world().elapsed() == end;
    }
    bool step() {
        if (is_running_) {
            return false;
        }
        const running_scope scope(&is_running_);
        return world().step(forever);
    }

    void partition(std::string_view from, std::string_view to, nanoseconds duration) {
        const auto one = number_of(from);
        const auto other = number_of(to);
        universe_->fabric.cut(one, other, later(world().elapsed(), duration));
    }
    void reset_between(std::string_view one, std::string_view other) {
        const auto first = number_of(one);
        universe_->fabric.reset_between(first, number_of(other));
    }

    /// At once; in a callback of the host, as soon as it has returned.
    void crash(std::string_view name) {
        const auto crashing = host(name);
        if (crashing->runs_here()) {
            world().after(nanoseconds{0}, [crashing] { crashing->crash(); });
        } else {
            crashing->crash();
        }
    }

private:
    class running_scope {
    public:
        explicit running_scope(bool* flag) : flag_(flag) { *flag_ = true; }
        running_scope(const running_scope&) = delete;
        running_scope& operator=(const running_scope&) = delete;
        ~running_scope() { *flag_ = false; }

    private:
        bool* flag_;
    };

    const std::uint64_t seed_;
    const std::shared_ptr<detail::universe> universe_;
    std::vector<std::shared_ptr<detail::simulated_host>> hosts_;
    std::vector<std::weak_ptr<detail::simulated_pool>> pools_;
    bool is_running_ = false;
};

simulation::simulation(std::uint64_t seed, const simulation_options& options)
    : impl_(std::make_unique<impl>(seed, options)) {}

simulation::~simulation() = default;

std::shared_ptr<runtime::environment> simulation::environment_of(std::string_view host) {
    return impl_->host(host);
}

simulation::host_options simulation::on_host(std::string_view host) {
    return host_options(environment_of(host));
}

std::shared_ptr<thread_pool_interface> simulation::thread_pool(std::size_t threads) {
    return impl_->make_pool(threads);
}

nanoseconds simulation::now() const noexcept {
    return impl_->world().elapsed();
}

void simulation::at(nanoseconds when, unique_function<void()> task) {
    impl_->world().at(when, std::move(task));
}

void simulation::after(nanoseconds delay, unique_function<void()> task) {
    at(later(now(), delay), std::move(task));
}

bool simulation::run_for(nanoseconds duration) {
    return impl_->run_for(duration);
}

bool simulation::run_until(const std::function<bool()>& condition, nanoseconds limit) {
    return impl_->run(limit, condition);
}

bool simulation::run_until_idle(nanoseconds limit) {
    return impl_->run(limit, [this] { return impl_->world().is_idle(); });
}

bool simulation::step() {
    return impl_->step();
}

void simulation::partition(std::string_view one, std::string_view other, nanoseconds duration) {
    impl_->partition(one, other, duration);
    impl_->partition(other, one, duration);
}

void simulation::partition_one_way(std::string_view from, std::string_view to,
                                   nanoseconds duration) {
    impl_->partition(from, to, duration);
}

void simulation::reset_connections(std::string_view one, std::string_view other) {
    impl_->reset_between(one, other);
}

void simulation::crash(std::string_view host) {
    impl_->crash(host);
}

std::uint64_t simulation::seed() const noexcept {
    return impl_->seed();
}

std::uint64_t simulation::random() noexcept {
    return impl_->world().chance().next();
}

std::uint64_t simulation::random_below(std::uint64_t bound) noexcept {
    return impl_->world().chance().below(bound);
}

const simulation_counts& simulation::counts() const noexcept {
    return impl_->world().counts();
}

std::uint64_t simulation::fingerprint() const noexcept {
    return impl_->world().trace().fingerprint();
}

std::string simulation::trace() const {
    return impl_->world().trace().text();
}

void simulation::note(std::string_view what) {
    impl_->world().trace().add_note(now(), what);
}

}  // namespace network_system::testing
