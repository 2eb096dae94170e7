#pragma once

#include "runtime/loop.h"
#include "runtime/post_with.h"
#include "session/connection_host.h"
#include "session/connection_timer.h"
#include "session/keep_alive.h"
#include "session/pending_operation.h"
#include "session/session_age.h"
#include "transport/transport.h"
#include "utils/failure.h"
#include "utils/user_code.h"

#include <network_system/session/messaging_session.h>
#include <network_system/session/operation.h>
#include <network_system/session/session_config.h>
#include <network_system/utils/connection_role.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/tls_info.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::session {

/// Why a connection does not read for now; it reads again when no reason is left.
enum class hold : std::uint8_t {
    user = 1,
    rate = 2,
    pull_queue = 4,
    callback_queue = 8,
};

/// What all connections of a host have in common.
struct connection_settings : session_config {
    /// How long an end may take: the work in progress, what is queued, the peer's own end.
    std::chrono::milliseconds drain_timeout{0};
};

/// What a connection is made with.
struct connection_setup {
    connection_role role = connection_role::server;
    std::shared_ptr<const connection_settings> settings;
    /// It has to be open by then: the server's hello or the handshake has arrived.
    runtime::steady_time handshake_deadline = runtime::steady_time::max();
};

/// A connection over any transport, whatever is spoken there: how it begins and ends, keep-alive,
/// deadlines, the reasons not to read, and callbacks that may throw. It knows nothing of messages:
/// what derives from it does, or speaks something else.
///
///     start --(handshake)--> open --stop, last word, violation, deadline--> closing --> closed
///
/// Thread-safety: the members that say so from any thread; `start` and the transport's callbacks on
/// the loop.
class connection : protected transport::transport_handler {
public:
    virtual ~connection();
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    /// Unique in the process. Any thread, as the next one.
    [[nodiscard]] virtual const std::string& id() const noexcept = 0;
    [[nodiscard]] virtual const endpoint& remote_endpoint() const noexcept = 0;

    void start();
    /// On the loop: the graceful close, telling the peer `reason`.
    void begin_close(std::error_code reason);
    /// On the loop: ends at once.
    void abort(std::error_code reason);
    /// Any thread: the graceful close, at the latest by `deadline`, whatever the peer does.
    void end_by(runtime::steady_time deadline);

    // What a session offers its users (see messaging_session). Any thread.

