#include "session/timeout_impl.h"
#include "utils/contain.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace network_system::inline v0_1 {

using detail::steady_time;
using session::message_connection;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

VoidResult session_timeout::impl::start(const session_ptr& who,
                                        std::optional<milliseconds> timeout) {
    (void)cancel();
    if (!timeout) {
        const std::lock_guard lock(mutex_);
        timeout = timeout_;
    }
    auto answer = detail::within_memory([&] { return begin(who, *timeout); });
    const std::lock_guard lock(mutex_);
    started_ = answer;
    return answer;
}

VoidResult session_timeout::impl::begin(const session_ptr& who, milliseconds timeout) {
    if (!who || timeout < milliseconds{0}) {
        return detail::failure_in_words(
            errc::invalid_argument,
            who ? "session_timeout: the timeout is negative" : "session_timeout: no session", {});
    }
    message_connection* const over = who->implementation();
    if (over == nullptr || !over->loop()->belongs_here()) {
        return detail::failure_in_words(errc::not_supported,
                                        over == nullptr
                                            ? "session_timeout needs a session of the library's"
                                            : "session_timeout: the session was made before fork()",
                                        who->id());
    }
    if (who->is_stopped()) {
        return detail::failure(errc::connection_closed, "session_timeout", who->id());
    }
    const auto next = std::make_shared<run>(weak_from_this(), who);
    std::shared_ptr<run> overtaken;
    {
        const std::lock_guard lock(mutex_);
        overtaken = std::exchange(running_, next);
        timeout_ = timeout;
        begun_ = over->loop()->clock();
        touched_.store(begun_.time_since_epoch(), std::memory_order_relaxed);
        not_before_ = {};
        is_expired_ = false;
        time_.store(&over->loop()->time(), std::memory_order_release);
    }
    if (overtaken) {
        overtaken->leave();  // another thread has started it meanwhile
    }
    if (!detail::attempt([&] { next->begin(*over); })) {
        finish(*next);
        return detail::failure_without_words(errc::out_of_memory);
    }
    return ok();
}

VoidResult session_timeout::impl::extend(milliseconds more) {
    if (more < milliseconds{0}) {
        return detail::failure_in_words(errc::invalid_argument,
                                        "session_timeout: the extension is negative", {});
    }
    const auto one = running();
    const std::lock_guard lock(mutex_);
    if (!one || running_ != one) {
        return detail::failure_in_words(errc::not_initialized, "session_timeout does not run", {});
    }
    not_before_ = detail::after(due(), more);
    return ok();
}

bool session_timeout::impl::cancel() noexcept {
    const auto ended = running();
    if (!ended || !finish(*ended)) {
        return false;
    }
    ended->leave();
    return true;
}

void session_timeout::impl::close() noexcept {
    gate_.close();
    (void)cancel();
    if (!runtime::loop::is_on_io_thread() && made_in_.is_here()) {
        gate_.wait_until_idle();
    }
    if (gate_.is_idle()) {
        // Nobody enters any more. What it holds is destroyed here and now.
        const auto unused = std::move(on_expired_);
    }
}

bool session_timeout::impl::finish(const run& ended) noexcept {
    const std::lock_guard lock(mutex_);
    if (running_.get() != &ended) {
        return false;
    }
    running_.reset();
    time_.store(nullptr, std::memory_order_release);
    return true;
}

steady_time session_timeout::impl::due() const noexcept {
    // Longer ones are never, too: see after.
    return timeout_ == milliseconds{0}
               ? steady_time::max()
               : std::max(detail::after(last_activity(), timeout_), not_before_);
}

steady_time session_timeout::impl::first_look(const run& one) const {
    const std::lock_guard lock(mutex_);
    return running_.get() == &one ? due() : steady_time::max();
}

session_timeout::impl::outcome session_timeout::impl::look(const run& one, steady_time now,
                                                           steady_time& again) {
    const std::lock_guard lock(mutex_);
    if (running_.get() != &one) {
        return outcome::ended;
    }
    again = due();
    if (again <= now && !gate_.is_idle()) {
        // Started anew while on_expired runs, on another loop.
        again = detail::after(now, milliseconds{1});
    }
    if (again > now) {
        return outcome::wait;
    }
    if (!gate_.try_enter()) {
        return outcome::ended;
    }
    running_.reset();
    time_.store(nullptr, std::memory_order_release);
    is_expired_ = true;
    return outcome::expired;
}

void session_timeout::impl::call(const session_ptr& who) {
    const visit inside(gate_);
    if (on_expired_) {
        message_connection::of(*who).guarded([&] { on_expired_(who); });
    }
}

milliseconds session_timeout::impl::remaining() const {
    const auto one = running();
    if (!one || !one->has_session()) {
        return milliseconds{0};
    }
    const std::lock_guard lock(mutex_);
    auto* const time = time_.load(std::memory_order_relaxed);
    if (running_ != one || time == nullptr) {
        return milliseconds{0};
    }
    const auto when = due();
    return when == steady_time::max()
               ? milliseconds::max()
               : std::max(std::chrono::ceil<milliseconds>(when - time->now()), milliseconds{0});
}

nanoseconds session_timeout::impl::elapsed() const {
    const auto one = running();
    if (!one || !one->has_session()) {
        return nanoseconds{0};
    }
    const std::lock_guard lock(mutex_);
    auto* const time = time_.load(std::memory_order_relaxed);
    return running_ != one || time == nullptr
               ? nanoseconds{0}
               : std::max<nanoseconds>(time->now() - last_activity(), nanoseconds{0});
}

bool session_timeout::impl::is_active() const {
    const auto one = running();
    return one != nullptr && one->has_session();
}

session_timeout::session_timeout(milliseconds timeout, expired_callback on_expired)
    : impl_(std::make_shared<impl>(timeout, std::move(on_expired))) {}

session_timeout::session_timeout(const session_ptr& session, milliseconds timeout,
                                 expired_callback on_expired)
    : session_timeout(timeout, std::move(on_expired)) {
    (void)start(session);  // `started` tells
}

session_timeout::~session_timeout() {
    impl_->close();
}

VoidResult session_timeout::start(const session_ptr& session) {
    return detail::within_memory([&] { return impl_->start(session, std::nullopt); });
}

VoidResult session_timeout::start(const session_ptr& session, milliseconds timeout) {
    return detail::within_memory([&] { return impl_->start(session, timeout); });
}

VoidResult session_timeout::started() const {
    return impl_->started();
}

void session_timeout::touch() noexcept {
    impl_->touch();
}

discardable_result session_timeout::extend(milliseconds more) {
    return detail::within_memory([&] { return impl_->extend(more); });
}

bool session_timeout::cancel() noexcept {
    return impl_->cancel();
}

milliseconds session_timeout::remaining() const {
    return impl_->remaining();
}

nanoseconds session_timeout::elapsed() const {
    return impl_->elapsed();
}

bool session_timeout::is_active() const {
    return impl_->is_active();
}

bool session_timeout::is_expired() const {
    return impl_->is_expired();
}

}  // namespace network_system
