#include "resilience/health_state.h"
#include "utils/failure.h"
#include "utils/on_exception.h"

#include <network_system/resilience/health_monitor.h>
#include <network_system/session/operation.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/session_timeout.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::resilience {

using session::operation_id;
using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

health_state::traffic look_at(const session::messaging_session& who) {
    const auto counts = who.metrics();
    health_state::traffic seen;
    seen.received = counts.bytes_received;
    seen.taken = static_cast<std::int64_t>(counts.bytes_sent);
    seen.is_behind = counts.queued_bytes > 0;
    if (const auto left = who.unacknowledged_bytes()) {
        seen.taken -= static_cast<std::int64_t>(left.value());
        seen.is_behind = seen.is_behind || left.value() > 0;
    }
    seen.is_paused = who.is_receiving_paused();
    return seen;
}

/// A watch without its timer would see nothing any more. What is thrown here ends the session, with
/// which other failures have ended already.
void end_session_unless(const VoidResult& timed) {
    if (!timed && timed.error().code == static_cast<int>(errc::out_of_memory)) {
        throw std::bad_alloc();
    }
}

VoidResult health_refusal(errc code, std::string_view why, std::string_view source = {}) {
    return error<std::monostate>(code, why, source);
}

}  // namespace

std::string_view to_string(health state) noexcept {
    switch (state) {
        case health::unknown: return "unknown";
        case health::healthy: return "healthy";
        case health::quiet: return "quiet";
        case health::dead: return "dead";
    }
    return "?";
}

/// Every start and stop begins a new turn; what still comes of an older one is ignored.
class health_monitor::impl : public std::enable_shared_from_this<impl> {
public:
    explicit impl(const health_options& options)
        : options_(options),
          state_(health_state::check(options) == nullptr ? options : health_options{}) {}

    VoidResult start(const session_ptr& who);
    void stop() noexcept;
    void close() noexcept;
    VoidResult set_callback(health_callback&& callback);
    [[nodiscard]] health_report report() const;
    [[nodiscard]] const health_options& options() const noexcept { return options_; }

private:
    /// The callback is over, at its end.
    class end_of_call {
    public:
        explicit end_of_call(impl& owner) noexcept : owner_(owner) {}
        end_of_call(const end_of_call&) = delete;
        end_of_call& operator=(const end_of_call&) = delete;
        ~end_of_call() {
            const std::lock_guard lock(owner_.mutex_);
            owner_.is_telling_ = false;
        }

    private:
        impl& owner_;
    };

    /// What a turn has set going.
    struct parts {
        // Measures the time since the start.
        std::unique_ptr<session_timeout> clock;
        // Wakes at the next deadline.
        std::unique_ptr<session_timeout> timer;
    };

    /// Ends the turn that goes on, or this one only if it still does.
    std::uint64_t next_turn(std::optional<std::uint64_t> ended_turn = {}) noexcept;
    [[nodiscard]] VoidResult begin(const session_ptr& who);
    [[nodiscard]] parts make_parts(std::uint64_t turn);
    /// False: another turn has begun meanwhile.
    [[nodiscard]] bool install(std::uint64_t turn, parts& begun, const session_ptr& who);
    /// Looks at the session where all can be seen: on its I/O thread.
    [[nodiscard]] VoidResult look_there(std::uint64_t turn, const session_ptr& who);
    [[nodiscard]] VoidResult probe(std::uint64_t turn, const session_ptr& who);
    void on_pong(std::uint64_t turn, operation_id name, const Result<microseconds>& answer);
    void on_wake(std::uint64_t turn, const session_ptr& who);
    void tell(std::uint64_t turn);
    [[nodiscard]] VoidResult schedule(std::uint64_t turn, const session_ptr& who);
    // Under the lock.
    [[nodiscard]] health_report describe() const;
    [[nodiscard]] bool has_news() const noexcept { return state_.state() != told_; }

    const health_options options_;

