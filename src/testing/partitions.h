#pragma once

#include "testing/dice.h"
#include "testing/simulated_time.h"

#include <chrono>
#include <cstddef>
#include <map>
#include <utility>

namespace network_system::inline v0_1::testing::detail {

/// Which hosts cannot reach each other, and until when: what a test asked for, and what the options
/// say. The latter is made up when somebody looks, so that it costs no events.
///
/// Thread-safety: none.
class partitions {
public:
    partitions(const simulation_options& options, dice& chance)
        : every_(options.partition_every), time_(options.partition_time), chance_(chance) {}

    void set(std::size_t from, std::size_t to, nanoseconds until) { asked_[{from, to}] = until; }
    /// When what is sent can arrive; now or earlier: at once.
    [[nodiscard]] nanoseconds until(std::size_t from, std::size_t to, nanoseconds now);

private:
    using pair = std::pair<std::size_t, std::size_t>;
    struct period {
        nanoseconds begin;
        nanoseconds end;
    };

    [[nodiscard]] period next_after(nanoseconds end);

    const duration_range every_;
    const duration_range time_;
    dice& chance_;
    std::map<pair, nanoseconds> asked_;
    std::map<pair, period> by_chance_;
};

}  // namespace network_system::testing::detail
