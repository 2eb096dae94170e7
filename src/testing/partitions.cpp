#include "testing/partitions.h"

#include <algorithm>

namespace network_system::inline v0_1::testing::detail {

partitions::period partitions::next_after(nanoseconds end) {
    const auto begin = later(end, std::max(chance_.in(every_), nanoseconds{1'000}));
    return {begin, later(begin, chance_.in(time_))};
}

nanoseconds partitions::until(std::size_t from, std::size_t to, nanoseconds now) {
    nanoseconds latest{0};
    if (const auto found = asked_.find({from, to}); found != asked_.end()) {
        latest = found->second;
    }
    if (every_.most.count() <= 0 || from == to) {
        return latest;
    }
    const pair key = std::minmax(from, to);
    auto found = by_chance_.find(key);
    if (found == by_chance_.end()) {
        found = by_chance_.emplace(key, next_after(now)).first;
    }
    period& current = found->second;
    // Nobody has looked for long: what was in between is of no interest.
    if (now - current.end > std::chrono::minutes{1}) {
        current = next_after(now);
    }
    while (now >= current.end) {
        current = next_after(current.end);
    }
    return now >= current.begin ? std::max(latest, current.end) : latest;
}

}  // namespace network_system::testing::detail
