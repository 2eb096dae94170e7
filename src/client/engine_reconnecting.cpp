// Whether and when a client_engine makes another attempt.
#include "client/engine.h"
#include "utils/contain.h"
#include "utils/log.h"

#include <algorithm>

namespace network_system::inline v0_1::core {

reconnect_advice client_engine::reconnect_advice_after(const ending& how) {
    const bool is_own = how.was_open && session::message_connection::of(*how.who).was_ended_here();
    return {is_own || (!options_.reconnect.after_rejection && is_lasting_refusal(how.reason))};
}

bool client_engine::reconnects_after(const ending& how) {
    last_failure_ = how.reason;
    return reconnecting_ && !is_stopping() &&
           (was_connected_ || loop_->clock() < start_over_until_) &&
           reconnecting_->failed(loop_->clock(), reconnect_advice_after(how));
}

bool client_engine::ends_by_itself() const noexcept {
    return reconnecting_ && was_connected_ && !reconnects_ && !is_sent_on_ && !is_stopping();
}

/// Only with a reconnect_policy.
void client_engine::wait_and_reconnect() {
    if (is_stopping()) {
        give_up(start_error({}));
        return;
    }
    if (!detail::insist([this] { pause_ = std::make_shared<runtime::pause>(loop_); })) {
        give_up(start_error(errc::out_of_memory, {}, {}));
        return;
    }
    const auto pause = next_pause();
    ++attempts_;
    reconnect_attempts_.add();
    detail::log_limited(detail::log_kind::reconnecting, writer(),
                        "reconnecting in {} ms (attempt {})", pause.count(), attempts_);
    run_callback(*loop_, [&] { notify_reconnecting({attempts_, pause, last_failure_}); });
    if (is_stopping()) {
        pause_.reset();
        settle_start();
        give_up(start_error({}));
        return;
    }
    // After the callback, however long that took: to whoever it tells, the pause begins now. From
    // here on a stop ends it.
    begin_pause(pause);
}

std::chrono::milliseconds client_engine::next_pause() {
    const auto pause = reconnecting_->next_pause(loop_->random());
    if (was_connected_) {
        return pause;
    }
    // The last attempt of a start is at the end of its time.
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(start_over_until_ - loop_->now());
    return std::min(pause, std::max(left, std::chrono::milliseconds{0}));
}

void client_engine::begin_pause(std::chrono::milliseconds pause) {
    pause_->start(runtime::after(loop_->clock(), pause),
                  [keep = self(), this](runtime::pause::ending how) {
                      pause_.reset();
                      if (how == runtime::pause::ending::cancelled) {
                          settle_start();
                          give_up(start_error({}));
                          return;
                      }
                      deadline_ = runtime::after(loop_->clock(), options_.connect_timeout);
                      target_.reset();
                      forget_targets();
                      connect();
                  });
}

}  // namespace network_system::core
