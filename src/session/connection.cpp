#include "session/connection.h"

#include "utils/contain.h"
#include "utils/failure.h"
#include "utils/first_bytes.h"
#include "utils/log.h"
#include "utils/memory_return.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace network_system::inline v0_1::session {

using std::chrono::milliseconds;

namespace {

// Of a connection that has nothing to do, with what belongs to it.
constexpr std::size_t assumed_size = std::size_t{4} * 1024;

}  // namespace

std::string connection::next_id() {
    static std::atomic<std::uint64_t> counter{0};
    return fmt::format("s-{}", counter.fetch_add(1, std::memory_order_relaxed) + 1);
}

connection::connection(std::shared_ptr<transport::transport> over,
                       std::shared_ptr<connection_host> host, const connection_setup& setup,
                       bool has_pings)
    : settings_(setup.settings), due_by_(setup.handshake_deadline), role_(setup.role),
      has_pings_(has_pings), transport_(std::move(over)), host_(std::move(host)),
      gate_(host_->gate()) {
    detail::record_taken(assumed_size);
}

connection::~connection() {
    detail::record_freed(assumed_size);
}

void connection::start() {
    keep_self();
    age_.begin(loop()->now());
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

void connection::keep_first_bytes(bytes_view bytes) {
    std::string& kept = rare().first_bytes;
    const auto room =
        detail::kept_first_bytes + 1 - std::min(kept.size(), detail::kept_first_bytes + 1);
    kept.append(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), room));
}

std::string_view connection::first_bytes() const noexcept {
    return rare_ ? std::string_view(rare_->first_bytes) : std::string_view{};
}

void connection::record_failure(std::string text) {
    rare().failure = std::move(text);
}

std::string connection::no_tls_yet() {
    return "no complete TLS handshake before the deadline; check the port, and whether the peer "
           "speaks TLS there";
}

std::string connection::failure_text() const {
    return rare_ && !rare_->failure.empty() ? rare_->failure : transport_->failure_text();
}

void connection::open() {
    is_open_ = true;
    if (rare_ && rare_->pings.empty() && rare_->stops.empty() && rare_->timers.empty()) {
        rare_.reset();  // an idle session is small
    }
    schedule_deadline();
    if (detail::is_logged(log_level::debug, writer())) {
        detail::log(log_level::debug, writer(), "open");
    }
    tell_open();
}

void connection::close_after(const detail::thrown& what) {
    if (host_) {
        host_->on_callback_exception(*this, what.text);
    }
    begin_close(what.code);
}

Result<tls_info> connection::tls() const {
    return detail::within_memory([&]() -> Result<tls_info> {
        if (auto known = transport_->tls()) {
            return *std::move(known);
        }
        if (transport_->is_secure()) {
            return detail::failure(errc::not_initialized, describe("no TLS handshake yet with"),
                                   id());
        }
        return detail::failure(errc::not_supported, describe("no TLS on the connection to"), id());
    });
}

Result<std::size_t> connection::unacknowledged_bytes() const {
    return detail::within_memory([&]() -> Result<std::size_t> {
        if (!loop()->runs_here()) {
            return detail::failure(errc::not_supported,
                                   describe("only its I/O thread sees what is not acknowledged: "
                                            "connection to"),
                                   id());
        }
        if (!transport_->is_open()) {
            return closed_error().error();
        }
        if (const auto size = transport_->unacknowledged()) {
            return *size;
        }
        return detail::failure(errc::not_supported,
                               describe("this system does not say what is acknowledged: "
                                        "connection to"),
                               id());
    });
}

std::string connection::describe(std::string_view operation) const {
    return fmt::format("{} {}", operation, remote_endpoint().to_string());
}

keep_alive::limits connection::keep_alive_limits() const noexcept {
    return {settings_->idle_timeout, has_pings_ ? settings_->ping_interval : milliseconds{0},
            settings_->pong_timeout, settings_->max_missed_pings};
}

void connection::schedule_deadline() {
    const auto now = loop()->now();
    auto next = is_open_ ? keep_alive_.next_deadline(keep_alive_limits(), traffic(), now) : due_by_;
    if (next != runtime::steady_time::max()) {
        // A paused session's clock stands still at a moment that is past: look again later.
        next = std::max(next, now + milliseconds{is_paused() ? 1000 : 1});
    }
    if (is_held_for(hold::rate)) {
        next = std::min(next, rate_hold_ends());
    }
    if (is_winding_down_) {
        next = std::min(next, work_deadline());
    }
    if (next != runtime::steady_time::max()) {
        transport_->set_deadline(next);
    }
}

void connection::on_deadline() {
    const auto now = loop()->now();
    if (!is_open_) {
        if (now >= due_by_) {
            give_up();
            return;
        }
    } else if (is_winding_down_ && now >= work_deadline()) {
        begin_close({}, due_by_);
    } else if (is_held_for(hold::rate)) {
        if (now >= rate_hold_ends()) {
            set_hold(hold::rate, false);
        }
    } else if (!is_paused()) {
        look_whether_alive(now);
    }
    if (!is_closing_) {
        schedule_deadline();
    }
}

void connection::look_whether_alive(runtime::steady_time now) {
    trim();
    const auto limits = keep_alive_limits();
    const auto made = keep_alive_.needs_progress(limits, traffic(), now)
                          ? transport_->take_progress()
                          : transport::peer_progress{};
    switch (keep_alive_.on_deadline(limits, traffic(), now, made)) {
        case keep_alive::action::none: break;
        case keep_alive::action::ping: send_ping({}, {}); break;
        case keep_alive::action::give_up: give_up(); break;
        case keep_alive::action::expire: begin_close(errc::session_expired); break;
    }
}

