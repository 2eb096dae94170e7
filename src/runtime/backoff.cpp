#include "runtime/backoff.h"

#include <algorithm>

namespace network_system::inline v0_1::runtime {

using std::chrono::milliseconds;

milliseconds backoff::next(std::uint64_t random) noexcept {
    const milliseconds ceiling = std::max(ceiling_, settings_.floor);
    // Compared before it is converted back: the product may exceed the integers.
    const double grown = static_cast<double>(ceiling_.count()) * settings_.factor;
    ceiling_ = grown < static_cast<double>(settings_.cap.count())
                   ? milliseconds{static_cast<milliseconds::rep>(grown)}
                   : settings_.cap;
    const auto choices = static_cast<std::uint64_t>((ceiling - settings_.floor).count()) + 1;
    return settings_.floor + milliseconds{static_cast<milliseconds::rep>(random % choices)};
}

}  // namespace network_system::runtime