    mutable std::mutex mutex_;
    health_state state_;
    std::uint64_t turn_ = 0;
    std::weak_ptr<session::messaging_session> session_;
    std::string session_id_;
    // Destroyed without the lock: a session_timeout waits for its callback.
    parts parts_;
    // The state that the application knows.
    health told_ = health::unknown;
    // The callback runs, without the lock. It is not replaced meanwhile.
    bool is_telling_ = false;
    health_callback callback_;
};

std::uint64_t health_monitor::impl::next_turn(std::optional<std::uint64_t> ended_turn) noexcept {
    parts ended;
    std::vector<health_state::waiting_probe> unanswered;
    std::uint64_t turn = 0;
    {
        const std::lock_guard lock(mutex_);
        if (ended_turn && *ended_turn != turn_) {
            return turn_;
        }
        turn = ++turn_;
        std::swap(ended, parts_);
        unanswered = state_.end();
    }
    for (const auto& each : unanswered) {
        (void)session::cancel_operation(operation_id{each.name});
    }
    return turn;
}

health_monitor::impl::parts health_monitor::impl::make_parts(std::uint64_t turn) {
    parts made;
    made.clock = std::make_unique<session_timeout>(milliseconds::max(), nullptr);
    made.timer = std::make_unique<session_timeout>(
        milliseconds::max(), [weak = weak_from_this(), turn](const session_ptr& who) {
            if (const auto self = weak.lock()) {
                self->on_wake(turn, who);
            }
        });
    return made;
}

bool health_monitor::impl::install(std::uint64_t turn, parts& begun, const session_ptr& who) {
    const auto seen = look_at(*who);
    const std::lock_guard lock(mutex_);
    if (turn != turn_) {
        return false;
    }
    std::swap(parts_, begun);
    session_ = who;
    session_id_ = who->id();
    told_ = health::unknown;
    state_.begin(seen);
    (void)state_.on_deadline({}, seen);  // the first probe is due
    return true;
}

VoidResult health_monitor::impl::start(const session_ptr& who) {
    return detail::within_memory([&]() -> VoidResult {
        if (!who) {
            return health_refusal(errc::invalid_argument, "health_monitor: no session to watch");
        }
        if (const char* const wrong = health_state::check(options_)) {
            return health_refusal(errc::invalid_argument, wrong);
        }
        const detail::on_exception undo([this] { stop(); });
        return begin(who);
    });
}

VoidResult health_monitor::impl::begin(const session_ptr& who) {
    const std::uint64_t turn = next_turn();
    parts begun = make_parts(turn);
    if (auto started = begun.clock->start(who); !started) {
        return started;
    }
    if (!install(turn, begun, who)) {
        return health_refusal(errc::cancelled, "health_monitor: stopped while it was started",
                              who->id());
    }
    auto answer = look_there(turn, who);
    if (answer) {
        answer = probe(turn, who);
    }
    if (answer) {
        answer = schedule(turn, who);
    }
    if (!answer) {
        (void)next_turn(turn);
    }
    return answer;
}

void health_monitor::impl::stop() noexcept {
    (void)next_turn();
}

void health_monitor::impl::close() noexcept {
    stop();
    const health_callback unused = [this] {
        const std::lock_guard lock(mutex_);
        return is_telling_ ? health_callback() : std::move(callback_);
    }();
}

VoidResult health_monitor::impl::set_callback(health_callback&& callback) {
    const std::lock_guard lock(mutex_);
    if (is_telling_ || (parts_.clock != nullptr && parts_.clock->is_active())) {
        return health_refusal(errc::invalid_argument,
                              "set_health_callback: callbacks are set before a session is watched");
    }
    std::swap(callback_, callback);
    return ok();
}

VoidResult health_monitor::impl::look_there(std::uint64_t turn, const session_ptr& who) {
    if (who->runs_here()) {
        return ok();
    }
    return who->post([weak = weak_from_this(), turn, who] {
        const auto self = weak.lock();
        if (!self) {
            return;
        }
        const auto seen = look_at(*who);
        const std::lock_guard lock(self->mutex_);
        if (turn == self->turn_) {
            self->state_.set_traffic(seen);
        }
    });
}

