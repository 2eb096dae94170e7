#include "session/stream_session.h"

#include "utils/failure.h"
#include "utils/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace network_system::session {

using std::chrono::milliseconds;

std::string stream_session::next_id() {
    static std::atomic<std::uint64_t> counter{0};
    return fmt::format("s-{}", counter.fetch_add(1, std::memory_order_relaxed) + 1);
}

stream_session::stream_session(std::shared_ptr<transport::transport> over,
                               std::shared_ptr<session_host> host, const session_setup& setup,
                               message_encoder encoder)
    : config_(setup.config), drain_timeout_(setup.drain_timeout),
      handshake_deadline_(setup.handshake_deadline), role_(setup.role), encoder_(encoder),
      transport_(std::move(over)), host_(std::move(host)), gate_(host_->gate()),
      pull_(config_->receiving == receive_mode::pull
                ? std::make_unique<message_pull_queue>(config_->receive_queue_limit)
                : nullptr),
      rate_(config_->max_messages_per_second > 0
                ? std::make_unique<rate_limit>(config_->max_messages_per_second)
                : nullptr),
      remote_(setup.lock_apart, config_->policy == send_policy::drop_oldest ||
                                    config_->policy == send_policy::conflate) {
    allow_sends();
}

stream_session::~stream_session() = default;

void stream_session::start() {
    self_ = shared_from_this();
    before_start();
    transport_->start(*this);
    if (!is_closing_) {
        transport_->request_flush();
        schedule_deadline();
    }
}

void stream_session::open() {
    is_open_ = true;
    schedule_deadline();
    host_->on_open(self_);
}

void stream_session::limit_sends(std::size_t size) noexcept {
    const auto limit = static_cast<std::uint32_t>(std::min(size, config_->max_message_size));
    set_sendable_below(limit + 1);
}

void stream_session::on_bytes(std::size_t placed, std::span<std::uint8_t> rest) {
    missed_pings_ = 0;
    // One guard around all messages of this read: each then costs no more than its callback.
    if (!guarded([&] { decode(placed, rest); }) && !is_closing_) {
        discarded_.add(placed + rest.size());  // the host takes no more callbacks
    }
    publish_queued();
}

Result<tls_info> stream_session::tls() const {
    if (auto known = transport_->tls()) {
        return *std::move(known);
    }
    if (transport_->is_secure()) {
        return detail::failure(errc::not_initialized, describe("no TLS handshake yet with"), id());
    }
    return messaging_session::tls();
}

std::string stream_session::describe(std::string_view operation) const {
    return fmt::format("{} {}", operation, remote_endpoint().to_string());
}

runtime::steady_time stream_session::next_deadline() const noexcept {
    runtime::steady_time next = runtime::steady_time::max();
    if (!is_open_) {
        return handshake_deadline_;
    }
    if (config_->idle_timeout > milliseconds{0}) {
        next = last_active() + config_->idle_timeout;
    }
    if (encoder_.has_control_frames() && config_->ping_interval > milliseconds{0}) {
        next = std::min(next, ping_due());
    }
    return next;
}

runtime::steady_time stream_session::last_active() const noexcept {
    return std::max({transport_->last_read(), transport_->last_write(), resumed_at_});
}

runtime::steady_time stream_session::ping_due() const noexcept {
    if (missed_pings_ > 0 && config_->pong_timeout > milliseconds{0}) {
        return std::max(last_ping_, resumed_at_) + config_->pong_timeout;
    }
    // Counted from the last ping too, so that each one gets its full interval for an answer.
    return std::max({transport_->last_read(), last_ping_, resumed_at_}) + config_->ping_interval;
}

void stream_session::schedule_deadline() {
    const auto next = next_deadline();
    if (next != runtime::steady_time::max()) {
        // A paused session's clock stands still at a moment that is past: look again later.
        const auto earliest = loop().now() + milliseconds{is_paused() ? 1000 : 1};
        transport_->set_deadline(std::max(next, earliest));
    }
    if (is_held_for(hold::rate)) {
        transport_->set_deadline(rate_->resume_at());
    }
}

