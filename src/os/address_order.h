#pragma once

#include <network_system/utils/endpoint.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace network_system::inline v0_1::runtime {

/// The connection attempt delay of RFC 8305 section 8: its recommended value and its minimum.
inline constexpr std::chrono::milliseconds attempt_delay{250};
inline constexpr std::chrono::milliseconds shortest_attempt_delay{10};
/// A name with more addresses than these is a mistake or an attack.
inline constexpr std::size_t max_addresses = 64;

/// The addresses in the order they are tried (RFC 8305 section 4): families in turn, beginning with
/// that of the resolver's first choice, and in its order within a family. At most `max_addresses`.
[[nodiscard]] inline std::vector<endpoint> interleave_families(std::vector<endpoint> resolved) {
    if (resolved.empty()) {
        return resolved;
    }
    const auto first_family = resolved.front().kind();
    const auto others =
        std::stable_partition(resolved.begin(), resolved.end(),
                              [&](const endpoint& each) { return each.kind() == first_family; });
    std::vector<endpoint> ordered;
    ordered.reserve(resolved.size());
    auto first = resolved.begin();
    auto other = others;
    while (ordered.size() < std::min(resolved.size(), max_addresses)) {
        const bool takes_first =
            other == resolved.end() || (first != others && ordered.size() % 2 == 0);
        ordered.push_back(std::move(takes_first ? *first++ : *other++));
    }
    return ordered;
}

/// How long an attempt is alone before the next one joins it: shorter when `left` addresses would
/// otherwise not all have their turn, and the last one some time, before the deadline.
template <typename Duration>
[[nodiscard]] constexpr Duration delay_before_next(Duration until_deadline, std::size_t left) {
    return std::clamp<Duration>(until_deadline / static_cast<long>(left + 1),
                                shortest_attempt_delay, attempt_delay);
}

}  // namespace network_system::runtime
