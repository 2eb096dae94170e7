#pragma once

#include "datagram/peer_table.h"
#include "datagram/queue.h"
#include "datagram/source_memory.h"
#include "os/datagram_io.h"
#include "runtime/backoff.h"
#include "runtime/callback_gate.h"
#include "runtime/loop.h"
#include "runtime/pause.h"
#include "runtime/post_with.h"
#include "session/pending_operation.h"
#include "session/receiving/pull_queue.h"
#include "session/sending/outbox.h"
#include "utils/counter.h"
#include "utils/log.h"
#include "utils/user_code.h"

#include <network_system/session/datagram_config.h>
#include <network_system/session/messaging_session.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::session {

/// The object a channel belongs to: it runs the user's callbacks. Called on the channel's loop.
///
/// Object lifetimes: holds the channel, and is held by it until the channel is gone.
class datagram_host {
public:
    datagram_host() = default;
    datagram_host(const datagram_host&) = delete;
    datagram_host& operator=(const datagram_host&) = delete;
    virtual ~datagram_host() = default;

    /// Whose callback the calling thread is inside; null outside of those. It lives at least until
    /// the callback has returned.
    [[nodiscard]] static datagram_host* here() noexcept { return here_; }
    /// The server or client it works for, if any.
    [[nodiscard]] const void* owner() const noexcept { return owner_; }
    void set_owner(const void* owner) noexcept { owner_ = owner; }
    class scope {
    public:
        explicit scope(datagram_host& host) noexcept : outer_(std::exchange(here_, &host)) {}
        scope(const scope&) = delete;
        scope& operator=(const scope&) = delete;
        ~scope() { here_ = outer_; }

    private:
        datagram_host* const outer_;
    };

    [[nodiscard]] virtual std::shared_ptr<void> keep_alive() = 0;
    /// Names it in error messages.
    [[nodiscard]] virtual const std::string& name() const noexcept = 0;
    /// What calls fail with that come too late.
    [[nodiscard]] virtual errc not_running() const noexcept { return errc::connection_closed; }
    /// Guards the callbacks that run user code: all but the last two.
    [[nodiscard]] virtual const std::shared_ptr<runtime::callback_gate>& gate() const noexcept = 0;

    /// Whether there is a callback for datagrams; it stays so once the channel has started.
    [[nodiscard]] virtual bool reads_datagrams() const noexcept { return true; }
    virtual void on_datagram(std::span<const std::uint8_t> data, const endpoint& from) = 0;
    /// One was counted as unread, for want of a callback.
    virtual void on_unread() {}
    virtual void on_error(std::error_code error) = 0;
    virtual void on_writable() = 0;
    virtual void on_new_peer(const endpoint& peer) = 0;
    virtual void on_peer_expired(const endpoint& peer) = 0;

    /// A user callback threw.
    virtual void on_callback_exception(std::string_view what) noexcept = 0;
    /// Whose the lines of the log about the channel are.
    [[nodiscard]] virtual detail::log_source writer() const noexcept { return {}; }
    /// Exactly once, last.
    virtual void on_channel_gone(runtime::loop& where) noexcept = 0;

private:
    static thread_local datagram_host* here_;
    const void* owner_ = nullptr;
};

struct datagram_setup {
    datagram_config config;
    peer_limits peers;
    /// The peers of all channels of a server.
    std::shared_ptr<std::atomic<std::size_t>> total_peers;
    /// What they have asked, of all channels of a server that answers from the address that was
    /// asked. Null: the system chooses.
    std::shared_ptr<source_memory> sources;
    std::chrono::milliseconds drain_timeout{};
};