VoidResult health_monitor::impl::probe(std::uint64_t turn, const session_ptr& who) {
    const auto name = session::next_operation_id();
    std::optional<std::uint64_t> forgotten;
    {
        const std::lock_guard lock(mutex_);
        if (turn != turn_) {
            return ok();
        }
        forgotten = state_.on_probe(static_cast<std::uint64_t>(name), parts_.clock->elapsed());
    }
    if (forgotten) {
        (void)session::cancel_operation(operation_id{*forgotten});
    }
    auto sent = who->ping(
        [weak = weak_from_this(), turn, name](const Result<microseconds>& answer) {
            if (const auto self = weak.lock()) {
                self->on_pong(turn, name, answer);
            }
        },
        name);
    if (!sent) {
        const std::lock_guard lock(mutex_);
        state_.on_failed(static_cast<std::uint64_t>(name));
    }
    return sent;
}

void health_monitor::impl::on_pong(std::uint64_t turn, operation_id name,
                                   const Result<microseconds>& answer) {
    session_ptr watched;
    const std::lock_guard lock(mutex_);
    if (turn != turn_) {
        return;
    }
    if (!answer) {
        state_.on_failed(static_cast<std::uint64_t>(name));
        return;
    }
    state_.on_answer(static_cast<std::uint64_t>(name), answer.value());
    watched = session_.lock();
    if (has_news() && watched) {
        // The timer tells; see stop.
        end_session_unless(parts_.timer->start(watched, milliseconds{1}));
    }
}

void health_monitor::impl::on_wake(std::uint64_t turn, const session_ptr& who) {
    const auto seen = look_at(*who);
    auto next = health_state::action::none;
    {
        const std::lock_guard lock(mutex_);
        if (turn != turn_) {
            return;
        }
        next = state_.on_deadline(parts_.clock->elapsed(), seen);
    }
    if (next == health_state::action::probe) {
        // When it cannot be sent, nobody answers it.
        (void)probe(turn, who);
    }
    tell(turn);
    if (next == health_state::action::give_up && options_.close_when_dead) {
        who->abort_session(errc::connection_timeout);
    }
    end_session_unless(schedule(turn, who));
}

void health_monitor::impl::tell(std::uint64_t turn) {
    health_report now;
    {
        const std::lock_guard lock(mutex_);
        if (turn != turn_ || is_telling_ || !has_news()) {
            return;
        }
        now = describe();
        told_ = now.state;
        is_telling_ = true;
    }
    const end_of_call after(*this);
    if (callback_) {
        callback_(now);
    }
}

VoidResult health_monitor::impl::schedule(std::uint64_t turn, const session_ptr& who) {
    const std::lock_guard lock(mutex_);
    if (turn != turn_ || (state_.state() == health::dead && !has_news())) {
        return ok();
    }
    const auto left = state_.next_deadline() - parts_.clock->elapsed();
    const milliseconds shortest{1};
    return parts_.timer->start(
        who, has_news() ? shortest : std::max(std::chrono::ceil<milliseconds>(left), shortest));
}

health_report health_monitor::impl::describe() const {
    health_report now;
    state_.describe(now);
    now.session_id = session_id_;
    return now;
}

health_report health_monitor::impl::report() const {
    health_report now;
    std::weak_ptr<session::messaging_session> watched;
    {
        const std::lock_guard lock(mutex_);
        now = describe();
        watched = session_;
    }
    const auto who = watched.lock();
    if (now.state != health::dead && (!who || who->is_stopped())) {
        now.state = health::unknown;
        now.missed = 0;
    }
    return now;
}

health_monitor::health_monitor(const health_options& options)
    : impl_(std::make_shared<impl>(options)) {}

health_monitor::~health_monitor() {
    impl_->close();
}

VoidResult health_monitor::start(const session_ptr& session) {
    return impl_->start(session);
}

void health_monitor::stop() {
    impl_->stop();
}

discardable_result health_monitor::set_health_callback(health_callback callback) {
    return detail::within_memory([&] { return impl_->set_callback(std::move(callback)); });
}

health health_monitor::state() const {
    return impl_->report().state;
}

health_report health_monitor::report() const {
    return impl_->report();
}

const health_options& health_monitor::options() const noexcept {
    return impl_->options();
}

}  // namespace network_system::resilience
