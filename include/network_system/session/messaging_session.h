#pragma once

#include <network_system/export.h>
#include <network_system/session/operation.h>
#include <network_system/session/received_messages.h>
#include <network_system/session/request.h>
#include <network_system/session/session_config.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/tls_info.h>
#include <network_system/utils/typed_pointer.h>
#include <network_system/utils/unique_function.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

namespace network_system::inline v0_1::session {

class message_connection;

/// Runs once when a message was handed to the operating system, or with the error that prevented
/// it. "Handed to the kernel" is not "delivered to the peer".
using send_callback = unique_function<void(VoidResult)>;

/// Runs once when a stop is complete: ok after a clean close, else with what cut it short.
using stop_handler = unique_function<void(VoidResult)>;

/// Gets the round-trip time of a ping, or the error that says there was none.
using ping_handler = unique_function<void(Result<std::chrono::microseconds>)>;

/// Gets one message in pull mode, or the error that says there will be none.
using receive_handler = unique_function<void(Result<std::vector<std::uint8_t>>)>;

/// The counters of one session. Requests and responses are messages too. Messages are application
/// messages; bytes are bytes on the wire.
struct session_metrics {
    std::uint64_t messages_sent = 0;
    std::uint64_t messages_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    /// Messages accepted by a send and lost because the connection ended first.
    std::uint64_t messages_dropped = 0;
    /// Sends refused over the high watermark.
    std::uint64_t sends_rejected = 0;
    /// Bytes that arrived after this side had begun to close and were read and discarded.
    std::uint64_t bytes_discarded = 0;
    std::uint64_t requests_sent = 0;
    std::uint64_t requests_received = 0;
    /// Requests of this side whose deadline passed without an answer.
    std::uint64_t request_timeouts = 0;
    /// Answers to requests that had been given up, dropped.
    std::uint64_t late_responses = 0;
    /// Requests of this side that wait for the peer's answer now.
    std::size_t requests_pending = 0;
    /// Requests of the peer that wait for this side's answer now.
    std::size_t requests_unanswered = 0;
    /// How often reading was paused because the peer exceeded `max_messages_per_second`.
    std::uint64_t rate_pauses = 0;
    /// Messages in pull mode that nobody has asked for yet; when the session is gone, ever. With a
    /// callback pool, messages whose callbacks will never run. Messages, and requests, for which
    /// the application has set no callback.
    std::uint64_t messages_unread = 0;
    /// Bytes waiting to be handed to the kernel, those of other threads included.
    std::size_t queued_bytes = 0;
};

/// One connection of a server or a client.
///
/// Thread-safety: every member may be called from any thread and from any callback.
///
/// Object lifetimes: shared. The library keeps a session alive while it is connected; a reference
/// kept longer is valid, its sends then fail with `connection_closed`. Callbacks of one session
/// never overlap.
///
/// A session without a connection, for tests: derive a class from it that overrides `send_copy`,
/// `stop_session` and `is_stopped`, and of the other virtual functions those that the code under
/// test calls. Until they are overridden they do nothing, or fail with `not_supported`. Such a
/// session receives no broadcasts and cannot subscribe to topics of a server.
class NETWORK_SYSTEM_EXPORT messaging_session
    : public std::enable_shared_from_this<messaging_session> {
public:
    messaging_session(const messaging_session&) = delete;
    messaging_session& operator=(const messaging_session&) = delete;
    virtual ~messaging_session();

    /// Unique in the process.
    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    [[nodiscard]] const endpoint& remote_endpoint() const noexcept { return remote_; }
    [[nodiscard]] const endpoint& local_endpoint() const noexcept { return local_; }

    /// Sends one message. The vector and the callback are moved from on success and left intact on
    /// error; so are the handlers of the functions below.
    ///
    /// Errors: `invalid_argument` (empty), `message_too_large` (over either side's limit),
    /// `send_buffer_full` (see send_policy), `connection_closed`.
    [[nodiscard]] VoidResult send_packet(std::vector<std::uint8_t>&& data,
                                         send_callback&& done = {}) {
        return send_owned(data, done);
    }
    /// Sends a copy; the bytes need to live only during the call. Inside a callback a large
    /// message is handed to the kernel at once and only the rest is copied.
    [[nodiscard]] VoidResult send_packet(std::span<const std::uint8_t> data,
                                         send_callback&& done = {}) {
        return send_copy(data, done);
    }
    [[nodiscard]] VoidResult send_packet(std::string_view text, send_callback&& done = {}) {
        return send_copy({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, done);
    }
    [[nodiscard]] VoidResult send_packet(std::initializer_list<std::uint8_t> bytes,
                                         send_callback&& done = {}) {
        return send_copy({bytes.begin(), bytes.size()}, done);
    }

    /// With `send_policy::conflate`: sends a copy that takes the place of the message of this key
    /// that is still queued, if there is one. The place in the queue is the old one's. With other
    /// policies, or an empty key, the same as `send_packet`.
    [[nodiscard]] VoidResult send_conflated(std::string_view key,
                                            std::span<const std::uint8_t> data,
                                            send_callback&& done = {}) {
        return send_keyed(key, data, done);
    }
    [[nodiscard]] VoidResult send_conflated(std::string_view key, std::string_view text,
                                            send_callback&& done = {}) {
        return send_keyed(key, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                          done);
    }

    /// Asks the peer, and gets the answer to this question: requests may overlap, and are answered
    /// in any order. `handler` takes `Result<std::span<const std::uint8_t>>` (valid during the
    /// call) or `Result<std::vector<std::uint8_t>>` and runs once, on the session's I/O thread,
    /// unless an error is returned here. After `timeout` (0 = none) it gets `connection_timeout`,
    /// and an answer that comes later is dropped and counted. When the connection ends it gets the
    /// reason, or `connection_closed`; an error the peer answered with comes as it is. The data
    /// may be empty.
    ///
    /// Errors: `not_supported` unless `framing::message`, `message_too_large`, `send_buffer_full`
    /// (also over `max_pending_requests`), `connection_closed`, `invalid_argument` (negative
    /// timeout, empty handler), `already_exists` (`operation` names a pending one).
    template <typename F>
    [[nodiscard]] VoidResult request(std::span<const std::uint8_t> data,
                                     std::chrono::milliseconds timeout, F&& handler,
                                     operation_id operation = operation_id::none) {
        if constexpr (std::is_same_v<std::remove_cvref_t<F>, response_handler>) {
            return send_request(data, timeout, operation, handler);
        } else {
            auto answered = detail::make_response_handler(std::forward<F>(handler));
            return send_request(data, timeout, operation, answered);
        }
    }
    template <typename F>
    [[nodiscard]] VoidResult request(std::string_view text, std::chrono::milliseconds timeout,
                                     F&& handler, operation_id operation = operation_id::none) {
        return request(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()),
                       timeout, std::forward<F>(handler), operation);
    }

    /// `receive_mode::pull` only: asks for the next message. `handler` runs once, on the session's
    /// I/O thread, and never before this returns. Several may wait; they are served in order.
    /// Messages that arrived before the connection ended can still be asked for while the I/O
    /// thread runs; then the handlers get the reason, or `connection_closed`.
    ///
    /// Errors: `not_supported` (not in pull mode), `invalid_argument` (empty handler),
    /// `connection_closed` (and nothing waits), `already_exists` (`operation` names a pending one).
    /// A receive that is cancelled takes no message.
    virtual VoidResult receive_packet(receive_handler&& handler,
                                      operation_id operation = operation_id::none);

    /// The same for every message that waits, or else for those of the next read: one call of the
    /// handler instead of one for each. `reuse` is a container whose memory they are to take, such
    /// as the last one; it is moved from on success, and the messages in it are forgotten.
    ///
    /// A further error, of the handler's: `out_of_memory` (the messages go on waiting).
    virtual VoidResult receive_all(receive_all_handler&& handler, received_messages&& reuse = {},
                                   operation_id operation = operation_id::none);

    /// Cancels a request, ping or receive of this session; see cancel_operation. A request that was
    /// sent stays sent: the answer is dropped, and counted in `late_responses`.
    virtual bool cancel(operation_id operation);

    /// Whether new requests can be sent: not any more once the peer has said that it is about to
    /// close the connection. Those sent before are still answered.
    [[nodiscard]] virtual bool takes_requests() const noexcept { return true; }

    /// Runs a task on the session's I/O thread, after what is running there and never together
    /// with a callback of this session; dropped without being run once the server or client has
    /// stopped. What it throws closes the session. Errors (it will not run):
    /// `out_of_memory`, `not_supported` (in a forked child).
    virtual VoidResult post(unique_function<void()> task);
    /// Whether the calling thread is inside a callback or a task of this session's I/O thread.
    [[nodiscard]] virtual bool runs_here() const noexcept { return false; }

    /// Stops reading from the socket, so that the peer is slowed down by TCP itself. Messages
    /// already read are still delivered. A paused session does not notice that its peer went
    /// away, and is not pinged. (One that is held by a full queue or by its message rate does: it
    /// then gets what has arrived, and ends.) Error: `connection_closed`.
    virtual discardable_result pause_receiving();
    virtual discardable_result resume_receiving();
    /// Whether it reads nothing from the peer now, and so gets no answer to a ping either: it was
    /// paused, or is held by its message rate, a full queue in pull mode, or a callback pool that
    /// lags behind. Only its I/O thread knows; elsewhere false.
    [[nodiscard]] virtual bool is_receiving_paused() const noexcept { return false; }

    /// What the TLS handshake agreed on. Errors: `not_supported` (the connection has no TLS),
    /// `not_initialized` (the handshake is not complete; in callbacks it is).
    [[nodiscard]] virtual Result<tls_info> tls() const;
    /// The certificate of the peer. Errors: those of `tls`, `certificate_verification_failed` (it
    /// has sent none).
    [[nodiscard]] Result<certificate_info> peer_certificate() const;

    /// Closes gracefully: what is queued is sent, the peer is told, and the connection ends
    /// within the drain deadline. Idempotent; returns at once. No receive callback runs once the
    /// close has taken effect on the session's I/O thread (at once when called there).
    ///
    /// Requests in progress, of either side, are answered first: the peer is asked for no new ones,
    /// and the close takes effect with the last answer, or shortly before the drain deadline. Until
    /// then sends of this side fail, except answers, and messages still arrive.
    /// With a callback pool, messages that were received before are still delivered.
    virtual discardable_result stop_session() = 0;
    /// The same; `handler` runs on the session's I/O thread, last, when the connection is closed.
    /// Error: `connection_closed` (it is closed already).
    virtual VoidResult stop_session(stop_handler&& handler);
    /// Ends at once, for a peer that is given up: nothing more is sent or received, what is queued
    /// is lost, the peer is told nothing, and callbacks about the end get `reason` (when it is
    /// empty: `connection_closed`). Takes effect on the session's I/O thread. By default a
    /// `stop_session`. Errors: `connection_closed` (it is closed already), `not_supported` (in a
    /// forked child).
    virtual discardable_result abort_session(std::error_code reason);

    /// True once the session is closing or closed.
    [[nodiscard]] virtual bool is_stopped() const noexcept = 0;
    /// True once the peer has ended its sending, all it has sent before was delivered, and the
    /// session stays open: see session_config::keep_sending_after_end.
    [[nodiscard]] virtual bool has_peer_ended() const noexcept { return false; }

    /// Measures the round-trip time with a ping frame. Errors: `not_supported` (other formats than
    /// `framing::message` and WebSocket), `connection_closed`, `already_exists` (`operation` names
    /// a pending one). The handler runs on the session's I/O thread.
    virtual VoidResult ping(ping_handler&& handler, operation_id operation = operation_id::none);

    /// Bytes waiting to be handed to the kernel, those of other threads included.
    [[nodiscard]] virtual std::size_t queued_bytes() const noexcept { return 0; }
    [[nodiscard]] virtual session_metrics metrics() const noexcept { return {}; }
    /// Bytes that were handed to the kernel and that the peer's system has not acknowledged: they
    /// are on their way, or wait for a peer that does not read. Of a Unix domain socket, the memory
    /// they occupy. Costs a system call. Errors: `not_supported` (this system does not tell; the
    /// caller is not on the session's I/O thread), `connection_closed`.
    [[nodiscard]] virtual Result<std::size_t> unacknowledged_bytes() const;

    /// A slot for the application's state of this connection, a `std::shared_ptr` or
    /// `std::unique_ptr` to anything; freed with the session.
    void set_user_data(typed_pointer data);
    /// Null when there is none, or when it was set as a pointer to another type than `T`.
    template <typename T>
    [[nodiscard]] std::shared_ptr<T> user_data() const {
        return typed_user_data().as<T>();
    }
    [[nodiscard]] std::shared_ptr<void> user_data() const { return typed_user_data().get(); }
    [[nodiscard]] typed_pointer typed_user_data() const;
    /// Unchecked: `T` must be the type that was set. See `user_data<T>`.
    template <typename T>
    [[nodiscard]] std::shared_ptr<T> user_data_as() const {
        return std::static_pointer_cast<T>(user_data());
    }

    /// The library's own side of the session; null for one that an application has made.
    [[nodiscard]] virtual message_connection* implementation() noexcept { return nullptr; }

protected:
    /// `id`: unique in the process.
    messaging_session(std::string id, const endpoint& remote, const endpoint& local);

    // What the functions above do. `done` and `handler` are moved from on success, and left intact
    // on error.

    /// Leaves the vector empty on success, and intact on error. By default a `send_copy`.
    virtual VoidResult send_owned(std::vector<std::uint8_t>& data, send_callback& done);
    virtual VoidResult send_copy(std::span<const std::uint8_t> data, send_callback& done) = 0;
    /// By default a `send_copy`.
    virtual VoidResult send_keyed(std::string_view key, std::span<const std::uint8_t> data,
                                  send_callback& done);
    virtual VoidResult send_request(std::span<const std::uint8_t> data,
                                    std::chrono::milliseconds timeout, operation_id operation,
                                    response_handler& handler);
    /// `code` 0 answers with the data, another one with an error and its text. Called by the
    /// responder of a request.
    virtual VoidResult send_response(std::uint64_t request_id, int code,
                                     std::span<const std::uint8_t> data);
    /// The same where nobody is there to try again: an answer there is no room for becomes an
    /// error, which may go over the high watermark a little.
    /// By default a `send_response`.
    virtual void settle_request(std::uint64_t request_id, int code,
                                std::span<const std::uint8_t> data) noexcept;

private:
    // They answer requests.
    friend class responder;
    friend class detail::request_call;

    [[nodiscard]] VoidResult not_supported(std::string_view what) const;

    std::string id_;
    endpoint remote_;
    endpoint local_;
    typed_pointer user_data_;
};

}  // namespace network_system::session
