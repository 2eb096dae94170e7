#include "session/stream_session.h"

#include "utils/contain.h"
#include "utils/failure.h"
#include "utils/first_bytes.h"
#include "utils/log.h"
#include "utils/memory_return.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace network_system::session {

using std::chrono::milliseconds;

namespace {

// Of bytes taken in one ping interval.
constexpr std::uint64_t sign_of_life = 1024;
// Of a connection that has nothing to do, with what belongs to it.
constexpr std::size_t assumed_size = std::size_t{4} * 1024;
constexpr unsigned most_missed_pings = std::numeric_limits<std::uint16_t>::max();

/// Of a part of the interval, as where pongs are waited for a shorter time, as large a part.
std::uint64_t sign_of_life_in(runtime::steady_time::duration elapsed, milliseconds interval) {
    using seconds = std::chrono::duration<double>;
    const double part = seconds(elapsed) / seconds(interval);
    return part < 1 ? 1 + static_cast<std::uint64_t>(part * static_cast<double>(sign_of_life))
                    : sign_of_life;
}

}  // namespace

std::string stream_session::next_id() {
    static std::atomic<std::uint64_t> counter{0};
    return fmt::format("s-{}", counter.fetch_add(1, std::memory_order_relaxed) + 1);
}

stream_session::stream_session(std::shared_ptr<transport::transport> over,
                               std::shared_ptr<session_host> host, const session_setup& setup,
                               message_encoder encoder)
    : config_(setup.config), drain_timeout_(setup.drain_timeout), due_by_(setup.handshake_deadline),
      role_(setup.role), encoder_(encoder), transport_(std::move(over)), host_(std::move(host)),
      gate_(host_->gate()),
      pull_(config_->receiving == receive_mode::pull
                ? std::make_unique<message_pull_queue>(config_->receive_queue_limit)
                : nullptr),
      rate_(config_->max_messages_per_second > 0
                ? std::make_unique<rate_limit>(config_->max_messages_per_second)
                : nullptr),
      remote_(setup.lock_apart, config_->policy == send_policy::drop_oldest ||
                                    config_->policy == send_policy::conflate) {
    detail::note_taken(assumed_size);
    allow_sends();
}

stream_session::~stream_session() {
    detail::note_freed(assumed_size);
}

void stream_session::start() {
    self_ = shared_from_this();
    age_.begin(loop().now());
    const bool has_begun = detail::contain([this] { before_start(); });
    transport_->start(*this);
    if (!has_begun) {
        abort(errc::out_of_memory);
    }
    if (!is_closing_) {
        transport_->request_flush();
        schedule_deadline();
    }
}

void stream_session::keep_first_bytes(transport::bytes_view bytes) {
    std::string& kept = rare().first_bytes;
    const auto room =
        detail::kept_first_bytes + 1 - std::min(kept.size(), detail::kept_first_bytes + 1);
    kept.append(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), room));
}

std::string_view stream_session::first_bytes() const noexcept {
    return rare_ ? std::string_view(rare_->first_bytes) : std::string_view{};
}

void stream_session::note_failure(std::string text) {
    rare().failure = std::move(text);
}

std::string stream_session::no_tls_yet() {
    return "no complete TLS handshake before the deadline; check the port, and whether the peer "
           "speaks TLS there";
}

std::string stream_session::failure_text() const {
    return rare_ && !rare_->failure.empty() ? rare_->failure : transport_->failure_text();
}

void stream_session::open() {
    is_open_ = true;
    if (rare_ && rare_->pings.empty() && rare_->stops.empty()) {
        rare_.reset();  // an idle session is small
    }
    schedule_deadline();
    if (detail::is_logged(log_level::debug, writer())) {
        detail::log(log_level::debug, writer(), "open");
    }
    host_->on_established(self_);
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
    return detail::within_memory([&]() -> Result<tls_info> {
        if (auto known = transport_->tls()) {
            return *std::move(known);
        }
        if (transport_->is_secure()) {
            return detail::failure(errc::not_initialized, describe("no TLS handshake yet with"),
                                   id());
        }
        return messaging_session::tls();
    });
}