/// One UDP socket on its loop: receives in batches, queues what is sent and sends it in batches.
///
///     open --close--> draining --queue empty, deadline--> gone
///       |                                                  ^
///       +-- the loop goes away ----------------------------+
///
/// Thread-safety: `send`, `receive`, `cancel` and the getters from any thread; the rest on the
/// loop.
class datagram_channel final : private runtime::io_watch,
                               private runtime::flushable,
                               private runtime::deadline_entry {
public:
    using pull_handler = unique_function<void(Result<received_datagram>)>;

    datagram_channel(std::shared_ptr<runtime::loop> where, datagram_host& host,
                     runtime::unique_socket socket, std::unique_ptr<runtime::datagram_io> io,
                     const datagram_setup& setup);
    datagram_channel(const datagram_channel&) = delete;
    datagram_channel& operator=(const datagram_channel&) = delete;
    ~datagram_channel();

    /// Begins to receive. Error: the system refused to watch the socket; the channel is gone then.
    [[nodiscard]] std::error_code start();
    /// Sends what is queued until `drain_timeout`, and drops the rest. Idempotent.
    void close();

    /// Where sends without an address go; `connects`: by the socket itself, which then takes the
    /// target's datagrams only.
    [[nodiscard]] std::error_code set_target(const endpoint& target, bool connects);

    /// Queues a datagram, to the target when `to` is unspecified. `done` is left intact on error.
    [[nodiscard]] VoidResult send(const endpoint& to, std::span<const std::uint8_t> data,
                                  send_callback& done);
    /// Pull mode.
    [[nodiscard]] VoidResult receive(pull_handler&& handler, operation_id operation);
    bool cancel(operation_id operation) const { return pending_operation::cancel(operation, this); }
    void on_cancelled(operation_id operation) noexcept;

    [[nodiscard]] bool is_open() const noexcept {
        return !is_stopped_.load(std::memory_order_acquire);
    }
    /// Changes with the target of a connected socket.
    [[nodiscard]] endpoint local() const {
        const auto held = outbox_.acquire();
        return local_;
    }
    [[nodiscard]] const std::shared_ptr<runtime::loop>& loop() const noexcept { return loop_; }
    /// `callback_exceptions` is the host's.
    [[nodiscard]] datagram_metrics metrics() const;

private:
    using pull_queue = basic_pull_queue<received_datagram, pull_handler>;
    struct completion {
        send_callback done;
        VoidResult result;
    };
    using datagram_outbox = outbox<transport::datagram_queue>;

    void on_ready(runtime::interest ready) override;
    void on_loop_shutdown() override;
    void on_left_behind() noexcept override { is_stopped_.store(true, std::memory_order_relaxed); }
    void on_deadline(runtime::steady_time now) override;
    void flush() override;
    void take_and_write();
    /// What whoever waits for the end of something is told.
    [[nodiscard]] error_info failure_of(errc code, const char* what) const noexcept;

    // Receiving: datagram_channel.cpp.
    void receive_batches();
    void deliver(const runtime::incoming_datagrams& place);
    void deliver_one(std::span<const std::uint8_t> data);
    void pull_datagram(std::span<const std::uint8_t> data);
    void on_receive_error(std::error_code error);
    void on_told_by_network(std::error_code error);
    void rest_from_receiving(std::error_code error);
    void look_at_drops();
    [[nodiscard]] bool admit_peer();
    void remember_source();
    void ask(pull_handler& handler, pending_operation operation);

    // Sending: datagram_channel_send.cpp.
    [[nodiscard]] VoidResult refusal(errc code, const endpoint& to, std::size_t size) const;
    [[nodiscard]] error_info closed(errc code) const noexcept;
    /// What answers to the peer leave from; not set: the system chooses.
    [[nodiscard]] runtime::datagram_source source_for(const runtime::datagram_address& to) const;
    void forget_source(const runtime::datagram_address& peer);
    [[nodiscard]] VoidResult send_here(const runtime::datagram_address& to,
                                       std::span<const std::uint8_t> data, send_callback& done);
    [[nodiscard]] VoidResult send_from_other_thread(const runtime::datagram_address* to,
                                                    std::span<const std::uint8_t> data,
                                                    send_callback& done);
    [[nodiscard]] admission admit_from_other_thread(datagram_outbox::lock& held, std::size_t cost);
    void call_senders() { outbox_.call_senders(config_.high_watermark); }
    [[nodiscard]] std::chrono::milliseconds send_patience() const;
    void record_full();
    void take_remote();
    /// What may be queued already for a send of this cost to find room.
    [[nodiscard]] std::size_t room_for(std::size_t cost) const noexcept {
        return config_.high_watermark > cost ? config_.high_watermark - cost : 0;
    }
    void drop_oldest(transport::datagram_queue& queue, std::size_t most,
                     std::vector<completion>& completions);
    void write_queued();
    void on_send_error(std::error_code error);
    void finish_sends();
    void check_room();
    void publish_queued() noexcept;
    [[nodiscard]] std::size_t queued_bytes() const noexcept { return outbox_.queued_bytes(); }

    void report(errc code);
    /// Runs user code, unless the host's callbacks are over; false when it threw.
    template <typename Callback>
    bool run_callback(const Callback& callback) {
        if (!loop_->enter(gate_)) {
            return true;
        }
        const datagram_host::scope here(host_);
        const auto thrown = detail::run_user_code(callback);
        if (thrown) {
            host_.on_callback_exception(thrown->text);
        }
        return !thrown;
    }
    template <typename Callback>
    void guarded(const Callback& callback) {
        if (!run_callback(callback)) {
            report(errc::internal_error);
        }
    }
    void update_interest();
    void refuse_sends();
    void drop_queued();
    void finish();
    void leave() noexcept;

    const std::shared_ptr<runtime::loop> loop_;
    datagram_host& host_;
    const std::shared_ptr<runtime::callback_gate> gate_;
    // Until the channel is gone.
    std::shared_ptr<void> keep_;
    const datagram_config config_;
    const std::chrono::milliseconds drain_timeout_;
    runtime::unique_socket socket_;  // until `start`
    const endpoint::family family_;
    const std::unique_ptr<runtime::datagram_io> io_;
    const std::size_t send_buffer_size_;
    const std::size_t receive_buffer_size_;

    std::atomic<bool> is_stopped_{false};
    bool is_watched_ = false;
    // Whether there is a callback for datagrams.
    bool is_read_ = true;
    bool is_closing_ = false;
    bool is_gone_ = false;
    bool is_blocked_ = false;
    // Receiving fails for another reason than what the network said.
    std::shared_ptr<runtime::pause> rest_;
    runtime::backoff rests_;
    bool is_receive_failure_logged_ = false;
    runtime::steady_time next_look_at_drops_{};
    // Who sent what is being delivered, and where to.
    runtime::datagram_address sender_;
    endpoint sender_endpoint_;
    runtime::datagram_source asked_;
    bool is_asked_noted_ = false;
    // Null unless answers leave from where the peer has asked.
    std::shared_ptr<source_memory> sources_;
    std::unique_ptr<peer_table> peers_;
    std::unique_ptr<pull_queue> pull_;

    transport::datagram_queue queue_;
    std::size_t written_early_ = 0;
    std::vector<completion> completions_;
    std::vector<errc> errors_;
    // With a lock of its own: a channel has many senders.
    datagram_outbox outbox_{std::make_shared<send_lock>()};
    // Under the lock of the outbox.
    std::vector<completion> dropped_remotely_;
    // Written on the loop under that lock, so that the loop reads it without.
    runtime::datagram_address target_;
    endpoint local_;
    std::atomic<std::size_t> own_count_{0};
    std::atomic<std::size_t> remote_count_{0};

    struct counters {
        detail::counter sent, bytes_sent, received, bytes_received;
        detail::counter failures, too_large, no_buffers, unreachable, not_permitted;
        detail::counter undelivered, without_source;
        detail::counter stalls, refusals, truncated, kernel_drops, limited, unread, receive_errors;
        detail::counter send_calls, receive_calls;
        detail::shared_counter rejected, dropped;
        std::atomic<bool> has_segmentation{false};
    } counters_;
};

}  // namespace network_system::session
