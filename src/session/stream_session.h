#pragma once

#include "runtime/post_with.h"
#include "session/message_encoder.h"
#include "session/pending_operation.h"
#include "session/pull_queue.h"
#include "session/rate_limit.h"
#include "session/remote_queue.h"
#include "session/session_age.h"
#include "session/session_host.h"
#include "session/wake_list.h"
#include "transport/transport.h"
#include "utils/compiler.h"
#include "utils/counter.h"
#include "utils/failure.h"
#include "utils/user_code.h"

#include <network_system/session/messaging_session.h>
#include <network_system/utils/error_codes.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::session {

/// Why a session does not read for now; it reads again when no reason is left.
enum class hold : std::uint8_t {
    user = 1,
    rate = 2,
    pull_queue = 4,
    callback_queue = 8,
};

/// Who wants to hear that a queue has room again: a sender that was refused, at the low watermark;
/// one that waits, as soon as its message fits.
struct room_wanted_by {
    static constexpr std::uint8_t refused = 1;
    static constexpr std::uint8_t waiting = 2;
};

inline constexpr std::size_t everything = std::numeric_limits<std::size_t>::max();

/// Which side of the connection it is.
enum class session_role : std::uint8_t { server, client };

struct session_setup {
    session_role role = session_role::server;
    /// Shared by all sessions of a host.
    std::shared_ptr<const session_config> config;
    std::chrono::milliseconds drain_timeout{0};
    endpoint remote;
    endpoint local;
    /// The session has to be open by then: the server's hello or the handshake has arrived.
    runtime::steady_time handshake_deadline = runtime::steady_time::max();
    /// The lock under which other threads send; null: the session has one of its own.
    std::shared_ptr<send_lock> lock_apart;
};

/// The session over any transport, whatever is spoken there: backpressure, keep-alive, pull mode,
/// limits, accounting and the course of a life. What derives from it speaks a protocol.
///
///     start --(handshake)--> open --stop, last word, violation, deadline--> closing --> closed
///
/// The base is virtual because a protocol may widen the public interface: websocket_session is a
/// ws_connection as well.
///
/// Thread-safety: the public interface from any thread; `start` and the transport's callbacks on
/// the loop.
class stream_session : public virtual messaging_session, protected transport::transport_handler {
public:
    ~stream_session() override;
    stream_session(const stream_session&) = delete;
    stream_session& operator=(const stream_session&) = delete;

    /// Every session the library makes is one of these.
    [[nodiscard]] static stream_session& of(messaging_session& who) noexcept {
        return who.stream();
    }
    [[nodiscard]] static std::shared_ptr<stream_session> of(const session_ptr& who) noexcept {
        return {who, &who->stream()};
    }

    void start();
    /// On the loop: the graceful close, telling the peer `reason`.
    void begin_close(std::error_code reason);
    /// On the loop: ends at once.
    void abort(std::error_code reason);
    /// Any thread: the graceful close, at the latest by `deadline`, whatever the peer does.
    void end_by(runtime::steady_time deadline);