std::string stream_session::describe(std::string_view operation) const {
    return fmt::format("{} {}", operation, remote_endpoint().to_string());
}

runtime::steady_time stream_session::next_deadline() const noexcept {
    if (!is_open_) {
        return due_by_;
    }
    const auto idle = has_idle_limit() ? idle_due() : runtime::steady_time::max();
    if (has_pings()) {
        return std::min(idle, ping_due());
    }
    return looks_halfway() && loop().now() < halfway_due() ? halfway_due() : idle;
}

runtime::steady_time stream_session::last_active() const noexcept {
    return std::max({transport_->last_read(), transport_->last_write(), resumed_at_});
}

runtime::steady_time stream_session::idle_due() const noexcept {
    return runtime::after(last_active(), config_->idle_timeout);
}

runtime::steady_time stream_session::halfway_due() const noexcept {
    return runtime::after(last_active(), config_->idle_timeout / 2);
}

runtime::steady_time stream_session::ping_due() const noexcept {
    if (missed_pings_ > 0 && config_->pong_timeout > milliseconds{0}) {
        return runtime::after(std::max(last_ping_, resumed_at_), config_->pong_timeout);
    }
    // Counted from the last ping too, so that each one gets its full interval for an answer.
    return runtime::after(std::max({transport_->last_read(), last_ping_, resumed_at_}),
                          config_->ping_interval);
}

void stream_session::schedule_deadline() {
    const auto now = loop().now();
    auto next = next_deadline();
    if (next != runtime::steady_time::max()) {
        // A paused session's clock stands still at a moment that is past: look again later.
        next = std::max(next, now + milliseconds{is_paused() ? 1000 : 1});
    }
    if (is_held_for(hold::rate)) {
        next = std::min(next, rate_->resume_at());
    }
    if (is_winding_down_) {
        next = std::min(next, work_deadline());
    }
    if (next != runtime::steady_time::max()) {
        transport_->set_deadline(next);
    }
}

void stream_session::on_deadline() {
    const auto now = loop().now();
    if (!is_open_) {
        if (now >= due_by_) {
            give_up();
            return;
        }
    } else if (is_winding_down_ && now >= work_deadline()) {
        begin_close({}, due_by_);
    } else if (is_held_for(hold::rate)) {
        end_rate_hold();
    } else if (!is_paused()) {
        keep_alive(now);
    }
    if (!is_closing_) {
        schedule_deadline();
    }
}

/// By taking what it is sent. A ping waits behind what is queued, here and in the system's
/// buffers, so that an answer says nothing about a peer that is merely slow.
bool stream_session::has_shown_life() {
    const transport::peer_progress made = transport_->take_progress();
    // What is taken when nothing waits may be no more than the pings.
    const auto elapsed = loop().now() - std::max(last_ping_, resumed_at_);
    const bool shows =
        was_behind_ && made.taken >= (has_pings() ? sign_of_life_in(elapsed, config_->ping_interval)
                                                  : sign_of_life);
    was_behind_ = made.is_behind;
    if (shows) {
        missed_pings_ = 0;
        resumed_at_ = loop().now();
    }
    return shows;
}

bool stream_session::has_missed_all_pings() const noexcept {
    return missed_pings_ >= std::min(config_->max_missed_pings, most_missed_pings);
}

void stream_session::keep_alive(runtime::steady_time now) {
    trim();
    const bool is_idle = has_idle_limit() && now >= idle_due();
    const bool is_ping_due = has_pings() && now >= ping_due();
    if (!is_idle && !is_ping_due) {
        if (looks_halfway() && now >= halfway_due()) {
            (void)has_shown_life();
        }
        return;
    }
    if (has_shown_life()) {
        return;
    }
    if (is_idle) {
        begin_close(errc::session_expired);
        return;
    }
    // When this comes far too late, it is this loop that was held up, and the answer may well be
    // waiting in the socket.
    const bool was_held_up = now > runtime::after(ping_due(), config_->ping_interval / 2);
    if (has_missed_all_pings() && !was_held_up) {
        give_up();
        return;
    }
    missed_pings_ = static_cast<std::uint16_t>(std::min(missed_pings_ + 1U, most_missed_pings));
    last_ping_ = now;
    send_ping({}, {});
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
    return detail::within_memory([&]() -> VoidResult {
        if (is_stopped() || !loop().belongs_here()) {
            return closed_error();
        }
        if (loop().runs_here()) {
            set_hold(hold::user, paused);
        } else {
            post_own([this, paused] { set_hold(hold::user, paused); });
        }
        return ok();
    });
}