    discardable_result pause_receiving() { return set_paused(true); }
    discardable_result resume_receiving() { return set_paused(false); }
    [[nodiscard]] bool is_receiving_paused() const noexcept { return runs_here() && is_paused(); }
    discardable_result stop();
    VoidResult stop(stop_handler&& handler);
    discardable_result break_off(std::error_code reason);
    [[nodiscard]] Result<std::size_t> unacknowledged_bytes() const;
    VoidResult ping(ping_handler&& handler, operation_id operation);
    bool cancel(operation_id operation) const noexcept {
        return pending_operation::cancel(operation, this);
    }
    /// One of this connection's: its handler has to be told.
    void on_cancelled(operation_id operation) noexcept;
    VoidResult post(unique_function<void()>&& task);
    [[nodiscard]] Result<tls_info> tls() const;
    /// On the loop: its end was begun by this side's application.
    [[nodiscard]] bool was_ended_here() const noexcept { return is_ended_here_; }
    [[nodiscard]] bool is_stopped() const noexcept {
        return is_stopped_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool runs_here() const noexcept { return loop()->runs_here(); }
    /// Nothing will be heard of it any more.
    [[nodiscard]] bool is_gone() const noexcept { return is_gone_.load(std::memory_order_acquire); }
    [[nodiscard]] const std::shared_ptr<runtime::loop>& loop() const noexcept {
        return transport_->loop();
    }

    /// On the loop: does not read while there is a reason not to.
    void set_hold(hold reason, bool is_on);
    /// On the loop: keeps the timer until it is removed, or until the connection is gone. False: it
    /// is gone. Throws std::bad_alloc with nothing done.
    [[nodiscard]] bool add_timer(std::shared_ptr<connection_timer> added);
    /// On the loop: one that is not kept is left alone, its deadline too.
    void remove_timer(connection_timer& removed) noexcept;
    /// On the loop: runs user code if the host still takes callbacks; what it throws closes the
    /// connection.
    template <typename Callback>
    bool guarded(const Callback& callback);
    /// Once it has failed: what there is to say about it beyond the code.
    [[nodiscard]] virtual std::string failure_text() const;

protected:
    /// `has_pings`: whether what is spoken has any.
    connection(std::shared_ptr<transport::transport> over, std::shared_ptr<connection_host> host,
               const connection_setup& setup, bool has_pings);
    /// A new name.
    [[nodiscard]] static std::string next_id();

    // What is spoken. All of it runs on the loop.

    /// Before anything is read or written: the place for what has to come first.
    virtual void before_start() {}
    /// The stream carries bytes: `open` now, or when the protocol's handshake is done.
    void on_open() override = 0;
    /// Bytes have arrived (see transport_handler::on_bytes). Inside one guard for all of them: what
    /// a callback throws passes through.
    virtual void decode(std::size_t placed, std::span<std::uint8_t> rest) = 0;
    /// The application wants it to end: what the peer has to know while work is in progress.
    virtual void announce_end() {}
    /// Whether something is in progress that the end has to wait for.
    [[nodiscard]] virtual bool has_work() const noexcept { return false; }
    /// Takes over what other threads have sent so far; `is_last`: they can send nothing more.
    virtual void take_over(bool is_last) = 0;
    /// It closes, and everything the application has sent is in the queue: says the last word, then
    /// or later `close_transport`.
    virtual void finish(std::error_code reason) = 0;
    virtual bool write_ping(std::uint64_t token) = 0;
    /// Gives back memory, if none of it is in use: called now and then.
    virtual void trim() noexcept = 0;
    /// Tells the handler of a pending operation that it is cancelled. False when there is none.
    virtual bool cancel_pending(operation_id operation);
    /// False: the id names a pending operation.
    [[nodiscard]] bool begin_operation(pending_operation& pending, operation_id operation) {
        return operation == operation_id::none || pending.begin(operation, shared());
    }
    /// The peer has let the handshake's deadline pass, or its pings go unanswered.
    virtual void give_up() { abort(errc::connection_timeout); }
    /// Under hold::rate: when it ends.
    [[nodiscard]] virtual runtime::steady_time rate_hold_ends() const noexcept {
        return runtime::steady_time::max();
    }
    /// The deadline of the close has moved.
    virtual void limit_end(runtime::steady_time deadline) { transport_->limit_close(deadline); }

    // Who has to know. On the loop, too.

    /// Itself; as long as `keep_self` was called last, it lives.
    [[nodiscard]] virtual std::shared_ptr<connection> shared() = 0;
    virtual void keep_self() = 0;
    virtual void release_self() = 0;
    virtual void tell_open() = 0;
    /// Inside a guard; `fail_pending` has run.
    virtual void tell_closed(std::error_code reason) = 0;
    virtual void tell_gone(std::error_code counted) noexcept = 0;
    /// The transport is closed: those who wait for something hear that it will not come.
    virtual void fail_pending(std::error_code reason);
    /// Whether the application has sent anything.
    [[nodiscard]] virtual bool has_sent() const noexcept = 0;
    /// For the log: what passed through it.
    [[nodiscard]] virtual std::string describe_traffic() const = 0;

    // What protocols are made of.

    [[nodiscard]] const session_config& config() const noexcept { return *settings_; }
    [[nodiscard]] connection_role role() const noexcept { return role_; }
    [[nodiscard]] transport::transport& transport() const noexcept { return *transport_; }
    /// Not once it is gone.
    [[nodiscard]] connection_host& host() const noexcept { return *host_; }
    [[nodiscard]] bool is_open() const noexcept { return is_open_; }
    [[nodiscard]] bool is_closing() const noexcept { return is_closing_; }
    /// Ends as the application wants it, once the work in progress is done.
    [[nodiscard]] bool is_winding_down() const noexcept { return is_winding_down_; }
    void end_if_done();
    /// Whether more callbacks may follow the one that has just run.
    [[nodiscard]] bool takes_more() const noexcept { return !is_closing_ && gate_->is_open(); }
    /// Any thread: it will close; sends fail from now on.
    void mark_ended_here() noexcept { is_ended_here_ = true; }
    [[nodiscard]] const std::atomic<bool>& gone_flag() const noexcept { return is_gone_; }
    void mark_stopped() noexcept { is_stopped_.store(true, std::memory_order_relaxed); }

    /// Not open yet: keeps the first of all bytes that arrive for an error text.
    void keep_first_bytes(bytes_view bytes);
    [[nodiscard]] std::string_view first_bytes() const noexcept;
    /// What `failure_text` says; else it asks the transport.
    void record_failure(std::string text);
    [[nodiscard]] std::string recorded_failure() const { return rare_ ? rare_->failure : ""; }
    /// What there is to say when a deadline passes meanwhile.
    [[nodiscard]] static std::string no_tls_yet();
    [[nodiscard]] bool is_tls_pending() const {
        return transport_->is_secure() && !transport_->tls();
    }
    /// Whose its lines of the log are. Not once it is gone.
    [[nodiscard]] detail::log_source writer() const noexcept {
        return host_->writer().about(id(), remote_endpoint());
    }
    /// The stream carries bytes, and a handshake of its own is over.
    void log_handshake() const noexcept;
    /// The handshake is done: the host hears of it. Inside a guard.
    void open();
    void count_discarded(std::size_t bytes) noexcept {
        if (bytes != 0) {
            transport_->count_discarded(bytes);
        }
    }
    /// The pong to a ping of this side; others are ignored.
    void answer_ping(std::uint64_t token);
    void schedule_deadline();
    /// The end of everything that is sent; see transport::close.
    void close_transport(std::error_code reason,
                         transport::peer_state peer = transport::peer_state::speaks) {
        transport_->close(first_look(), reason, peer);
    }
    /// Until when it has to be open; closing: gone.
    [[nodiscard]] runtime::steady_time due_by() const noexcept { return due_by_; }
    /// Closing: the end has to come now.
    void give_no_time() noexcept {
        due_by_ = loop()->now();
        is_end_fixed_ = true;
    }
    /// Closing: when to look next at what the peer takes; `more_time` then.
    [[nodiscard]] runtime::steady_time first_look() const noexcept;
    /// Until when the close may go on: later as long as the peer takes what it is sent. Of that,
    /// `answers` bytes are no progress: the peer has asked for them meanwhile.
    [[nodiscard]] runtime::steady_time more_time(std::uint64_t answers = 0);

    /// Runs what the connection cannot do without. If memory runs out in it, it ends, for the
    /// reason that is known already, or for that.
    template <typename Work>
    void or_abort(const Work& work, std::error_code known = {});
    /// The same on the loop, later. Keeps the connection until then. Any thread.
    template <typename Work>
    void post_own(Work work);
    /// The same of `work(handler)`, before `end`; see post_with. The handler is moved from unless
    /// the answer is false or this throws.
    template <typename Handler, typename Work>
    [[nodiscard]] bool post_own(const std::atomic<bool>& end, Handler& handler, Work work);
    /// Lets `keep()` take the handler over, or do nothing and throw std::bad_alloc: then the
    /// handler is told. Whether it was taken.
    template <typename Handler, typename Keep>
    bool keep_handler(const Handler& handler, std::string_view operation, const Keep& keep);

    [[nodiscard]] VoidResult closed_error() const;
    [[nodiscard]] std::string describe(std::string_view operation) const;
    /// What a handler is told that waits for the end of `operation`: "ping to", for example.
    [[nodiscard]] error_info failure_of(errc code, std::string_view operation) const noexcept {
        return detail::told_anyway(
            code, [&] { return detail::failure(code, describe(operation), id()); });
    }
    [[nodiscard]] errc end_code(std::error_code reason) const noexcept;

    // transport_handler, where all protocols agree.
    void on_closed(std::error_code reason) override;
    void on_bytes(std::size_t placed, std::span<std::uint8_t> rest) override;
    void on_left_behind() noexcept override { mark_stopped(); }
    void on_deadline() override;
    runtime::steady_time on_close_deadline() override { return more_time(); }

private:
    struct pending_ping {
        std::uint64_t token;
        runtime::steady_time sent;
        pending_operation operation;
        ping_handler handler;
    };
    /// What few connections have, or none for long; made when it is needed.
    struct rare_state {
        std::vector<pending_ping> pings;
        std::vector<stop_handler> stops;
        std::vector<std::shared_ptr<connection_timer>> timers;
        /// What the peer has said first, while it has not said what it should.
        std::string first_bytes;
        std::string failure;
    };

    void close_after(const detail::thrown& what);
    void send_ping(ping_handler handler, pending_operation operation);
    [[nodiscard]] keep_alive::limits keep_alive_limits() const noexcept;
    [[nodiscard]] keep_alive::traffic traffic() const noexcept {
        return {transport_->last_read(), transport_->last_write()};
    }
    [[nodiscard]] std::chrono::milliseconds drain_timeout() const noexcept {
        return settings_->drain_timeout;
    }
    void look_whether_alive(runtime::steady_time now);
    VoidResult set_paused(bool paused);
    void on_broken() override;
    void change_holds(std::uint8_t holds);
    [[nodiscard]] transport::reading wanted_reading() const noexcept;
    [[nodiscard]] bool is_paused() const noexcept { return holds_ != 0; }
    [[nodiscard]] bool is_held_for(hold reason) const noexcept {
        return (holds_ & static_cast<std::uint8_t>(reason)) != 0;
    }
    [[nodiscard]] rare_state& rare();

    // connection_end.cpp
    /// The end that the application wants, by `deadline`.
    void wind_down(runtime::steady_time deadline);
    /// When what is in progress is given up, so that there is time for a goodbye.
    [[nodiscard]] runtime::steady_time work_deadline() const noexcept;
    [[nodiscard]] std::uint64_t least_taken() const noexcept;
    void begin_close(std::error_code reason, runtime::steady_time deadline);
    void stop_then(stop_handler& handler);
    void log_end(std::error_code reason) const;
    /// Whether the peer, a client, has ended it without a single byte of its own, and without a
    /// message of the application's: health checks look whether somebody listens, and go.
    [[nodiscard]] bool was_visit(std::error_code reason) const noexcept;
    void answer_stops(std::error_code reason);
    void end_timers() noexcept;
    [[nodiscard]] error_info stop_failure(std::error_code reason) const noexcept;

    const std::shared_ptr<const connection_settings> settings_;
    // It has to be open by then; once it closes: it has to be gone by then.
    runtime::steady_time due_by_;
    const connection_role role_;
    const bool has_pings_;
    // Written on the loop only.
    std::atomic<bool> is_open_{false};
    std::atomic<bool> is_stopped_{false};
    std::atomic<bool> is_gone_{false};
    bool is_closing_ : 1 = false;
    bool is_winding_down_ : 1 = false;
    bool is_ended_here_ : 1 = false;
    bool is_broken_ : 1 = false;
    // Whether `due_by_` stays where it is.
    bool is_end_fixed_ : 1 = false;
    // The reasons (`hold`) that are on.
    std::uint8_t holds_ = 0;
    // So that the next member lies in its padding: there is one of these in every connection.
    [[no_unique_address]] keep_alive keep_alive_;
    session_age age_;
    std::shared_ptr<transport::transport> transport_;
    // Let go when it is gone: who keeps a closed session does not keep a server.
    std::shared_ptr<connection_host> host_;
    const std::shared_ptr<runtime::callback_gate> gate_;
    std::unique_ptr<rare_state> rare_;
};

template <typename Work>
void connection::or_abort(const Work& work, std::error_code known) {
    try {
        work();
    } catch (const std::bad_alloc&) {
        abort(known ? known : make_error_code(errc::out_of_memory));
    }
}

template <typename Handler, typename Keep>
bool connection::keep_handler(const Handler& handler, std::string_view operation,
                              const Keep& keep) {
    try {
        keep();
        return true;
    } catch (const std::bad_alloc&) {
        guarded([&] { handler(failure_of(errc::out_of_memory, operation)); });
        return false;
    }
}

template <typename Work>
void connection::post_own(Work work) {
    loop()->post([self = shared(), work = std::move(work)]() mutable { self->or_abort(work); });
}

template <typename Handler, typename Work>
bool connection::post_own(const std::atomic<bool>& end, Handler& handler, Work work) {
    return runtime::post_with(*loop(), end, handler,
                              [self = shared(), work = std::move(work)](Handler& kept) mutable {
                                  self->or_abort([&] { work(kept); });
                              });
}

// Here, so that a call less lies on the way of a message.
inline void connection::on_bytes(std::size_t placed, std::span<std::uint8_t> rest) {
    keep_alive_.on_read();
    // One guard around all messages of this read: each then costs no more than its callback.
    if (!guarded([&] { decode(placed, rest); }) && !is_closing_) {
        count_discarded(placed + rest.size());  // the host takes no more callbacks
    }
}

template <typename Callback>
bool connection::guarded(const Callback& callback) {
    if (!loop()->enter(gate_)) {
        return false;
    }
    const auto thrown = detail::run_user_code(callback);
    if (thrown) {
        close_after(*thrown);
    }
    return !thrown;
}

}  // namespace network_system::session
