#pragma once

#include "protocol/control_frames.h"
#include "protocol/frame_decoder.h"
#include "session/pull_queue.h"
#include "session/rate_limit.h"
#include "session/remote_queue.h"
#include "session/request_table.h"
#include "session/session_host.h"
#include "session/wake_list.h"
#include "transport/transport.h"
#include "utils/counter.h"
#include "utils/user_code.h"

#include <network_system/session/messaging_session.h>
#include <network_system/utils/error_codes.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace network_system::session {

/// Why a session does not read for now; it reads again when no reason is left.
enum class hold : std::uint8_t {
    user = 1,
    rate = 2,
    pull_queue = 4,
    callback_queue = 8,
};

inline constexpr std::size_t everything = std::numeric_limits<std::size_t>::max();

/// Which side of the connection speaks the hello.
enum class session_role : std::uint8_t { server, client };

struct session_setup {
    session_role role = session_role::server;
    /// Shared by all sessions of a host.
    std::shared_ptr<const session_config> config;
    std::chrono::milliseconds drain_timeout{0};
    endpoint remote;
    endpoint local;
    /// Client only: the server's hello has to arrive by then.
    runtime::steady_time hello_deadline = runtime::steady_time::max();
    /// The lock under which other threads send; null: the session makes what it needs.
    std::shared_ptr<send_lock> lock_apart;
};