    discardable_result pause_receiving() override;
    discardable_result resume_receiving() override;
    discardable_result stop_session() override;
    VoidResult stop_session(stop_handler&& handler) override;
    [[nodiscard]] bool is_stopped() const noexcept override {
        return is_stopped_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool has_peer_ended() const noexcept override {
        return has_peer_ended_.load(std::memory_order_relaxed);
    }
    VoidResult ping(ping_handler&& handler, operation_id operation = operation_id::none) override;
    VoidResult receive_packet(receive_handler&& handler,
                              operation_id operation = operation_id::none) override {
        return pull(handler, operation);
    }
    bool cancel(operation_id operation) override;
    /// One of this session's: its handler has to be told. Any thread.
    void on_cancelled(operation_id operation) noexcept;
    VoidResult post(unique_function<void()> task) override;
    [[nodiscard]] Result<tls_info> tls() const override;
    [[nodiscard]] bool runs_here() const noexcept override { return loop().runs_here(); }
    [[nodiscard]] std::size_t queued_bytes() const noexcept override;
    [[nodiscard]] session_metrics metrics() const noexcept override;

    /// What became of a message. `waiting`: it is full, and the thread may wait for room.
    enum class admission : std::uint8_t { granted, full, closed, waiting };
    /// Queues one frame that was encoded for many sessions; see shared_offer. From another thread
    /// the session is told through `wakes`. Only if the caller `may_wait`, it may answer `waiting`;
    /// nobody was refused then.
    [[nodiscard]] admission offer(const transport::shared_frame& frame, std::size_t payload_size,
                                  std::string_view key, wake_list& wakes, bool may_wait = false);
    /// After that: `who` is called when there is room, or when the session closes. It has to ask
    /// for it with `offer_again` until that does not answer `waiting`, or to `withdraw`.
    void join_senders(waiting_sender& who, wake_list& wakes);
    [[nodiscard]] admission offer_again(const transport::shared_frame& frame, waiting_sender& who,
                                        wake_list& wakes, bool is_last);
    void withdraw(waiting_sender& who);
    /// How long the calling thread may wait for room.
    [[nodiscard]] std::chrono::milliseconds send_patience() const;
    /// From another thread that holds the lock of `session_setup::lock_apart`: queues a short
    /// message, if there is nothing to it but that. False, with nothing done: send it as usual.
    [[nodiscard]] bool send_short(const remote_queue::lock& held, message_kind kind,
                                  std::span<const std::uint8_t> data);
    /// On the loop: takes over what other threads have queued.
    void on_announced();
    /// Any thread: `on_announced` will not be called after all.
    void take_back_announcement() noexcept { remote_.take_back_announcement(remote_.acquire()); }
    [[nodiscard]] bool is_gone() const noexcept { return is_gone_.load(std::memory_order_acquire); }

    [[nodiscard]] const std::shared_ptr<runtime::loop>& where() const noexcept {
        return transport_->where();
    }
    /// On the loop: does not read while there is a reason not to.
    void set_hold(hold reason, bool is_on);
    /// Once the session has failed: what there is to say about it beyond the code.
    [[nodiscard]] virtual std::string failure_text() const;
    /// Any thread: messages that were handed to the host, and whose callbacks will never run.
    void count_unread(std::uint64_t more) noexcept {
        unread_.fetch_add(more, std::memory_order_release);
    }

protected:
    stream_session(std::shared_ptr<transport::transport> over, std::shared_ptr<session_host> host,
                   const session_setup& setup, message_encoder encoder);
    /// For the constructor of the virtual base.
    [[nodiscard]] static std::string next_id();

    // What a protocol has to say. All of it runs on the loop.

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
    /// The session closes, and everything the application has sent is in the queue: says the last
    /// word, then or later `close_transport`.
    virtual void finish(std::error_code reason) = 0;
    virtual bool write_ping(std::uint64_t token) = 0;
    /// Gives back memory, if none of it is in use: called now and then.
    virtual void trim() noexcept = 0;
    /// Under the lock of the other threads, while what they have queued is taken over.
    virtual void adopt_calls() {}
    virtual bool cancel_call(operation_id) { return false; }
    /// False: the id names a pending operation.
    [[nodiscard]] bool begin_operation(pending_operation& pending, operation_id operation) {
        return operation == operation_id::none || pending.begin(operation, of(shared_from_this()));
    }
    /// The peer has let the handshake's deadline pass, or its pings go unanswered.
    virtual void give_up() { abort(errc::connection_timeout); }
    /// The session is gone: drops references to itself.
    virtual void let_go() {}
    virtual void fail_calls(errc) {}

    // What protocols are made of.

    [[nodiscard]] const session_config& config() const noexcept { return *config_; }
    [[nodiscard]] session_role role() const noexcept { return role_; }
    [[nodiscard]] const message_encoder& encoder() const noexcept { return encoder_; }
    [[nodiscard]] transport::transport& under() const noexcept { return *transport_; }
    [[nodiscard]] runtime::loop& loop() const noexcept { return *transport_->where(); }
    [[nodiscard]] session_host& host() const noexcept { return *host_; }
    [[nodiscard]] const session_ptr& self() const noexcept { return self_; }
    [[nodiscard]] bool is_open() const noexcept { return is_open_; }
    [[nodiscard]] bool is_closing() const noexcept { return is_closing_; }
    /// Ends as the application wants it, once the work in progress is done.
    [[nodiscard]] bool is_winding_down() const noexcept { return is_winding_down_; }
    void end_if_done();
    /// Whether more callbacks may follow the one that has just run.
    [[nodiscard]] bool takes_more() const noexcept { return !is_closing_ && gate_->is_open(); }

    /// Not open yet: keeps the first of all bytes that arrive for an error text.
    void keep_first_bytes(transport::bytes_view bytes);
    [[nodiscard]] std::string_view first_bytes() const noexcept;
    /// What `failure_text` says; else it asks the transport.
    void note_failure(std::string text);
    [[nodiscard]] std::string noted_failure() const { return rare_ ? rare_->failure : ""; }
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
    /// The handshake is done: the host hears of the session. Inside a guard.
    void open();
    /// One message of the application, for the host or for whoever asks. Whether more callbacks may
    /// follow.
    template <typename Tell>
    bool deliver(message_kind kind, transport::bytes_view payload, const Tell& tell_host) {
        if (pull_) {
            pull_message(kind, payload);
        } else {
            count_received();
            tell_host();
        }
        return takes_more();
    }
    /// Any thread: asks for the next message. The handler is moved from on success.
    template <typename Handler>
    VoidResult pull(Handler& handler, operation_id operation) {
        return detail::within_memory([&] {
            auto allowed = may_pull(static_cast<bool>(handler));
            pending_operation pending;
            if (allowed && !begin_operation(pending, operation)) {
                allowed = operation_exists(id());
            } else if (allowed && may_note_asker()) {
                pull_->note(handler, pending);
            } else if (allowed) {
                post_own(handler, [this, pending = std::move(pending)](Handler& asking) mutable {
                    ask(std::move(asking), std::move(pending));
                });
            }
            return allowed;
        });
    }
    void count_received() noexcept {
        received_.store(received_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    /// So many messages have arrived in one read.
    void limit_rate(std::uint64_t arrived) {
        if (rate_ && arrived > 0 && !is_closing_) {
            apply_rate(arrived);
        }
    }
    /// Nothing more will arrive, and the session stays open.
    void note_peer_end();
    void count_discarded(std::size_t bytes) noexcept { discarded_.add(bytes); }
    /// The pong to a ping of this session; others are ignored.
    void answer_ping(std::uint64_t token);
    /// Whether an answer the peer has asked for may go over the high watermark.
    [[nodiscard]] bool has_control_room() const noexcept;
    /// The same, and closes if not.
    bool may_send_control();
    bool send_control(transport::bytes_view frame);
    /// The end of everything that is sent; see transport::close.
    void close_transport(std::error_code reason,
                         transport::peer_state peer = transport::peer_state::speaks);
    /// Closing: the end has to come now.
    void give_no_time() noexcept {
        due_by_ = loop().now();
        is_end_fixed_ = true;
    }
    /// Closing: when to look next at what the peer takes; `more_time` then.
    [[nodiscard]] runtime::steady_time first_look() const noexcept;
    /// Until when the close may go on: later as long as the peer takes what it is sent. Of that,
    /// `answers` bytes are no progress: the peer has asked for them meanwhile.
    [[nodiscard]] runtime::steady_time more_time(std::uint64_t answers = 0);
    /// The deadline of the close has moved.
    virtual void limit_end(runtime::steady_time deadline) { transport_->limit_close(deadline); }
    /// Takes over what other threads have queued, and counts all that is not written as lost.
    void discard_queued();
    void publish_queued() noexcept;
    /// Runs user code if the host still takes callbacks; what it throws closes the session.
    template <typename Callback>
    bool guarded(const Callback& callback);
    /// Runs what the session cannot do without. If memory runs out in it, the session ends, for the
    /// reason that is known already, or for that.
    template <typename Work>
    void or_abort(const Work& work, std::error_code known = {});
    /// The same on the loop, later. Keeps the session until then. Any thread.
    template <typename Work>
    void post_own(Work work);
    /// The same of `work(handler)`. The handler is moved from unless this throws.
    template <typename Handler, typename Work>
    void post_own(Handler& handler, Work work);
    /// Lets `keep()` take the handler over, or do nothing and throw std::bad_alloc: then the
    /// handler is told. Whether it was taken.
    template <typename Handler, typename Keep>
    bool keep_handler(const Handler& handler, std::string_view operation, const Keep& keep);

    /// Queues what `append(queue, is_own_thread)` appends, if there is room for so many bytes.
    /// `append` does all of it, or throws std::bad_alloc with nothing done.
    template <typename Append>
    VoidResult queue_frame(std::size_t wire_bytes, const Append& append);
    /// A message behind a header of its own, as it is; `done` may be empty.
    void append_message(transport::write_queue& queue, bool is_own, transport::bytes_view header,
                        transport::bytes_view data, send_callback done);
    // The kind is last, so that the rest need not move when it is added.
    VoidResult send_copied_message(std::span<const std::uint8_t> data, send_callback& done,
                                   message_kind kind);
    VoidResult send_owned_message(std::vector<std::uint8_t>& data, send_callback& done,
                                  message_kind kind);
    VoidResult send_copy(std::span<const std::uint8_t> data, send_callback& done) override {
        return send_copied_message(data, done, message_kind::binary);
    }
    VoidResult send_owned(std::vector<std::uint8_t>& data, send_callback& done) override {
        return send_owned_message(data, done, message_kind::binary);
    }
    VoidResult send_keyed(std::string_view key, std::span<const std::uint8_t> data,
                          send_callback& done) override;

    /// Of a message; nothing before sends are allowed.
    [[nodiscard]] bool may_send() const noexcept { return !is_stopped() && may_send_at_all(); }
    /// The same, for what may follow a stop.
    [[nodiscard]] bool may_send_at_all() const noexcept {
        return sendable_below_.load(std::memory_order_relaxed) > 0;
    }
    [[nodiscard]] std::size_t max_sendable() const noexcept {
        return sendable_below_.load(std::memory_order_relaxed) - std::size_t{1};
    }
    /// At the beginning they are.
    void forbid_sends() noexcept { set_sendable_below(0); }
    void allow_sends() noexcept { limit_sends(config_->max_message_size); }
    /// The peer takes no longer messages than this.
    void limit_sends(std::size_t size) noexcept;
    void set_sendable_below(std::uint32_t size) noexcept;
    /// Any thread: the session will close; sends fail from now on.
    void mark_stopped() noexcept { is_stopped_.store(true, std::memory_order_relaxed); }
    /// A new one for each frame, if frames are masked.
    [[nodiscard]] websocket::masking_key next_key() const noexcept;
    [[nodiscard]] VoidResult closed_error() const;
    [[nodiscard]] VoidResult refusal_of(std::size_t size) const;
    [[nodiscard]] std::string describe(std::string_view operation) const;
    /// What a handler is told that waits for the end of `operation`: "ping to", for example.
    [[nodiscard]] error_info failure_of(errc code, std::string_view operation) const noexcept {
        return detail::told_anyway(
            code, [&] { return detail::failure(code, describe(operation), id()); });
    }
    [[nodiscard]] errc end_code(std::error_code reason) const noexcept;
    /// The lock under which other threads queue.
    [[nodiscard]] remote_queue::lock acquire_remote() { return remote_.acquire(); }

    // transport_handler, where all protocols agree.
    void on_bytes(std::size_t placed, std::span<std::uint8_t> rest) override;
    void on_write_failed(errc code) override;
    void on_left_behind() noexcept override {
        mark_stopped();
        forbid_sends();
    }
    void on_deadline() override;
    runtime::steady_time on_close_deadline() override { return more_time(); }

private:
    struct pending_ping {
        std::uint64_t token;
        runtime::steady_time sent;
        pending_operation operation;
        ping_handler handler;
    };

    /// What few sessions have, or none for long; made when it is needed.
    struct rare_state {
        std::vector<pending_ping> pings;
        std::vector<stop_handler> stops;
        /// What the peer has said first, while it has not said what it should.
        std::string first_bytes;
        std::string failure;
    };

    [[nodiscard]] stream_session& stream() noexcept final { return *this; }

    // stream_session_pull.cpp: messages that wait to be asked for.
    void pull_message(message_kind kind, transport::bytes_view payload);
    [[nodiscard]] VoidResult may_pull(bool has_handler) const;
    /// Whether nothing has come, so that the handler has to wait in any case.
    [[nodiscard]] bool may_note_asker() const noexcept;
    void ask(message_asker handler, pending_operation operation);
    void end_pulling(errc code);
    void apply_cancel(operation_id operation);

    // stream_session_send.cpp: what leaves.
    template <typename Append>
    VoidResult send_message(std::size_t size, const Append& append);
    [[nodiscard]] admission admit(const remote_queue::lock& held, std::size_t wire_bytes);
    void append_offered(const remote_queue::lock& held, const transport::shared_frame& frame,
                        wake_list& wakes);
    [[nodiscard]] admission admit_from_other_thread(remote_queue::lock& held,
                                                    std::size_t wire_bytes);
    [[nodiscard]] admission wait_for_room(remote_queue::lock& held, std::size_t wire_bytes,
                                          std::chrono::milliseconds patience);
    /// Lets the loop call those that wait as soon as there is room. Hold the lock from the look at
    /// the queue to the join. True: the loop has to look once after this, for room that it has made
    /// before it could hear of it.
    [[nodiscard]] bool expect_senders(std::size_t queued);
    void call_senders();
    void call_senders_if_any() {
        if ((room_wanted_.load(std::memory_order_relaxed) & room_wanted_by::waiting) != 0) {
            call_senders();
        }
    }
    [[nodiscard]] VoidResult refusal_of(admission refused) const;
    /// Lets the loop take over what other threads queue.
    void announce();
    NETWORK_NEVER_INLINE VoidResult send_any(std::span<const std::uint8_t> data,
                                             send_callback& done, message_kind kind);
    /// Where there is place in the queue's last chunk; false, with nothing done, where there is
    /// not.
    template <typename Header>
    bool queue_in_place(const Header& header, message_kind kind,
                        transport::bytes_view data) noexcept;
    NETWORK_NEVER_INLINE VoidResult flush_soon();
    /// Whether a message needs nothing but a place in the queue: it fits a chunk, is allowed, and
    /// has not to wait in a backlog.
    [[nodiscard]] bool is_short(std::size_t size) const noexcept {
        return !is_stopped_.load(std::memory_order_relaxed) &&
               size - encoder_.smallest_message() < short_sizes_.load(std::memory_order_relaxed);
    }
    /// A short message, in one step; `wire_bytes` with its header.
    void append_short(transport::write_queue& queue, std::size_t wire_bytes, message_kind kind,
                      transport::bytes_view data) const;
    [[nodiscard]] bool is_sendable(std::size_t size) const noexcept {
        return !is_stopped() && size >= encoder_.smallest_message() &&
               size < sendable_below_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool has_room(std::size_t queued, std::size_t more) const noexcept {
        return session::has_room(queued, more, config_->high_watermark);
    }
    /// Counts a refusal over the high watermark, and does what the policy says. Other threads hold
    /// remote_'s lock: after it is closed, nothing is counted that the last metrics() lack.
    void note_full(std::size_t queued);
    void note_refused(std::size_t queued);
    /// Takes over what other threads have queued, of a backlog enough to keep writing.
    void take_remote();
    void take_remote(std::size_t enough);

    // stream_session_backlog.cpp: policies under which messages give way to newer ones.
    [[nodiscard]] bool has_to_wait(std::size_t payload_size) const noexcept;
    /// The entry is moved from when it is granted.
    [[nodiscard]] admission enter_backlog(backlog::entry& entry);
    [[nodiscard]] VoidResult queue_behind(message_kind kind, std::string_view key,
                                          std::span<const std::uint8_t> data, send_callback& done);
    void refill_from_backlog();
    void settle_superseded();
    void on_written() override;
    void check_room();
    void look_for_room();
    void run_completions();

    // stream_session.cpp: life and deadlines.
    void schedule_deadline();
    [[nodiscard]] runtime::steady_time next_deadline() const noexcept;
    [[nodiscard]] runtime::steady_time last_active() const noexcept;
    [[nodiscard]] runtime::steady_time ping_due() const noexcept;
    [[nodiscard]] runtime::steady_time idle_due() const noexcept;
    [[nodiscard]] runtime::steady_time halfway_due() const noexcept;
    [[nodiscard]] bool has_pings() const noexcept {
        return encoder_.has_control_frames() &&
               config_->ping_interval > std::chrono::milliseconds{0};
    }
    [[nodiscard]] bool has_idle_limit() const noexcept {
        return config_->idle_timeout > std::chrono::milliseconds{0};
    }
    /// Whether what the peer takes is measured from halfway through the idle time on. Where there
    /// are pings, it is measured from one to the next.
    [[nodiscard]] bool looks_halfway() const noexcept { return has_idle_limit() && !has_pings(); }
    [[nodiscard]] std::uint64_t least_taken() const noexcept;
    void keep_alive(runtime::steady_time now);
    [[nodiscard]] bool has_missed_all_pings() const noexcept;
    [[nodiscard]] bool has_shown_life();
    /// The end that the application wants, by `deadline`.
    void wind_down(runtime::steady_time deadline);
    /// When what is in progress is given up, so that there is time for a goodbye.
    [[nodiscard]] runtime::steady_time work_deadline() const noexcept;
    void begin_close(std::error_code reason, runtime::steady_time deadline);
    void stop_then(stop_handler& handler);
    void log_end(std::error_code reason) const;
    /// Whether the peer, a client, has ended it without a single byte of its own, and without a
    /// message of the application's: health checks look whether somebody listens, and go.
    [[nodiscard]] bool was_visit(std::error_code reason) const noexcept;
    /// The callback of a message that is lost; empty when there is none left.
    [[nodiscard]] send_callback take_unsent();
    void fail_sends(errc code);
    void apply_rate(std::uint64_t arrived);
    void end_rate_hold();
    [[nodiscard]] bool is_held_for(hold reason) const noexcept {
        return (holds_ & static_cast<std::uint8_t>(reason)) != 0;
    }
    void on_closed(std::error_code reason) override;
    void fail_pending(std::error_code reason);
    void answer_stops(std::error_code reason);
    [[nodiscard]] error_info stop_failure(std::error_code reason) const noexcept;
    VoidResult set_paused(bool paused);
    void on_broken() override;
    void change_holds(std::uint8_t holds);
    [[nodiscard]] transport::reading wanted_reading() const noexcept;
    [[nodiscard]] bool is_paused() const noexcept { return holds_ != 0; }
    void send_ping(ping_handler handler, pending_operation operation);
    [[nodiscard]] rare_state& rare();

    const std::shared_ptr<const session_config> config_;
    const std::chrono::milliseconds drain_timeout_;
    // The session has to be open by then; once it closes: it has to be gone by then.
    runtime::steady_time due_by_;
    const session_role role_;
    const message_encoder encoder_;
    // Written on the loop only.
    std::atomic<bool> is_open_{false};
    bool is_closing_ : 1 = false;
    bool is_winding_down_ : 1 = false;
    bool is_broken_ : 1 = false;
    // Whether `due_by_` stays where it is.
    bool is_end_fixed_ : 1 = false;
    // Whether, at the last ping or sign of life, the peer had not taken everything.
    bool was_behind_ : 1 = false;
    // The reasons (`hold`) that are on.
    std::uint8_t holds_ = 0;
    // How many sizes of messages, from the smallest up, are short ones. Read by all.
    std::atomic<std::uint16_t> short_sizes_{0};
    // No more of them are told apart than fit.
    std::uint16_t missed_pings_ = 0;
    session_age age_;
    runtime::steady_time last_ping_{};
    // When reading was resumed, or the peer has shown life by taking what it was sent.
    runtime::steady_time resumed_at_{};

    std::shared_ptr<transport::transport> transport_;
    // Let go when the session is gone: who keeps a closed session does not keep a server.
    std::shared_ptr<session_host> host_;
    const std::shared_ptr<runtime::callback_gate> gate_;
    // Set while the transport is alive: the session keeps itself until it is closed, and callbacks
    // are given this without touching the reference count.
    session_ptr self_;
    std::unique_ptr<rare_state> rare_;
    const std::unique_ptr<message_pull_queue> pull_;
    const std::unique_ptr<rate_limit> rate_;
    detail::counter discarded_;
    detail::counter dropped_;

    remote_queue remote_;
    std::atomic<bool> is_stopped_{false};
    std::atomic<bool> is_gone_{false};
    std::atomic<bool> has_peer_ended_{false};
    // Who wants to hear of room (`room_wanted_by`). One look at it costs a written batch no more.
    std::atomic<std::uint8_t> room_wanted_{0};
    std::atomic<std::uint32_t> sendable_below_{0};
    // Written by the loop's thread only, without read-modify-write; read by all.
    std::atomic<std::size_t> own_queued_{0};
    std::atomic<std::uint64_t> received_{0};
    std::atomic<std::uint64_t> sent_{0};
    std::atomic<std::uint64_t> rejected_{0};
    std::atomic<std::uint64_t> unread_{0};
};

template <typename Append>
VoidResult stream_session::queue_frame(std::size_t wire_bytes, const Append& append) {
    if (!loop().runs_here()) {
        if (!loop().belongs_here()) {
            return closed_error();
        }
        auto held = remote_.acquire();
        if (const auto answer = admit_from_other_thread(held, wire_bytes);
            answer != admission::granted) {
            held.unlock();
            return refusal_of(answer);
        }
        remote_.append(
            held, [&] { append(remote_.pending(held), false); }, [this] { announce(); });
        return ok();
    }
    if (remote_.bytes() > 0) {
        take_remote();
    }
    transport::write_queue& queue = transport_->queue();
    // After taking over, only a backlog may be left there.
    if (const std::size_t queued = queue.bytes() + remote_.bytes(); !has_room(queued, wire_bytes)) {
        note_full(queued);
        return refusal_of(admission::full);
    }
    append(queue, true);
    own_queued_.store(queue.bytes(), std::memory_order_relaxed);
    transport_->request_flush();
    return ok();
}

template <typename Work>
void stream_session::or_abort(const Work& work, std::error_code known) {
    try {
        work();
    } catch (const std::bad_alloc&) {
        abort(known ? known : make_error_code(errc::out_of_memory));
    }
}

template <typename Handler, typename Keep>
bool stream_session::keep_handler(const Handler& handler, std::string_view operation,
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
void stream_session::post_own(Work work) {
    where()->post([self = of(shared_from_this()), work = std::move(work)]() mutable {
        self->or_abort(work);
    });
}

template <typename Handler, typename Work>
void stream_session::post_own(Handler& handler, Work work) {
    runtime::post_with(loop(), handler,
                       [self = of(shared_from_this()), work = std::move(work)](
                           Handler& kept) mutable { self->or_abort([&] { work(kept); }); });
}

template <typename Callback>
bool stream_session::guarded(const Callback& callback) {
    if (!loop().enter(gate_)) {
        return false;
    }
    const auto thrown = detail::run_user_code(callback);
    if (thrown) {
        if (host_) {
            host_->on_callback_exception(*this, thrown->text);
        }
        begin_close(thrown->code);
    }
    return !thrown;
}

}  // namespace network_system::session
