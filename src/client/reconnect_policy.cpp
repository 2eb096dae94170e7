#include "client/reconnect_policy.h"

#include <network_system/utils/error_codes.h>

#include <utility>

namespace network_system::inline v0_1::core {

using std::chrono::milliseconds;

namespace {

/// Uniform over both ends and what is between them.
milliseconds draw(milliseconds least, milliseconds most, std::uint64_t random) noexcept {
    const auto choices = static_cast<std::uint64_t>((most - least).count()) + 1;
    return least + milliseconds{static_cast<milliseconds::rep>(random % choices)};
}

}  // namespace

bool is_lasting_refusal(std::error_code failure) noexcept {
    return failure == errc::certificate_verification_failed ||
           failure == errc::certificate_load_failed || failure == errc::invalid_argument ||
           failure == errc::not_supported || failure == errc::pipeline_mismatch ||
           failure == errc::handshake_rejected;  // by a proxy, that is; see ws_client_engine
}

bool reconnect_policy::failed(detail::steady_time now, const reconnect_advice& advice) noexcept {
    requested_ = advice.requested;
    if (advice.is_final) {
        return false;
    }
    const auto since = std::exchange(connected_at_, std::nullopt);
    if (since && now >= detail::after(*since, options_.stable_after)) {
        backoff_.reset();
        attempts_ = 0;
    }
    return options_.max_attempts == 0 || attempts_++ < options_.max_attempts;
}

milliseconds reconnect_policy::next_pause(std::uint64_t random) noexcept {
    const auto requested = std::exchange(requested_, std::nullopt);
    if (!requested) {
        return backoff_.next(random);
    }
    return requested->most ? draw(requested->least, *requested->most, random)
                           : detail::sum(requested->least, backoff_.next(random));
}

}  // namespace network_system::core
