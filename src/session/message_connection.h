#pragma once

#include "protocol/message_encoder.h"
#include "session/connection.h"
#include "session/message_host.h"
#include "session/receiving/inbox.h"
#include "session/sending/message_outbox.h"
#include "session/sending/wake_list.h"
#include "utils/compiler.h"

#include <network_system/session/messaging_session.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::session {

struct session_setup : connection_setup {
    endpoint remote;
    endpoint local;
    /// The lock under which other threads send; null: one that sessions share.
    std::shared_ptr<send_lock> lock_apart;
};

/// A connection that carries messages, in whatever format: an outbox, an inbox, and what the two
/// cost the connection (holds, writes, completions, accounting). What derives from it speaks a
/// protocol, and is a messaging_session as well; see session_of.
///
/// Thread-safety: as connection; `offer` and what belongs to it from any thread.
class message_connection : public connection {
public:
    /// The library's own connection behind a session; not for sessions that an application made.
    [[nodiscard]] static message_connection& of(messaging_session& who) noexcept {
        return *who.implementation();
    }
    /// The session that users know.
    [[nodiscard]] virtual session_ptr session() = 0;

    // What a session offers its users (see messaging_session). Any thread.

    template <typename Handler>
    VoidResult pull(Handler& handler, operation_id operation);
    VoidResult pull_all(receive_all_handler& handler, received_messages& reuse,
                        operation_id operation);
    [[nodiscard]] bool has_peer_ended() const noexcept {
        return has_peer_ended_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::size_t queued_bytes() const noexcept { return outbox_.queued_bytes(); }
    [[nodiscard]] virtual session_metrics metrics() const noexcept;

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
    [[nodiscard]] bool send_short(const message_outbox::lock& held, message_kind kind,
                                  std::span<const std::uint8_t> data);
    /// On the loop: takes over what other threads have queued.
    void on_announced();
    /// Any thread: `on_announced` will not be called after all.
    void take_back_announcement() noexcept { outbox_.take_back_announcement(outbox_.acquire()); }
    /// Any thread: messages that were handed to the host, and whose callbacks will never run.
    void count_unread(std::uint64_t more) noexcept { inbox_.count_unread(more); }

    /// Messages that the peer has given ids. Where their callbacks run: whether the message is to
    /// be delivered; then `end_delivery` follows, and what is told meanwhile is current_delivery.
    [[nodiscard]] virtual bool begin_delivery(std::uint64_t id) noexcept;
    virtual void end_delivery(std::uint64_t id, bool is_taken) noexcept;
    [[nodiscard]] virtual delivery_info delivery_of(std::uint64_t id) const noexcept;

    // The kind is last, so that the rest need not move when it is added.
    VoidResult send_copied_message(std::span<const std::uint8_t> data, send_callback& done,
                                   message_kind kind);
    VoidResult send_owned_message(std::vector<std::uint8_t>& data, send_callback& done,
                                  message_kind kind);
    VoidResult send_keyed_message(std::string_view key, std::span<const std::uint8_t> data,
                                  send_callback& done);

protected:
    message_connection(std::shared_ptr<transport::transport> over,
                       std::shared_ptr<message_host> host, const session_setup& setup,
                       message_encoder encoder);

    // What a protocol has to say, beyond what a connection wants to know. On the loop.

    /// Under the lock of the other threads, while what they have queued is taken over.
    virtual void adopt_calls() {}
    virtual bool cancel_call(operation_id) { return false; }
    virtual void fail_calls(errc) {}

    // What protocols are made of.

    [[nodiscard]] const message_encoder& encoder() const noexcept { return encoder_; }
    [[nodiscard]] message_host& host() const noexcept {
        return static_cast<message_host&>(connection::host());
    }
    /// The session, for callbacks: without touching the reference count. While it is connected.
    [[nodiscard]] const session_ptr& self() const noexcept { return self_; }

    /// One message of the application, for the host or for whoever asks. Whether more callbacks may
    /// follow.
    template <typename Tell>
    bool deliver(message_kind kind, bytes_view payload, const Tell& tell_host) {
        if (inbox_.is_pulled()) {
            keep_for_pull(kind, payload);
        } else {
            inbox_.count_received();
            tell_host();
        }
        return takes_more();
    }
    /// The same of a message with an id.
    bool deliver_numbered(std::uint64_t id, bytes_view payload);
    void count_received() noexcept { inbox_.count_received(); }
    /// So many messages have arrived in one read.
    void limit_rate(std::uint64_t arrived) {
        if (inbox_.is_rate_limited() && !is_closing()) {
            apply_rate(arrived);
        }
    }
    /// Nothing more will arrive, and the session stays open.
    void record_peer_end();
    /// Whether an answer the peer has asked for may go over the high watermark.
    [[nodiscard]] bool has_control_room() const noexcept;
    /// The same, and closes if not.
    bool may_send_control();
    bool send_control(bytes_view frame);
    /// Takes over what other threads have queued, and counts all that is not written as lost.
    void discard_queued();
    /// What the queue holds has changed other than by a send.
    void publish_queued() noexcept { outbox_.publish(transport().queue()); }

    /// Queues what `append(queue, is_own_thread)` appends, if there is room for so many bytes.
    /// `append` does all of it, or throws std::bad_alloc with nothing done.
    template <typename Append>
    VoidResult queue_frame(std::size_t wire_bytes, const Append& append);
    /// A message behind a header of its own, as it is; `done` may be empty.
    void append_message(transport::write_queue& queue, bool is_own, bytes_view header,
                        bytes_view data, send_callback done);

    /// Of a message; nothing before sends are allowed.
    [[nodiscard]] bool may_send() const noexcept { return !is_stopped() && may_send_at_all(); }
    /// The same, for what may follow a stop.
    [[nodiscard]] bool may_send_at_all() const noexcept {
        return sendable_below_.load(std::memory_order_relaxed) > 0;
    }
    [[nodiscard]] std::size_t max_sendable() const noexcept {
        return sendable_below_.load(std::memory_order_relaxed) - std::size_t{1};
    }
    [[nodiscard]] bool is_sendable(std::size_t size) const noexcept {
        return !is_stopped() && size >= encoder_.smallest_message() &&
               size < sendable_below_.load(std::memory_order_relaxed);
    }
    /// At the beginning they are.
    void forbid_sends() noexcept { set_sendable_below(0); }
    void allow_sends() noexcept { limit_sends(config().max_message_size); }
    /// The peer takes no longer messages than this.
    void limit_sends(std::size_t size) noexcept;
    /// A new one for each frame, if frames are masked.
    [[nodiscard]] websocket::masking_key next_key() const noexcept;
    [[nodiscard]] VoidResult refusal_of(std::size_t size) const;
    /// The lock under which other threads queue.
    [[nodiscard]] message_outbox::lock acquire_remote() { return outbox_.acquire(); }

    // What a connection asks for, where all messages agree.
    void take_over(bool is_last) override;
    bool cancel_pending(operation_id operation) override;
    [[nodiscard]] runtime::steady_time rate_hold_ends() const noexcept override {
        return inbox_.resume_at();
    }
    void keep_self() override { self_ = session(); }
    void release_self() override { loop()->retire(std::move(self_)); }
    void tell_open() override {
        host().on_established(self_);
        host().on_open(self_);
    }
    void tell_closed(std::error_code reason) override {
        host().on_closed(self_, reason, is_open());
    }
    void tell_gone(std::error_code counted) noexcept override {
        host().on_gone(self_, counted, metrics());
    }
    void fail_pending(std::error_code reason) override;
    [[nodiscard]] bool has_sent() const noexcept override {
        return outbox_.sent() > 0 || outbox_.dropped() > 0;
    }
    [[nodiscard]] std::string describe_traffic() const override;
    void on_bytes(std::size_t placed, std::span<std::uint8_t> rest) override;
    void on_write_failed(errc code) override;
    void on_left_behind() noexcept override {
        connection::on_left_behind();
        forbid_sends();
    }

private:
    static constexpr std::size_t everything = std::numeric_limits<std::size_t>::max();

    // message_connection.cpp: what arrives, and the end.
    void keep_for_pull(message_kind kind, bytes_view payload);
    /// Whether a message waits that is to be delivered. If it has an id, its delivery has begun.
    [[nodiscard]] bool begin_oldest();
    /// It is not delivered after all.
    void leave_oldest() noexcept;
    void give_numbered();
    [[nodiscard]] VoidResult may_pull(bool has_handler) const;
    /// Whether nothing has come, so that the handler has to wait in any case.
    [[nodiscard]] bool must_wait_for_message() const noexcept;
    void ask(message_asker handler, pending_operation operation);
    /// To one who has come after the messages.
    void give_waiting(message_asker& asker);
    void give_all_waiting(message_asker& asker, received_messages& all);
    void take_all_waiting(received_messages& all, std::vector<std::uint64_t>& ids);
    void go_on_reading();
    /// To one who waits for all messages: those of this read, if there were any.
    void give_collected();
    void end_pulling(errc code);
    void apply_rate(std::uint64_t arrived);
    /// The callback of a message that is lost; empty when there is none left.
    [[nodiscard]] send_callback take_unsent();
    void fail_sends(errc code);

    // message_connection_send.cpp: what leaves.
    template <typename Append>
    VoidResult send_message(std::size_t size, const Append& append);
    void append_offered(const message_outbox::lock& held, const transport::shared_frame& frame,
                        wake_list& wakes);
    [[nodiscard]] admission admit_from_other_thread(message_outbox::lock& held,
                                                    std::size_t wire_bytes);
    void expect_sender(const message_outbox::lock& held);
    void call_senders() { outbox_.call_senders(config().high_watermark); }
    [[nodiscard]] VoidResult refusal_of(admission refused) const;
    /// Lets the loop take over what other threads queue.
    void announce();
    NETWORK_NEVER_INLINE VoidResult send_any(std::span<const std::uint8_t> data,
                                             send_callback& done, message_kind kind);
    /// Where there is place in the queue's last chunk; false, with nothing done, where there is
    /// not.
    template <typename Header>
    bool queue_in_place(const Header& header, message_kind kind, bytes_view data) noexcept;
    NETWORK_NEVER_INLINE VoidResult flush_soon();
    void set_sendable_below(std::uint32_t size) noexcept;
    /// Whether a message needs nothing but a place in the queue: it fits a chunk, is allowed, and
    /// has not to wait in a backlog.
    [[nodiscard]] bool is_short(std::size_t size) const noexcept {
        return !is_stopped() &&
               size - encoder_.smallest_message() < short_sizes_.load(std::memory_order_relaxed);
    }
    /// A short message, in one step; `wire_bytes` with its header.
    void append_short(transport::write_queue& queue, std::size_t wire_bytes, message_kind kind,
                      bytes_view data) const;
    /// Counts a refusal over the high watermark, and does what the policy says. Other threads hold
    /// the lock: after the outbox is closed, nothing is counted that the last metrics() lack.
    void record_full(std::size_t queued);
    void record_refused(std::size_t queued);
    /// Takes over what other threads have queued, of a backlog enough to keep writing.
    void take_remote();
    void take_remote(std::size_t enough);
    void on_written() override;
    void check_room();
    void run_completions();

    // message_connection_backlog.cpp: policies under which messages give way to newer ones.
    [[nodiscard]] bool has_to_wait(std::size_t payload_size) const noexcept;
    /// The entry is moved from when it is granted.
    [[nodiscard]] admission enter_backlog(backlog::entry& entry);
    [[nodiscard]] VoidResult queue_behind(message_kind kind, std::string_view key,
                                          std::span<const std::uint8_t> data, send_callback& done);
    void refill_from_backlog();
    void settle_superseded();

    const message_encoder encoder_;
    std::atomic<bool> has_peer_ended_{false};
    // How many sizes of messages, from the smallest up, are short ones. Read by all.
    std::atomic<std::uint16_t> short_sizes_{0};
    std::atomic<std::uint32_t> sendable_below_{0};
    // Set while the transport is alive: the session keeps itself until it is closed, and callbacks
    // are given this without touching the reference count.
    session_ptr self_;
    inbox inbox_;
    message_outbox outbox_;
};

template <typename Handler>
VoidResult message_connection::pull(Handler& handler, operation_id operation) {
    return detail::within_memory([&] {
        const bool was_gone = is_gone();  // before it is asked what may be done
        auto allowed = may_pull(static_cast<bool>(handler));
        pending_operation pending;
        if (allowed && !begin_operation(pending, operation)) {
            allowed = operation_exists(id());
        } else if (allowed && must_wait_for_message()) {
            inbox_.wait(handler, pending);
        } else if (allowed) {
            // What came before the end can be asked for after it.
            const bool is_posted =
                post_own(was_gone ? runtime::never : gone_flag(), handler,
                         [this, pending = std::move(pending)](Handler& asking) mutable {
                             ask(std::move(asking), std::move(pending));
                         });
            if (!is_posted) {
                allowed = is_gone() && !was_gone ? pull(handler, operation) : closed_error();
            }
        }
        return allowed;
    });
}

template <typename Append>
VoidResult message_connection::queue_frame(std::size_t wire_bytes, const Append& append) {
    if (!loop()->runs_here()) {
        if (!loop()->belongs_here()) {
            return closed_error();
        }
        auto held = outbox_.acquire();
        if (const auto answer = admit_from_other_thread(held, wire_bytes);
            answer != admission::granted) {
            held.unlock();
            return refusal_of(answer);
        }
        outbox_.append(
            held, [&] { append(outbox_.pending(held), false); }, [this] { announce(); });
        return ok();
    }
    if (outbox_.remote_bytes() > 0) {
        take_remote();
    }
    transport::write_queue& queue = transport().queue();
    // After taking over, only a backlog may be left there.
    if (const std::size_t queued = queue.bytes() + outbox_.remote_bytes();
        !has_room(queued, wire_bytes, config().high_watermark)) {
        record_full(queued);
        return refusal_of(admission::full);
    }
    append(queue, true);
    outbox_.publish_own(queue.bytes());
    transport().request_flush();
    return ok();
}

}  // namespace network_system::session