void stream_session::set_hold(hold reason, bool is_on) {
    // What is left to read of a broken connection is little, and has nobody to slow down.
    if (!is_on || !is_broken_ || reason == hold::user) {
        const auto bit = static_cast<std::uint8_t>(reason);
        change_holds(static_cast<std::uint8_t>(is_on ? holds_ | bit : holds_ & ~unsigned{bit}));
    }
}

void stream_session::on_broken() {
    is_broken_ = true;
    change_holds(holds_ & static_cast<std::uint8_t>(hold::user));
}

void stream_session::change_holds(std::uint8_t holds) {
    const transport::reading before = wanted_reading();
    holds_ = holds;
    if (is_closing_ || before == wanted_reading()) {
        return;
    }
    resumed_at_ = loop().now();
    transport_->set_reading(wanted_reading());
    schedule_deadline();
}

/// The application alone decides whether it is told of more; other reasons end with the connection.
transport::reading stream_session::wanted_reading() const noexcept {
    if (is_held_for(hold::user)) {
        return transport::reading::off;
    }
    return is_paused() ? transport::reading::until_broken : transport::reading::on;
}

discardable_result stream_session::pause_receiving() {
    return set_paused(true);
}

discardable_result stream_session::resume_receiving() {
    return set_paused(false);
}

VoidResult stream_session::ping(ping_handler&& handler, operation_id operation) {
    return detail::within_memory([&]() -> VoidResult {
        if (!encoder_.has_control_frames()) {
            return detail::failure(errc::not_supported,
                                   describe("ping needs framing::message; connection to"), id());
        }
        if (is_stopped() || !loop().belongs_here()) {
            return closed_error();
        }
        pending_operation pending;
        if (!begin_operation(pending, operation)) {
            return operation_exists(id());
        }
        if (loop().runs_here()) {
            send_ping(std::move(handler), std::move(pending));
            return ok();
        }
        post_own(handler, [this, pending = std::move(pending)](ping_handler& answered) mutable {
            send_ping(std::move(answered), std::move(pending));
        });
        return ok();
    });
}

void stream_session::send_ping(ping_handler handler, pending_operation operation) {
    if (is_closing_ || operation.is_cancelled()) {
        if (handler) {
            const bool was_closed = operation.complete();
            guarded([&] {
                handler(was_closed ? closed_error().error()
                                   : failure_of(errc::cancelled, "ping to"));
            });
        }
        return;
    }
    const std::uint64_t token = loop().random();
    const auto keep = [&] {
        rare().pings.push_back({token, loop().clock(), std::move(operation), {}});
        rare().pings.back().handler = std::move(handler);
    };
    if (!handler || keep_handler(handler, "ping to", keep)) {
        or_abort([&] { (void)write_ping(token); });
    }
}

void stream_session::answer_ping(std::uint64_t token) {
    if (!rare_) {
        return;
    }
    auto& pings = rare_->pings;
    const auto found = std::find_if(pings.begin(), pings.end(),
                                    [&](const pending_ping& each) { return each.token == token; });
    if (found != pings.end()) {
        pending_ping answered = std::move(*found);
        pings.erase(found);
        if (answered.operation.complete()) {
            answered.handler(std::chrono::duration_cast<std::chrono::microseconds>(loop().clock() -
                                                                                   answered.sent));
        } else {
            answered.handler(failure_of(errc::cancelled, "ping to"));
        }
    }
}

stream_session::rare_state& stream_session::rare() {
    if (!rare_) {
        rare_ = std::make_unique<rare_state>();
    }
    return *rare_;
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
