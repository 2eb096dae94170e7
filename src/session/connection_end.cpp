// How a connection ends: what the application wants, what breaks, and who has to be told.
#include "session/connection.h"
#include "utils/contain.h"
#include "utils/failure.h"
#include "utils/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::session {

using std::chrono::milliseconds;

discardable_result connection::stop() {
    return detail::within_memory([this] {
        if (!loop()->belongs_here()) {
            return closed_error();
        }
        if (loop()->runs_here()) {
            mark_stopped();
            wind_down(runtime::after(loop()->now(), drain_timeout()));
        } else {
            post_own([this] { wind_down(runtime::after(loop()->now(), drain_timeout())); });
            mark_stopped();
        }
        return ok();
    });
}

VoidResult connection::stop(stop_handler&& handler) {
    return detail::within_memory([&] {
        if (!post_own(is_gone_, handler, [this](stop_handler& stopped) { stop_then(stopped); })) {
            return closed_error();
        }
        mark_stopped();
        return ok();
    });
}

discardable_result connection::break_off(std::error_code reason) {
    return detail::within_memory([&]() -> VoidResult {
        if (is_gone_.load(std::memory_order_acquire) || !loop()->belongs_here()) {
            return closed_error();
        }
        const auto told = reason ? reason : make_error_code(errc::connection_closed);
        // Posted even here: callbacks about the end must not run inside the caller's.
        post_own([this, told] { abort(told); });
        mark_stopped();
        is_closing_ = is_closing_ || loop()->runs_here();
        return ok();
    });
}

void connection::stop_then(stop_handler& handler) {
    if (is_gone_.load(std::memory_order_relaxed)) {
        guarded([&] { handler(ok()); });
        return;
    }
    (void)keep_handler(handler, "stop of", [&] {
        rare().stops.emplace_back();
        rare().stops.back() = std::move(handler);
    });
    wind_down(runtime::after(loop()->now(), drain_timeout()));
}

error_info connection::stop_failure(std::error_code reason) const noexcept {
    if (reason != errc::connection_timeout) {
        return failure_of(end_code(reason), "stop of");
    }
    return detail::told_anyway(errc::connection_timeout, [this] {
        return detail::failure_in_words(
            errc::connection_timeout,
            fmt::format("{}: the peer has not ended it within drain_timeout ({} ms)",
                        describe("stop of"), drain_timeout().count()),
            id());
    });
}

void connection::answer_stops(std::error_code reason) {
    const auto unanswered = rare_ ? std::move(rare_->stops) : std::vector<stop_handler>{};
    for (const stop_handler& each : unanswered) {
        guarded([&] { each(reason ? VoidResult(stop_failure(reason)) : ok()); });
    }
}

void connection::begin_close(std::error_code reason) {
    const auto deadline = runtime::after(loop()->now(), drain_timeout());
    begin_close(reason, is_winding_down_ ? std::min(deadline, due_by_) : deadline);
}

void connection::begin_close(std::error_code reason, runtime::steady_time deadline) {
    if (is_closing_) {
        return;
    }
    is_closing_ = true;
    is_stopped_.store(true, std::memory_order_relaxed);
    due_by_ = deadline;
    if (!is_open_ && role_ == connection_role::client) {
        give_no_time();  // a start that has failed has nothing to drain
    }
    const auto end = [&] {
        take_over(true);
        finish(reason);
    };
    or_abort(end, reason);
}

void connection::end_by(runtime::steady_time deadline) {
    const auto end = [this, deadline] {
        is_end_fixed_ = true;
        wind_down(deadline);
    };
    if (loop()->runs_here()) {
        end();
    } else {
        post_own(end);
    }
    mark_stopped();
}

void connection::wind_down(runtime::steady_time deadline) {
    if (is_closing_) {
        if (is_end_fixed_ && deadline < due_by_) {
            due_by_ = deadline;
            limit_end(due_by_);
        }
        return;
    }
    if (is_winding_down_) {
        due_by_ = std::min(due_by_, deadline);
        schedule_deadline();
        return;
    }
    is_ended_here_ = true;
    or_abort([this] { take_over(false); });  // it may hold requests
    if (!is_open_ || !has_work() || drain_timeout() == milliseconds{0}) {
        begin_close({}, deadline);
        return;
    }
    is_winding_down_ = true;
    due_by_ = deadline;
    or_abort([this] { announce_end(); });
    if (!is_closing_) {
        transport_->request_flush();
        schedule_deadline();
    }
}

