#pragma once

#include "runtime/callback_gate.h"
#include "runtime/loop.h"
#include "session/connection_timer.h"
#include "session/message_connection.h"
#include "utils/deadline.h"
#include "utils/failure.h"
#include "utils/process.h"

#include <network_system/utils/session_timeout.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace network_system::inline v0_1 {

/// What the application calls. From each start to its end there is a run of it.
///
/// Thread-safety: every member may be called from any thread, but for those on the loop.
class session_timeout::impl : public std::enable_shared_from_this<impl> {
public:
    impl(std::chrono::milliseconds timeout, expired_callback on_expired)
        : timeout_(timeout), on_expired_(std::move(on_expired)),
          started_(detail::failure_in_words(errc::not_initialized,
                                            "session_timeout has not been started", {})) {}

    VoidResult start(const session_ptr& who, std::optional<std::chrono::milliseconds> timeout);
    [[nodiscard]] VoidResult started() const {
        const std::lock_guard lock(mutex_);
        return started_;
    }
    void touch() noexcept {
        if (auto* const time = time_.load(std::memory_order_acquire)) {
            touched_.store(time->now().time_since_epoch(), std::memory_order_relaxed);
        }
    }
    VoidResult extend(std::chrono::milliseconds more);
    bool cancel() noexcept;
    void close() noexcept;

    [[nodiscard]] std::chrono::milliseconds remaining() const;
    [[nodiscard]] std::chrono::nanoseconds elapsed() const;
    [[nodiscard]] bool is_active() const;
    [[nodiscard]] bool is_expired() const {
        const std::lock_guard lock(mutex_);
        return is_expired_;
    }

private:
    class run;

    /// Leaves the gate, which was entered, at its end.
    class visit {
    public:
        explicit visit(runtime::callback_gate& gate) noexcept : gate_(gate) {}
        visit(const visit&) = delete;
        visit& operator=(const visit&) = delete;
        ~visit() { gate_.leave(); }

    private:
        runtime::callback_gate& gate_;
    };

    [[nodiscard]] VoidResult begin(const session_ptr& who, std::chrono::milliseconds timeout);
    [[nodiscard]] std::shared_ptr<run> running() const {
        const std::lock_guard lock(mutex_);
        return running_;
    }
    [[nodiscard]] bool is_running(const run& one) const {
        const std::lock_guard lock(mutex_);
        return running_.get() == &one;
    }
    /// False: it is not the one that runs.
    bool finish(const run& ended) noexcept;
    // Under the lock.
    [[nodiscard]] detail::steady_time last_activity() const noexcept {
        return std::max(begun_, detail::steady_time(touched_.load(std::memory_order_relaxed)));
    }
    [[nodiscard]] detail::steady_time due() const noexcept;

    enum class outcome : std::uint8_t { ended, wait, expired };

    // On the loop.
    [[nodiscard]] detail::steady_time first_look(const run& one) const;
    /// Once it has expired, `call` has to follow; `again` is when to look otherwise.
    [[nodiscard]] outcome look(const run& one, detail::steady_time now, detail::steady_time& again);
    void call(const session_ptr& who);

    const detail::origin made_in_;
    // Closed with the session_timeout; inside it, on_expired runs.
    runtime::callback_gate gate_;
    // Set while it runs.
    std::atomic<runtime::time_source*> time_{nullptr};
    std::atomic<detail::steady_time::duration> touched_{};

    mutable std::mutex mutex_;
    std::chrono::milliseconds timeout_;
    std::shared_ptr<run> running_;
    detail::steady_time begun_{};
    // Where `extend` has moved the deadline.
    detail::steady_time not_before_{};
    bool is_expired_ = false;

    expired_callback on_expired_;
    VoidResult started_;
};

/// From one start to its end. The session's connection keeps it, and may outlive the
/// session_timeout.
class session_timeout::impl::run final : public session::connection_timer,
                                         public std::enable_shared_from_this<run> {
public:
    run(std::weak_ptr<impl> owner, const session_ptr& who) : owner_(std::move(owner)), who_(who) {}

    /// Any thread. Throws std::bad_alloc.
    void begin(session::message_connection& over);
    /// Any thread: it is not the one that runs any more.
    void leave() noexcept;
    /// Any thread.
    [[nodiscard]] bool has_session() const noexcept {
        const auto who = who_.lock();
        return who != nullptr && !who->is_stopped();
    }

    void on_deadline(detail::steady_time now) override;
    void on_end() noexcept override {
        if (const auto owner = owner_.lock()) {
            owner->finish(*this);
        }
    }

private:
    void arm(session::message_connection& over);

    const std::weak_ptr<impl> owner_;
    const std::weak_ptr<session::messaging_session> who_;
};

}  // namespace network_system