void stream_session::on_deadline() {
    const auto now = loop().now();
    if (!is_open_) {
        if (now >= handshake_deadline_) {
            give_up();
            return;
        }
    } else if (is_held_for(hold::rate)) {
        end_rate_hold();
    } else if (!is_paused()) {
        keep_alive(now);
    }
    if (!is_closing_) {
        schedule_deadline();
    }
}

void stream_session::keep_alive(runtime::steady_time now) {
    trim();
    if (config_->idle_timeout > milliseconds{0} && now - last_active() >= config_->idle_timeout) {
        begin_close(errc::session_expired);
        return;
    }
    if (!encoder_.has_control_frames() || config_->ping_interval == milliseconds{0} ||
        now < ping_due()) {
        return;
    }
    // When this comes far too late, it is this loop that was held up, and the answer may well be
    // waiting in the socket.
    const bool was_held_up = now - ping_due() > config_->ping_interval / 2;
    if (missed_pings_ >= config_->max_missed_pings && !was_held_up) {
        give_up();
        return;
    }
    ++missed_pings_;
    last_ping_ = now;
    send_ping({}, operation_id::none);
}

void stream_session::apply_rate(std::uint64_t arrived) {
    if (rate_->arrived(arrived, loop().now())) {
        set_hold(hold::rate, true);
        schedule_deadline();
    }
}

void stream_session::end_rate_hold() {
    if (loop().now() >= rate_->resume_at()) {
        set_hold(hold::rate, false);
    }
}

VoidResult stream_session::set_paused(bool paused) {
    if (is_stopped()) {
        return closed_error();
    }
    if (loop().runs_here()) {
        set_hold(hold::user, paused);
    } else {
        where()->post([self = shared_from_this(), this, paused] { set_hold(hold::user, paused); });
    }
    return ok();
}

void stream_session::set_hold(hold reason, bool is_on) {
    const auto bit = static_cast<std::uint8_t>(reason);
    const bool was_paused = is_paused();
    holds_ = static_cast<std::uint8_t>(is_on ? holds_ | bit : holds_ & ~unsigned{bit});
    if (is_closing_ || was_paused == is_paused()) {
        return;
    }
    resumed_at_ = loop().now();
    transport_->pause_reading(is_paused());
    schedule_deadline();
}

VoidResult stream_session::pause_receiving() {
    return set_paused(true);
}

VoidResult stream_session::resume_receiving() {
    return set_paused(false);
}

VoidResult stream_session::ping(ping_handler&& handler, operation_id operation) {
    if (!encoder_.has_control_frames()) {
        return detail::failure(errc::not_supported,
                               describe("ping needs framing::message; connection to"), id());
    }
    if (is_stopped()) {
        return closed_error();
    }
    if (loop().runs_here()) {
        send_ping(std::move(handler), operation);
        return ok();
    }
    where()->post([self = shared_from_this(), this, handler = std::move(handler),
                   operation]() mutable { send_ping(std::move(handler), operation); });
    return ok();
}

void stream_session::send_ping(ping_handler handler, operation_id operation) {
    if (is_closing_) {
        if (handler) {
            guarded([&] { handler(closed_error().error()); });
        }
        return;
    }
    const std::uint64_t token = loop().random();
    if (handler) {
        waiting().pings.push_back({token, loop().clock(), operation, std::move(handler)});
    }
    (void)write_ping(token);
}

void stream_session::answer_ping(std::uint64_t token) {
    if (!waiting_) {
        return;
    }
    auto& pings = waiting_->pings;
    const auto found = std::find_if(pings.begin(), pings.end(),
                                    [&](const pending_ping& each) { return each.token == token; });
    if (found != pings.end()) {
        const pending_ping answered = std::move(*found);
        pings.erase(found);
        answered.handler(
            std::chrono::duration_cast<std::chrono::microseconds>(loop().clock() - answered.sent));
    }
}

VoidResult stream_session::stop_session() {
    is_stopped_.store(true, std::memory_order_relaxed);
    if (loop().runs_here()) {
        begin_close({});
    } else {
        where()->post([self = shared_from_this(), this] { begin_close({}); });
    }
    return ok();
}