VoidResult connection::set_paused(bool paused) {
    return detail::within_memory([&]() -> VoidResult {
        if (is_stopped() || !loop()->belongs_here()) {
            return closed_error();
        }
        if (loop()->runs_here()) {
            set_hold(hold::user, paused);
        } else {
            post_own([this, paused] { set_hold(hold::user, paused); });
        }
        return ok();
    });
}

void connection::set_hold(hold reason, bool is_on) {
    // What is left to read of a broken connection is little, and has nobody to slow down.
    if (!is_on || !is_broken_ || reason == hold::user) {
        const auto bit = static_cast<std::uint8_t>(reason);
        change_holds(static_cast<std::uint8_t>(is_on ? holds_ | bit : holds_ & ~unsigned{bit}));
    }
}

void connection::on_broken() {
    is_broken_ = true;
    change_holds(holds_ & static_cast<std::uint8_t>(hold::user));
}

void connection::change_holds(std::uint8_t holds) {
    const transport::reading before = wanted_reading();
    holds_ = holds;
    if (is_closing_ || before == wanted_reading()) {
        return;
    }
    keep_alive_.on_resume(loop()->now());
    transport_->set_reading(wanted_reading());
    schedule_deadline();
}

/// The application alone decides whether it is told of more; other reasons end with the connection.
transport::reading connection::wanted_reading() const noexcept {
    if (is_held_for(hold::user)) {
        return transport::reading::off;
    }
    return is_paused() ? transport::reading::until_broken : transport::reading::on;
}

VoidResult connection::ping(ping_handler&& handler, operation_id operation) {
    return detail::within_memory([&]() -> VoidResult {
        if (!has_pings_) {
            return detail::failure(errc::not_supported,
                                   describe("ping needs framing::message; connection to"), id());
        }
        if (is_stopped() || !loop()->belongs_here()) {
            return closed_error();
        }
        pending_operation pending;
        if (!begin_operation(pending, operation)) {
            return operation_exists(id());
        }
        if (loop()->runs_here()) {
            send_ping(std::move(handler), std::move(pending));
            return ok();
        }
        const bool is_posted =
            post_own(is_stopped_, handler,
                     [this, pending = std::move(pending)](ping_handler& answered) mutable {
                         send_ping(std::move(answered), std::move(pending));
                     });
        return is_posted ? ok() : closed_error();
    });
}

void connection::send_ping(ping_handler handler, pending_operation operation) {
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
    const std::uint64_t token = loop()->random();
    const auto keep = [&] {
        rare().pings.push_back({token, loop()->clock(), std::move(operation), {}});
        rare().pings.back().handler = std::move(handler);
    };
    if (!handler || keep_handler(handler, "ping to", keep)) {
        or_abort([&] { (void)write_ping(token); });
    }
}

void connection::answer_ping(std::uint64_t token) {
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
            answered.handler(std::chrono::duration_cast<std::chrono::microseconds>(loop()->clock() -
                                                                                   answered.sent));
        } else {
            answered.handler(failure_of(errc::cancelled, "ping to"));
        }
    }
}

void connection::on_cancelled(operation_id operation) noexcept {
    // Posted even here: the handler must not run inside the caller's callback. Without memory for
    // it, the handler hears of the cancellation when it would get its result.
    detail::insist([&] { post_own([this, operation] { (void)cancel_pending(operation); }); });
}

bool connection::cancel_pending(operation_id operation) {
    if (!rare_) {
        return false;
    }
    auto& pings = rare_->pings;
    const auto found = std::find_if(pings.begin(), pings.end(), [&](const pending_ping& each) {
        return each.operation.id() == operation;
    });
    if (found == pings.end()) {
        return false;
    }
    const pending_ping given_up = std::move(*found);
    pings.erase(found);
    guarded([&] { given_up.handler(failure_of(errc::cancelled, "ping to")); });
    return true;
}

VoidResult connection::post(unique_function<void()>&& task) {
    return detail::within_memory([&] {
        if (!loop()->belongs_here()) {
            return closed_error();
        }
        // Dropped where the loop has ended, as where the session's host has.
        (void)post_own(runtime::never, task,
                       [this](const unique_function<void()>& kept) { guarded(kept); });
        return ok();
    });
}

bool connection::add_timer(std::shared_ptr<connection_timer> added) {
    if (is_gone_.load(std::memory_order_relaxed)) {
        return false;
    }
    auto& timers = rare().timers;
    timers.push_back(std::move(added));
    timers.back()->place_ = timers.size() - 1;
    return true;
}

void connection::remove_timer(connection_timer& removed) noexcept {
    const std::size_t place = removed.place_;
    if (place == connection_timer::nowhere) {
        return;
    }
    runtime::deadline_wheel::cancel(removed);
    auto& timers = rare_->timers;
    std::swap(timers[place], timers.back());
    timers[place]->place_ = place;
    removed.place_ = connection_timer::nowhere;
    // What is destroyed with it comes after the list is whole.
    const auto kept = std::move(timers.back());
    timers.pop_back();
}

VoidResult connection::closed_error() const {
    if (!loop()->belongs_here()) {
        return detail::failure(errc::not_supported,
                               describe("made before fork(), and goes on in the parent only: "
                                        "connection to"),
                               id());
    }
    return detail::failure(errc::connection_closed, describe("connection to"), id());
}

connection::rare_state& connection::rare() {
    if (!rare_) {
        rare_ = std::make_unique<rare_state>();
    }
    return *rare_;
}

}  // namespace network_system::session
