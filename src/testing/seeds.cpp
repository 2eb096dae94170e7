#include "testing/dice.h"

#include <network_system/testing/simulation.h>

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace network_system::inline v0_1::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::optional<std::uint64_t> number_in_environment(const char* name) {
    const char* const set = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    if (set == nullptr) {
        return std::nullopt;
    }
    const std::string_view text(set);
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_whole = error == std::errc{} && end == text.data() + text.size();
    return is_whole ? std::optional(number) : std::nullopt;
}

}  // namespace

seed_range seeds_to_try(seed_range otherwise) {
    const auto first = number_in_environment("NETWORK_SIMULATION_SEED");
    const auto count = number_in_environment("NETWORK_SIMULATION_SEEDS");
    return {first.value_or(otherwise.first), count.value_or(first ? 1 : otherwise.count)};
}

std::string try_seeds(seed_range seeds,
                      const std::function<std::string(std::uint64_t seed)>& attempt) {
    for (std::uint64_t i = 0; i < seeds.count; ++i) {
        const std::uint64_t seed = seeds.first + i;
        const std::string wrong = attempt(seed);
        if (!wrong.empty()) {
            return fmt::format("seed {}: {}\nto replay: set NETWORK_SIMULATION_SEED={} and run "
                               "this test again\n",
                               seed, wrong, seed);
        }
    }
    return {};
}

simulation_options simulation_options::faulty(std::uint64_t seed) {
    // Apart from the dice of the simulation itself: a change of these options moves nothing else.
    detail::dice chance(seed ^ 0xFA17FA17FA17FA17U);
    const auto sometimes = [&](double most) {
        // Half of the seeds go without each fault; of the others some have little of it.
        return chance.below(2) == 0 ? 0.0
                                    : most * static_cast<double>(chance.below(1'000) + 1) / 1'000.0;
    };
    const auto one_of = [&](auto... values) {
        const std::array all{values...};
        return all[chance.below(all.size())];
    };
    simulation_options drawn;
    drawn.latency = {microseconds{one_of(0, 10, 200)}, microseconds{one_of(200, 5'000, 60'000)}};
    drawn.segment = {1, std::size_t{1} << (6 + chance.below(11))};
    drawn.buffer = std::size_t{1} << (10 + chance.below(10));
    drawn.short_transfer = sometimes(0.5);
    drawn.spurious_wakeup = sometimes(0.3);
    drawn.stall = sometimes(0.02);
    drawn.stall_time = {milliseconds{1}, milliseconds{one_of(10, 200, 2'000)}};
    drawn.reset = sometimes(0.5);
    drawn.reset_after = {microseconds{0}, milliseconds{one_of(10, 500, 5'000)}};
    if (chance.below(2) == 0) {
        drawn.partition_every = {milliseconds{50}, milliseconds{one_of(500, 5'000)}};
        drawn.partition_time = {milliseconds{1}, milliseconds{one_of(50, 2'000, 10'000)}};
    }
    drawn.refuse = sometimes(0.2);
    drawn.lose_connect = sometimes(0.2);
    drawn.accept_failure = sometimes(0.2);
    drawn.accept_queue = one_of(std::size_t{1}, std::size_t{4}, std::size_t{128});
    drawn.resolve_time = {microseconds{0}, milliseconds{one_of(1, 100)}};
    drawn.resolve_failure = sometimes(0.1);
    drawn.batch_time = {microseconds{0}, microseconds{one_of(0, 20, 1'000)}};
    drawn.thread_stall = sometimes(0.01);
    drawn.thread_stall_time = {milliseconds{1}, milliseconds{one_of(10, 500)}};
    return drawn;
}

}  // namespace network_system::testing
