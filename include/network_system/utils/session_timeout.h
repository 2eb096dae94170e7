#pragma once

#include <network_system/core/callback_forms.h>
#include <network_system/export.h>
#include <network_system/session/messaging_session.h>
#include <network_system/utils/result_types.h>

#include <chrono>
#include <memory>

namespace network_system::inline v0_1 {

/// Calls somebody once when a session has been quiet for too long, whatever the application takes
/// for quiet: it calls `touch` when something has happened. For messages, requests that are
/// answered, a login that has to come within 10 s.
///
///     auto login = std::make_shared<session_timeout>(
///         session, std::chrono::seconds{10}, [](const auto& late) { late->stop_session(); });
///
/// It runs on the I/O thread of its session and costs no thread of its own; a session may have any
/// number of them. It ends, without a call, when the session begins to end, however that is.
/// Sessions of TCP, TLS, Unix domain sockets and WebSocket, of servers and clients alike; in a
/// simulation time is virtual.
///
/// Timeouts: 0 and `milliseconds::max()` are never. It is never early, and about a millisecond
/// late.
///
/// Thread-safety: every member may be called from any thread and from any callback, `on_expired`
/// included.
///
/// Object lifetimes: it does not keep the session. The destructor cancels: once it has returned to
/// a thread that is not inside a library callback, `on_expired` neither runs nor will run. It waits
/// for one that is running; inside a library callback it does not.
class NETWORK_SYSTEM_EXPORT session_timeout {
public:
    using session_ptr = std::shared_ptr<session::messaging_session>;
    /// Takes the session, or its id, or nothing. Runs on the session's I/O thread as a task of
    /// messaging_session::post does, never twice at a time; what it throws closes the session. May
    /// be empty.
    using expired_callback = detail::session_callback<session_ptr>;

    /// Runs once it is started.
    session_timeout(std::chrono::milliseconds timeout, expired_callback on_expired);
    /// Begins at once; `started` says whether it does.
    session_timeout(const session_ptr& session, std::chrono::milliseconds timeout,
                    expired_callback on_expired);
    session_timeout(const session_timeout&) = delete;
    session_timeout& operator=(const session_timeout&) = delete;
    ~session_timeout();

    /// Begins for this session; begins again, and forgets the session it has run for, when it runs
    /// already. After an expiry, a `cancel` and the end of a session it can be started anew.
    ///
    /// Errors (it does not run then): `invalid_argument` (no session, negative timeout),
    /// `connection_closed` (the session is closing or closed), `not_supported` (a session that is
    /// not the library's, or of a process that has forked), `out_of_memory`.
    [[nodiscard]] VoidResult start(const session_ptr& session);
    /// The same with another timeout, from now on.
    [[nodiscard]] VoidResult start(const session_ptr& session, std::chrono::milliseconds timeout);
    /// What the last start has answered; `not_initialized` before the first.
    [[nodiscard]] VoidResult started() const;

    /// Something has happened: the timeout counts from now. Costs a look at the clock and a store,
    /// so that it may be called for every message. Does nothing when it does not run.
    void touch() noexcept;
    /// It does not expire before its present deadline and so much more, whether it is touched or
    /// not. Errors: `invalid_argument` (negative), `not_initialized` (it does not run).
    discardable_result extend(std::chrono::milliseconds more);
    /// Ends it; false when it does not run. Called on the session's I/O thread, `on_expired` does
    /// not run any more; on another one it may be running now.
    bool cancel() noexcept;

    /// Until it expires; rounded up. 0 when it does not run, `milliseconds::max()` for never.
    [[nodiscard]] std::chrono::milliseconds remaining() const;
    /// Since it was touched last, or else has begun; 0 when it does not run.
    [[nodiscard]] std::chrono::nanoseconds elapsed() const;
    /// It runs: started, and neither expired nor cancelled nor ended with its session.
    [[nodiscard]] bool is_active() const;
    /// It has expired since the last start.
    [[nodiscard]] bool is_expired() const;

private:
    class impl;

    // Shared with the loop while it looks at a deadline.
    std::shared_ptr<impl> impl_;
};

}  // namespace network_system