stream_session::waiting_handlers& stream_session::waiting() {
    if (!waiting_) {
        waiting_ = std::make_unique<waiting_handlers>();
    }
    return *waiting_;
}

VoidResult stream_session::stop_session(stop_handler&& handler) {
    if (is_gone_.load(std::memory_order_acquire)) {
        return closed_error();
    }
    is_stopped_.store(true, std::memory_order_relaxed);
    where()->post([self = shared_from_this(), this, handler = std::move(handler)]() mutable {
        if (is_gone_.load(std::memory_order_relaxed)) {
            guarded([&] { handler(ok()); });
            return;
        }
        waiting().stops.push_back(std::move(handler));
        begin_close({});
    });
    return ok();
}

void stream_session::answer_stops(std::error_code reason) {
    if (const auto unanswered = std::move(waiting_)) {
        for (const stop_handler& each : unanswered->stops) {
            guarded([&] {
                each(reason
                         ? VoidResult(detail::failure(end_code(reason), describe("stop of"), id()))
                         : ok());
            });
        }
    }
}

void stream_session::begin_close(std::error_code reason) {
    if (is_closing_) {
        return;
    }
    is_closing_ = true;
    is_stopped_.store(true, std::memory_order_relaxed);
    remote_.close();
    take_remote(everything);
    finish(reason);
}

void stream_session::close_transport(runtime::steady_time deadline, std::error_code reason) {
    publish_queued();
    transport_->close(deadline, reason);
}

void stream_session::discard_queued() {
    remote_.close();
    take_remote(everything);
    dropped_.add(transport_->queue().discard());
    publish_queued();
}

void stream_session::abort(std::error_code reason) {
    is_closing_ = true;
    is_stopped_.store(true, std::memory_order_relaxed);
    transport_->abort(reason);
}

void stream_session::on_closed(std::error_code reason) {
    is_closing_ = true;
    is_stopped_.store(true, std::memory_order_relaxed);
    discard_queued();
    run_completions();
    fail_pending(reason);
    // A client that does not get as far as open has it in the error of its start.
    if (const std::string text = failure_text();
        !text.empty() && (is_open_ || role_ == session_role::server)) {
        detail::log(log_level::warning, "{}: {}: {}", id(), remote_endpoint().to_string(), text);
    }

    is_gone_.store(true, std::memory_order_release);
    const session_ptr self = self_;
    guarded([&] { host_->on_closed(self, reason, is_open_); });
    answer_stops(reason);
    host_->on_gone(self, reason, metrics());
    let_go();
    loop().retire(std::move(host_));
    loop().retire(std::move(self_));
}

errc stream_session::end_code(std::error_code reason) const noexcept {
    return reason && reason.category() == error_category() ? static_cast<errc>(reason.value())
                                                           : errc::connection_closed;
}

void stream_session::fail_pending(std::error_code reason) {
    const errc code = end_code(reason);
    transport::write_queue& queue = transport_->queue();
    while (const send_callback done = queue.take_any()) {
        guarded([&] { done(detail::failure(code, describe("send to"), id())); });
    }
    if (waiting_) {
        const auto unanswered = std::exchange(waiting_->pings, {});
        for (const pending_ping& each : unanswered) {
            guarded([&] { each.handler(detail::failure(code, describe("ping to"), id())); });
        }
    }
    fail_calls(code);
    end_pulling(code);
}

session_metrics stream_session::metrics() const noexcept {
    const auto read = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
    session_metrics all;
    all.messages_sent = read(sent_);
    // Before what it is subtracted from: each of these was received earlier.
    const std::uint64_t unread = unread_.load(std::memory_order_acquire);
    all.messages_received = read(received_) - unread;
    all.bytes_sent = transport_->counters().bytes_written;
    all.bytes_received = transport_->counters().bytes_read;
    all.messages_dropped = dropped_;
    all.sends_rejected = read(rejected_);
    all.bytes_discarded = transport_->counters().bytes_discarded + discarded_;
    all.rate_pauses = rate_ ? rate_->times_exceeded() : 0;
    all.messages_unread = unread + (pull_ ? pull_->size() : 0);
    all.queued_bytes = queued_bytes();
    return all;
}

}  // namespace network_system::session
