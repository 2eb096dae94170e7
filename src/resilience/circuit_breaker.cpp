#include "utils/deadline.h"

#include <network_system/resilience/circuit_breaker.h>

namespace network_system::inline v0_1::resilience {

circuit_breaker::circuit_breaker(const circuit_breaker_options& options) noexcept
    : options_(options) {}

bool circuit_breaker::allows(time_point now) noexcept {
    if (state_ == circuit_state::closed) {
        return true;
    }
    // A trial whose outcome nobody tells does not keep it half open for ever.
    const bool is_due = now >= detail::after(opened_at_, options_.open_for);
    if (state_ == circuit_state::open) {
        if (!is_due) {
            return false;
        }
        state_ = circuit_state::half_open;
        opened_at_ = now;
        begun_trials_ = 0;
        successes_ = 0;
    } else if (is_due) {
        opened_at_ = now;
        begun_trials_ = successes_;
    }
    if (begun_trials_ >= options_.trials) {
        return false;
    }
    ++begun_trials_;
    return true;
}

void circuit_breaker::succeeded() noexcept {
    failures_ = 0;
    if (state_ == circuit_state::half_open && ++successes_ >= options_.trials) {
        state_ = circuit_state::closed;
    }
}

void circuit_breaker::failed(time_point now) noexcept {
    if (options_.failure_threshold == 0) {
        return;
    }
    if (state_ == circuit_state::half_open ||
        (state_ == circuit_state::closed && ++failures_ >= options_.failure_threshold)) {
        open(now);
    }
}

void circuit_breaker::open(time_point now) noexcept {
    state_ = circuit_state::open;
    opened_at_ = now;
    failures_ = 0;
}

}  // namespace network_system::resilience
