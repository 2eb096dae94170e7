#include "testing/scenario.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::testing {

namespace {

constexpr std::chrono::nanoseconds busy_time = seconds{12};
constexpr std::chrono::nanoseconds time_to_rest = minutes{10};

}  // namespace

scenario::scenario(std::uint64_t seed)
    : options_(simulation_options::faulty(seed)), world_(seed, options_),
      bytes_left_(std::size_t{1} << (15 + seed % 7)) {
    servers_ = 1 + below(2);
    for (std::size_t i = 0; i < servers_; ++i) {
        actors_.push_back(std::make_unique<server_actor>(*this, "server-" + std::to_string(i)));
    }
    const std::size_t clients = 1 + below(6);
    for (std::size_t i = 0; i < clients; ++i) {
        actors_.push_back(std::make_unique<client_actor>(*this, "client-" + std::to_string(i)));
    }
}

std::string scenario::any_server() {
    return "server-" + std::to_string(below(servers_));
}

/// Small ones for the most part, and in all so much that a seed does not take long.
std::size_t scenario::message_size() {
    const std::size_t most =
        std::min({std::size_t{1} << below(19), options_.segment.most * 256, options_.buffer * 16});
    const std::size_t size = 1 + below(std::max<std::size_t>(most, 1));
    if (size > bytes_left_) {
        return 1 + below(64);
    }
    bytes_left_ -= size;
    return size;
}

std::shared_ptr<thread_pool_interface> scenario::maybe_pool() {
    return one_in(4) ? world_.thread_pool(1 + below(3)) : nullptr;
}

void scenario::fail(std::string what) {
    if (failure_.empty()) {
        failure_ = std::move(what);
        world_.note(failure_);
    }
}

std::shared_ptr<answer_count> scenario::question() {
    return questions_.emplace_back(std::make_shared<answer_count>());
}

void scenario::act() {
    if (one_in(12)) {
        const std::string host = "clients-" + std::to_string(below(2));
        if (world_.seed() % 2 == 0 || one_in(2)) {
            world_.partition(host, any_server(), milliseconds{below(4'000)});
        } else {
            world_.reset_connections(host, any_server());
        }
        return;
    }
    actors_[below(actors_.size())]->act();
}

std::string scenario::run() {
    for (std::uint64_t i = 100 + below(200); i > 0; --i) {
        world_.at(std::chrono::nanoseconds(below(static_cast<std::uint64_t>(busy_time.count()))),
                  [this] { act(); });
    }
    (void)world_.run_for(busy_time);
    is_winding_up_ = true;
    for (const auto& each : actors_) {
        each->wind_up();
    }
    const auto is_over = [this] {
        return std::all_of(actors_.begin(), actors_.end(),
                           [](const auto& each) { return each->is_over(); });
    };
    if (!world_.run_until(is_over, time_to_stop)) {
        fail("it does not come to an end");
    }
    if (!world_.run_until_idle(time_to_rest)) {
        fail("it does not come to rest");
    }
    auto wrong = failure_.empty() ? check() : failure_;
    return wrong.empty() ? wrong : wrong + "\n" + world_.trace();
}

std::string scenario::check() {
    for (const auto& each : questions_) {
        if (each->answers > (each->was_accepted ? 1 : 0)) {
            return "a start or stop was answered " + std::to_string(each->answers) + " times";
        }
    }
    auto wrong = books_.check(world_.counts().resets > 0);
    if (wrong.empty()) {
        for (const auto& each : actors_) {
            each->destroy();
        }
        (void)world_.run_until_idle(time_to_rest);
        wrong = books_.check_released();
    }
    return wrong;
}

}  // namespace network_system::testing
