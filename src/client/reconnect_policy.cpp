#include "client/reconnect_policy.h"

#include <utility>

namespace network_system::inline v0_1::core {

using std::chrono::milliseconds;

namespace {

/// Uniform over both ends and what is between them.
milliseconds draw(milliseconds least, milliseconds most, std::uint64_t random) noexcept {
    const auto choices = static_cast<std::uint64_t>((most - least).count()) + 1;
    return least + milliseconds{static_cast<milliseconds::rep>(random % choices)};
}

/// The largest duration when the sum is beyond it.
milliseconds sum(milliseconds one, milliseconds other) noexcept {
    return one < milliseconds::max() - other ? one + other : milliseconds::max();
}

}  // namespace

bool reconnect_policy::failed(detail::steady_time now, const reconnect_advice& advice) noexcept {
    requested_ = advice.requested;
    if (advice.is_final) {
        return false;
    }
    const auto since = std::exchange(connected_at_, std::nullopt);
    if (since && now >= detail::after(*since, settings_.stable_after)) {
        backoff_.reset();
        attempts_ = 0;
    }
    return settings_.max_attempts == 0 || attempts_++ < settings_.max_attempts;
}

milliseconds reconnect_policy::next_pause(std::uint64_t random) noexcept {
    const auto requested = std::exchange(requested_, std::nullopt);
    if (!requested) {
        return backoff_.next(random);
    }
    return requested->most ? draw(requested->least, *requested->most, random)
                           : sum(requested->least, backoff_.next(random));
}

}  // namespace network_system::core