void connection::end_if_done() {
    if (is_winding_down_ && !is_closing_ && !has_work()) {
        begin_close({}, due_by_);
    }
}

runtime::steady_time connection::work_deadline() const noexcept {
    return due_by_ - std::min(drain_timeout() / 8, milliseconds{250});
}

runtime::steady_time connection::first_look() const noexcept {
    // Most closes are over by then, and cost no look at all.
    return std::min(due_by_,
                    runtime::after(loop()->now(), std::min(drain_timeout() / 4, milliseconds{50})));
}

/// In the time of one drain_timeout.
std::uint64_t connection::least_taken() const noexcept {
    const auto wanted = static_cast<double>(settings_->min_drain_rate) *
                        std::chrono::duration<double>(drain_timeout()).count();
    constexpr double most = 1e18;
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::min(wanted, most)));
}

runtime::steady_time connection::more_time(std::uint64_t answers) {
    const auto now = loop()->now();
    const std::uint64_t taken = transport_->take_progress().taken;
    if (now >= due_by_ && !is_end_fixed_ && taken >= answers && taken - answers >= least_taken()) {
        due_by_ = runtime::after(now, drain_timeout());
    }
    return due_by_;
}

void connection::abort(std::error_code reason) {
    is_closing_ = true;
    is_stopped_.store(true, std::memory_order_relaxed);
    transport_->abort(reason);
}

void connection::on_closed(std::error_code reason) {
    is_closing_ = true;
    is_stopped_.store(true, std::memory_order_relaxed);
    fail_pending(reason);
    detail::contain([&] { log_end(reason); });
    // Before the host hears of it, in whose books a visit is no failure.
    const std::error_code counted = was_visit(reason) ? std::error_code{} : reason;
    is_gone_.store(true, std::memory_order_release);
    end_timers();
    guarded([&] { tell_closed(reason); });
    answer_stops(reason);
    tell_gone(counted);
    loop()->retire(std::move(host_));
    release_self();
}

void connection::end_timers() noexcept {
    if (!rare_) {
        return;
    }
    const auto ended = std::move(rare_->timers);
    for (const auto& each : ended) {
        each->place_ = connection_timer::nowhere;
        runtime::deadline_wheel::cancel(*each);
        each->on_end();
    }
}

bool connection::was_visit(std::error_code reason) const noexcept {
    const bool is_of_peer = reason == errc::connection_closed ||
                            reason == errc::connection_truncated ||
                            reason == errc::tls_handshake_failed;
    return is_of_peer && role_ == connection_role::server && !transport_->has_received() &&
           !has_sent();
}

void connection::log_handshake() const noexcept {
    if (!detail::is_logged(log_level::debug, writer()) || !transport_->is_secure()) {
        return;
    }
    detail::contain([this] {
        if (const auto agreed = transport_->tls()) {
            detail::log(log_level::debug, writer(), "TLS handshake: {}, {}{}", agreed->protocol,
                        agreed->cipher, agreed->is_resumed ? ", resumed" : "");
        }
    });
}

void connection::log_end(std::error_code reason) const {
    const auto who = writer().because(reason);
    if (!detail::is_logged(log_level::warning, who)) {
        return;
    }
    const std::string text = failure_text();
    // An answer of HTTP is no failure. A client that does not get as far as open has it in the
    // error of its start.
    if (!text.empty() && (is_open_ || role_ == connection_role::server) &&
        reason != errc::handshake_rejected && !was_visit(reason)) {
        detail::log_limited(detail::log_kind::failed_session, who, "{}", text);
    }
    if (detail::is_logged(log_level::debug, who)) {
        detail::log(log_level::debug, who, "closed{}{}{}; {}; after {:.1f} s",
                    is_open_ ? "" : " before it was open", text.empty() ? "" : ": ", text,
                    describe_traffic(), age_.seconds(loop()->now()));
    }
}

errc connection::end_code(std::error_code reason) const noexcept {
    return reason && reason.category() == error_category() ? static_cast<errc>(reason.value())
                                                           : errc::connection_closed;
}

void connection::fail_pending(std::error_code reason) {
    if (!rare_) {
        return;
    }
    auto unanswered = std::exchange(rare_->pings, {});
    for (pending_ping& each : unanswered) {
        const errc told = each.operation.complete_with(end_code(reason));
        guarded([&] { each.handler(failure_of(told, "ping to")); });
    }
}

}  // namespace network_system::session
