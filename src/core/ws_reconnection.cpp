#include "core/ws_reconnection.h"

#include <utility>

namespace network_system::core {

using std::chrono::milliseconds;

namespace {

/// Uniform over both ends and what is between them.
milliseconds draw(milliseconds least, milliseconds most, std::uint64_t random) noexcept {
    const auto choices = static_cast<std::uint64_t>((most - least).count()) + 1;
    return least + milliseconds{static_cast<milliseconds::rep>(random % choices)};
}

/// The largest duration when the product is beyond it.
milliseconds twice(milliseconds one) noexcept {
    return one < milliseconds::max() / 2 ? 2 * one : milliseconds::max();
}

}  // namespace

bool ws_reconnection::has_attempts_left() noexcept {
    return config_.max_attempts == 0 || attempts_++ < config_.max_attempts;
}

bool ws_reconnection::lost(bool is_own, ws_close_code code) noexcept {
    if (is_own || code == ws_close_code::normal) {
        return false;
    }
    if (code == ws_close_code::service_restart) {
        wait_ = wait::restart;
    } else if (code == ws_close_code::try_again_later) {
        wait_ = wait::try_again;
    }
    return has_attempts_left();
}

bool ws_reconnection::failed(unsigned http_status) noexcept {
    const bool is_rejection = http_status >= 400 && http_status < 500;
    if (is_rejection && !config_.after_rejection) {
        return false;
    }
    if (http_status == 503) {
        wait_ = wait::try_again;
    }
    return has_attempts_left();
}

milliseconds ws_reconnection::next_pause(std::uint64_t random) noexcept {
    switch (std::exchange(wait_, wait::backoff)) {
        case wait::restart:
            return draw(config_.restart_delay_least, config_.restart_delay_most, random);
        case wait::try_again:
            return draw(config_.try_again_delay, twice(config_.try_again_delay), random);
        case wait::backoff: break;
    }
    return backoff_.next(random);
}

}  // namespace network_system::core