/// The session over any transport: frames, keep-alive, backpressure, close.
///
///     start --(client: hello)--> open --stop, goodbye, violation, deadline--> closing --> closed
///
/// Thread-safety: the public interface from any thread; `start` and the transport's callbacks on
/// the loop.
class framed_session final : public messaging_session,
                             private transport::transport_handler,
                             private request_table::owner {
public:
    framed_session(std::shared_ptr<transport::transport> over, std::shared_ptr<session_host> host,
                   const session_setup& setup);
    ~framed_session() override;
    framed_session(const framed_session&) = delete;
    framed_session& operator=(const framed_session&) = delete;

    void start();
    /// On the loop: the graceful close, telling the peer `reason`.
    void begin_close(std::error_code reason);
    /// On the loop: ends at once.
    void abort(std::error_code reason);

    VoidResult pause_receiving() override;
    VoidResult resume_receiving() override;
    VoidResult stop_session() override;
    VoidResult stop_session(stop_handler&& handler) override;
    [[nodiscard]] bool is_stopped() const noexcept override {
        return is_stopped_.load(std::memory_order_relaxed);
    }
    VoidResult ping(ping_handler&& handler, operation_id operation = operation_id::none) override;
    VoidResult receive_packet(receive_handler&& handler,
                              operation_id operation = operation_id::none) override;
    void cancel(operation_id operation) override;
    void post(unique_function<void()> task) override;
    [[nodiscard]] Result<tls_info> tls() const override;
    [[nodiscard]] bool runs_here() const noexcept override { return loop().runs_here(); }
    [[nodiscard]] std::size_t queued_bytes() const noexcept override;
    [[nodiscard]] session_metrics metrics() const noexcept override;

    /// What became of a message.
    enum class admission : std::uint8_t { granted, full, closed };
    /// Queues one frame that was encoded for many sessions; see fan_out. From another thread the
    /// session is told through `wakes`.
    [[nodiscard]] admission offer(const transport::shared_frame& frame, std::size_t payload_size,
                                  std::string_view key, wake_list& wakes);
    /// From another thread that holds the lock of `session_setup::lock_apart`: queues a short
    /// message, if there is nothing to it but that. False, with nothing done: send it as usual.
    [[nodiscard]] bool send_short(const remote_queue::lock& held,
                                  std::span<const std::uint8_t> data);
    /// On the loop: takes over what other threads have queued.
    void on_announced();
    [[nodiscard]] bool is_gone() const noexcept { return is_gone_.load(std::memory_order_acquire); }

    [[nodiscard]] const std::shared_ptr<runtime::loop>& where() const noexcept {
        return transport_->where();
    }
    /// On the loop: does not read while there is a reason not to.
    void set_hold(hold reason, bool is_on);
    /// Once the session has failed: what the stream has to say about it beyond the code.
    [[nodiscard]] std::string failure_text() const { return transport_->failure_text(); }
    /// Any thread: messages that were handed to the host, and whose callbacks will never run.
    void count_unread(std::uint64_t more) noexcept {
        unread_.fetch_add(more, std::memory_order_release);
    }

protected:
    VoidResult send_owned(std::vector<std::uint8_t>& data, send_callback& done) override;
    VoidResult send_copy(std::span<const std::uint8_t> data, send_callback& done) override;
    VoidResult send_keyed(std::string_view key, std::span<const std::uint8_t> data,
                          send_callback& done) override;
    VoidResult send_request(std::span<const std::uint8_t> data, std::chrono::milliseconds timeout,
                            operation_id operation, response_handler& handler) override;
    VoidResult send_response(std::uint64_t request_id, int code,
                             std::span<const std::uint8_t> data) override;
    void settle_request(std::uint64_t request_id, int code,
                        std::span<const std::uint8_t> data) noexcept override;

private:
    struct pending_ping {
        std::uint64_t token;
        runtime::steady_time sent;
        operation_id operation;
        ping_handler handler;
    };

    /// Who waits for something that few sessions are asked for; made at the first one.
    struct waiting_handlers {
        std::vector<pending_ping> pings;
        std::vector<stop_handler> stops;
    };

    /// What only sessions with requests need; made at the first one.
    struct request_state {
        request_state(runtime::loop& where, request_table::owner& to) : table(where, to) {}

        request_table table;
        // The loop's ids are even, those of other threads (under the remote queue's lock) odd.
        std::atomic<std::uint64_t> last_own_id{0};
        std::atomic<std::uint64_t> last_remote_id{1};
        std::vector<new_request> from_other_threads;
        std::atomic<std::size_t> not_adopted{0};
        std::atomic<std::uint64_t> received{0};
        std::atomic<std::uint64_t> timeouts{0};
        std::atomic<std::uint64_t> late{0};
    };

    void on_open() override;

    // framed_session_receive.cpp: what arrives.
    std::span<std::uint8_t> read_place() noexcept override;
    void on_bytes(std::size_t placed, transport::bytes_view rest) override;
    void on_end() override;
    // The functions below run inside one guard: what a callback throws passes through them.
    void decode(std::size_t placed, transport::bytes_view rest);
    bool on_message(transport::bytes_view payload);
    void count_received() noexcept {
        received_.store(received_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    bool on_flagged_message(const protocol::frame& frame);
    bool on_other_frame(const protocol::frame& frame);
    bool on_hello(transport::bytes_view payload);
    bool on_ping_frame(transport::bytes_view payload);
    bool on_pong_frame(transport::bytes_view payload);
    bool on_goodbye(transport::bytes_view payload);
    bool on_error_frame(transport::bytes_view payload);
    bool on_request_frame(const protocol::frame& frame);
    bool on_response_frame(const protocol::frame& frame);
    bool violate(errc code, std::string_view text);
    /// Whether an answer the peer has asked for may go over the high watermark; closes if not.
    bool may_send_control();
    bool send_control(transport::bytes_view frame);
    /// Whether more callbacks may follow the one that has just run.
    [[nodiscard]] bool takes_more() const noexcept { return !is_closing_ && gate_->is_open(); }

    // framed_session_calls.cpp: requests and their answers.
    [[nodiscard]] request_state& requests();
    [[nodiscard]] VoidResult refusal_of_call(std::size_t size) const;
    void adopt_requests();
    void answer_request(const response_handler& done, const protocol::frame& frame);
    void fail_requests(errc code);
    void on_request_expired(response_handler done) override;
    bool cancel_request(operation_id operation);

    // framed_session_pull.cpp: messages that wait to be asked for.
    void pull_message(transport::bytes_view payload);
    void ask(receive_handler handler, operation_id operation);
    void end_pulling(errc code);
    void apply_cancel(operation_id operation);

    // framed_session_send.cpp: what leaves.
    template <typename Append>
    VoidResult send_message(std::size_t size, const Append& append);
    template <typename Append>
    VoidResult queue_frame(std::size_t wire_bytes, const Append& append);
    [[nodiscard]] admission admit_from_other_thread(remote_queue::lock& held,
                                                    std::size_t wire_bytes);
    /// How long the calling thread may wait for room.
    [[nodiscard]] std::chrono::milliseconds send_patience() const;
    [[nodiscard]] VoidResult refusal_of(admission refused) const;
    void announce_remote(const remote_queue::lock& held);
    [[nodiscard]] VoidResult send_any(std::span<const std::uint8_t> data, send_callback& done);
    /// Whether a message needs nothing but a place in the queue: it fits a chunk, is allowed, and
    /// has not to wait in a backlog.
    [[nodiscard]] bool is_short(std::size_t size) const noexcept;
    /// A short message, in one step.
    void append_short(transport::write_queue& queue, transport::bytes_view data) const;
    void append_message(transport::write_queue& queue, bool is_own, transport::bytes_view header,
                        transport::bytes_view data, send_callback done);
    [[nodiscard]] VoidResult refusal_of(std::size_t size) const;
    [[nodiscard]] bool has_room(std::size_t queued, std::size_t more) const noexcept {
        return queued == 0 || queued + more <= config_->high_watermark;
    }
    /// Counts a refusal over the high watermark, and does what the policy says.
    void note_full(std::size_t queued);
    [[nodiscard]] VoidResult closed_error() const;
    void note_refused(std::size_t queued);
    /// Takes over what other threads have queued, of a backlog enough to keep writing.
    void take_remote();
    void take_remote(std::size_t enough);
    void publish_queued() noexcept;

    // framed_session_backlog.cpp: policies under which messages give way to newer ones.
    [[nodiscard]] bool has_to_wait(std::size_t payload_size) const noexcept;
    /// The entry is moved from when it is granted.
    [[nodiscard]] admission enter_backlog(backlog::entry& entry);
    [[nodiscard]] VoidResult queue_behind(std::string_view key, std::span<const std::uint8_t> data,
                                          send_callback& done);
    void refill_from_backlog();
    void settle_superseded();
    void on_written() override;
    void check_room();
    void run_completions();

    // framed_session.cpp: life and deadlines.
    void on_deadline() override;
    void schedule_deadline();
    [[nodiscard]] runtime::steady_time next_deadline() const noexcept;
    [[nodiscard]] runtime::steady_time last_active() const noexcept;
    [[nodiscard]] runtime::steady_time ping_due() const noexcept;
    void keep_alive(runtime::steady_time now);
    void limit_rate(std::uint64_t arrived);
    void end_rate_hold();
    [[nodiscard]] bool is_held_for(hold reason) const noexcept {
        return (holds_ & static_cast<std::uint8_t>(reason)) != 0;
    }
    void on_closed(std::error_code reason) override;
    void fail_pending(std::error_code reason);
    void answer_stops(std::error_code reason);
    VoidResult set_paused(bool paused);
    [[nodiscard]] bool is_paused() const noexcept { return holds_ != 0; }
    void send_ping(ping_handler handler, operation_id operation);
    [[nodiscard]] waiting_handlers& waiting();
    [[nodiscard]] errc end_code(std::error_code reason) const noexcept;
    /// Runs user code if the host still takes callbacks; what it throws closes the session.
    template <typename Callback>
    bool guarded(const Callback& callback);
    [[nodiscard]] bool is_framed() const noexcept { return config_->frames == framing::message; }
    [[nodiscard]] runtime::loop& loop() const noexcept { return *transport_->where(); }
    [[nodiscard]] std::string describe(std::string_view operation) const;

    const std::shared_ptr<const session_config> config_;
    const std::chrono::milliseconds drain_timeout_;
    const runtime::steady_time hello_deadline_;
    const session_role role_;
    // Written on the loop only.
    std::atomic<bool> is_open_{false};
    bool is_closing_ = false;
    // The reasons (`hold`) that are on.
    std::uint8_t holds_ = 0;
    bool peer_said_goodbye_ = false;
    unsigned missed_pings_ = 0;
    runtime::steady_time last_ping_{};
    runtime::steady_time resumed_at_{};

    std::shared_ptr<transport::transport> transport_;
    // Let go when the session is gone: who keeps a closed session does not keep a server.
    std::shared_ptr<session_host> host_;
    const std::shared_ptr<runtime::callback_gate> gate_;
    // Set while the transport is alive: the session keeps itself until it is closed, and callbacks
    // are given this without touching the reference count.
    session_ptr self_;
    protocol::frame_decoder decoder_;
    std::unique_ptr<waiting_handlers> waiting_;
    const std::unique_ptr<message_pull_queue> pull_;
    const std::unique_ptr<rate_limit> rate_;
    // Made by any thread, under the remote queue's lock; lives as long as the session.
    std::atomic<request_state*> requests_{nullptr};
    detail::counter discarded_;
    detail::counter dropped_;

    remote_queue remote_;
    std::atomic<bool> is_stopped_{false};
    std::atomic<bool> is_gone_{false};
    std::atomic<bool> was_refused_{false};
    std::atomic<std::uint32_t> peer_max_message_size_;
    // Written by the loop's thread only, without read-modify-write; read by all.
    std::atomic<std::size_t> own_queued_{0};
    std::atomic<std::uint64_t> received_{0};
    std::atomic<std::uint64_t> sent_{0};
    std::atomic<std::uint64_t> rejected_{0};
    std::atomic<std::uint64_t> unread_{0};
};

/// Queues what `append(queue, is_own_thread)` appends, if there is room for so many bytes.
template <typename Append>
VoidResult framed_session::queue_frame(std::size_t wire_bytes, const Append& append) {
    if (!loop().runs_here()) {
        auto held = remote_.acquire();
        if (const auto answer = admit_from_other_thread(held, wire_bytes);
            answer != admission::granted) {
            return refusal_of(answer);
        }
        append(remote_.pending(held), false);
        announce_remote(held);
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

template <typename Callback>
bool framed_session::guarded(const Callback& callback) {
    if (!loop().enter(gate_)) {
        return false;
    }
    const auto thrown = detail::run_user_code(callback);
    if (thrown) {
        if (host_) {
            host_->on_callback_exception(*this, *thrown);
        }
        begin_close(errc::internal_error);
    }
    return !thrown;
}

}  // namespace network_system::session
