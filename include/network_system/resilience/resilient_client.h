#pragma once

#include <network_system/core/callback_forms.h>
#include <network_system/core/metrics.h>
#include <network_system/export.h>
#include <network_system/resilience/resilient_client_options.h>
#include <network_system/session/messaging_session.h>
#include <network_system/session/operation.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {

class messaging_client;
class messaging_ws_client;

}  // namespace network_system::core

namespace network_system::inline v0_1::resilience {

/// Says that a connection is set up, or that it cannot be: see
/// resilient_client::set_ready_callback. Called at most once; one that is destroyed without being
/// called has failed.
using ready_signal = unique_function<void(VoidResult)>;

class resilient_core;

/// The counters of a resilient_client. Of its messages: accepted = sent + dropped + queued.
struct resilient_metrics {
    /// Messages that a send has accepted.
    std::uint64_t accepted = 0;
    /// Of these, taken by a connection; with `at_least_once`, acknowledged by the server.
    std::uint64_t sent = 0;
    /// Of these, given up; their callbacks have got the reason.
    std::uint64_t dropped = 0;
    /// Of these, still waiting for a connection or for their acknowledgement.
    std::uint64_t queued = 0;
    std::uint64_t queued_bytes = 0;
    /// Sends that were refused: the queue was full, or the circuit open.
    std::uint64_t rejected = 0;
    std::uint64_t circuit_opens = 0;
    /// Times that another endpoint has become the one that gets the messages.
    std::uint64_t failovers = 0;
    /// The sums over all endpoints.
    core::client_metrics connections = {};
};

/// A client that stays connected to one of several servers, over TCP, TLS or WebSocket, and keeps
/// what is sent meanwhile.
///
/// **Delivery** is at most once by default: a send is taken by a connection as soon as there is
/// one, and from then on it is as with the client itself: what a connection has taken and could not
/// hand over is lost, its callback gets an error, and it is not sent again. What no connection has
/// taken yet waits, and is sent in order when there is one. With `delivery_mode::at_least_once` a
/// message waits until the server has acknowledged it, and is sent again over each new connection.
///
/// Thread-safety: every member may be called from any thread and any callback. Callbacks of one
/// connection never overlap; with several endpoints those of different ones may. No user code runs
/// under a lock.
///
/// Object lifetimes: the destructor disconnects. Once it or `disconnect` has returned to a thread
/// that is not inside a library callback, no callback runs or will run. The object may be destroyed
/// anywhere, inside its own callbacks too.
class NETWORK_SYSTEM_EXPORT resilient_client {
public:
    using session_ptr = std::shared_ptr<session::messaging_session>;
    using connect_callback = unique_function<void(VoidResult)>;
    using ready_callback = unique_function<void(const session_ptr&, ready_signal&&)>;
    using circuit_callback = unique_function<void(circuit_state)>;

    /// Over TCP. `max_retries`: attempts between two stable connections, the start's first one not
    /// counted; 0 = no limit. `initial_backoff`: see reconnect_options::initial_delay.
    /// `client_id` names the client in log lines and error messages.
    resilient_client(std::string client_id, std::string host, std::uint16_t port,
                     unsigned max_retries = 3,
                     std::chrono::milliseconds initial_backoff = std::chrono::milliseconds{1'000});
    resilient_client(std::string client_id, resilient_client_options options);
    resilient_client(const resilient_client&) = delete;
    resilient_client& operator=(const resilient_client&) = delete;
    ~resilient_client();

    /// Connects and blocks until a connection is ready, or none can be had.
    ///
    /// Errors: `invalid_argument` (no endpoints, zero sizes, contradictory limits: the message
    /// names the option), `already_exists` (connecting or connected), `would_block` (inside a
    /// library callback, or on the thread that runs the user's io_context), `not_supported`,
    /// `connection_closed` (disconnected meanwhile), and those of the client's start, with the
    /// texts of all endpoints.
    [[nodiscard]] VoidResult connect();
    /// The same without blocking; `handler` runs on an I/O thread. When the answer here is an
    /// error, the handler does not run. `operation` names it for session::cancel_operation.
    [[nodiscard]] VoidResult connect(connect_callback&& handler,
                                     session::operation_id operation = session::operation_id::none);

    /// Blocks until no message waits (see resilient_metrics::queued), at most for `timeout`.
    /// Errors: `connection_timeout`, `connection_closed` (disconnected, or given up), `would_block`
    /// (inside a library callback, or on the thread that runs the user's io_context).
    [[nodiscard]] VoidResult flush(std::chrono::milliseconds timeout);

    /// Ends all connections, each within its drain_timeout. Messages that wait are dropped: their
    /// callbacks get `connection_closed`. Idempotent: ok when disconnected. Inside a library
    /// callback it only begins that, and returns ok.
    discardable_result disconnect();
    /// The same without blocking: `handler` runs once, on an I/O thread. Error: `connection_closed`
    /// (there is nothing to end).
    VoidResult disconnect(session::stop_handler&& handler);

    /// Sends one message, or keeps it until there is a connection. `done` runs once, unless the
    /// answer here is an error: see messaging_session::send_packet; with `at_least_once`, when the
    /// message is acknowledged, or dropped: the error says why.
    ///
    /// Errors: those of messaging_session::send_packet; `connection_closed` (not connected by
    /// `connect`, or every endpoint was given up), `send_buffer_full` (see offline_policy),
    /// `circuit_open`.
    [[nodiscard]] VoidResult send_with_retry(std::vector<std::uint8_t>&& data,
                                             session::send_callback&& done = {});
    [[nodiscard]] VoidResult send_with_retry(std::span<const std::uint8_t> data,
                                             session::send_callback&& done = {});
    [[nodiscard]] VoidResult send_with_retry(std::string_view text,
                                             session::send_callback&& done = {});
    [[nodiscard]] VoidResult send_with_retry(std::initializer_list<std::uint8_t> bytes,
                                             session::send_callback&& done = {});

    /// Whether a connection is ready.
    [[nodiscard]] bool is_connected() const noexcept;
    [[nodiscard]] const std::string& client_id() const noexcept;
    /// The ready connection that gets the next message. Error: `connection_closed`.
    [[nodiscard]] Result<session_ptr> get_session() const;
    /// The client of that connection, of the first endpoint while there is none; null before
    /// `connect` and when it is of the other kind. For requests, pings and metrics; its callbacks
    /// and its lifecycle belong to the resilient_client.
    [[nodiscard]] std::shared_ptr<core::messaging_client> get_client() const;
    [[nodiscard]] std::shared_ptr<core::messaging_ws_client> get_ws_client() const;
    [[nodiscard]] circuit_state circuit() const noexcept;
    [[nodiscard]] resilient_metrics metrics() const;

    /// The setters below fail with `invalid_argument` between `connect` and `disconnect`.
    ///
    /// `callback(session, data)` for every message, in any form of
    /// messaging_client::set_receive_callback.
    discardable_result set_receive_callback(detail::data_callback<session_ptr> callback);
    /// `callback(session)`, `callback(id)` or `callback()`: runs for each new connection before any
    /// message leaves through it, to restore with `session->send_packet` what the server has to
    /// know of its client: who it is, what topics it subscribes to. What it throws closes the
    /// connection, which is then made anew.
    ///
    /// `callback(session, ready_signal)`: the same where that takes answers of the server. Messages
    /// wait until `signal(ok())` is called, from any thread; an error closes the connection.
    template <typename F>
    discardable_result set_ready_callback(F&& callback) {
        if constexpr (std::is_invocable_v<F&, const session_ptr&, ready_signal>) {
            return set_setup(std::forward<F>(callback));
        } else {
            return set_setup([restore = detail::session_callback<session_ptr>(std::forward<F>(
                                  callback))](const session_ptr& session, ready_signal&& signal) {
                restore(session);
                signal(ok());
            });
        }
    }
    /// `callback(unsigned attempt)`, or `callback(const core::reconnect_attempt&)`, or
    /// `callback()`: runs before the pause of each attempt of an endpoint.
    discardable_result set_reconnect_callback(detail::reconnecting_callback callback);
    /// `callback(session, error)`: a connection has ended; in any form of
    /// messaging_client::set_disconnected_callback.
    discardable_result set_disconnect_callback(detail::end_callback<session_ptr> callback);
    /// `callback(error)`: an attempt has failed (the session is null), or a connection.
    discardable_result set_error_callback(detail::failure_callback<session_ptr> callback);
    /// `callback(circuit_state)`: the state is another one.
    discardable_result set_circuit_callback(circuit_callback callback);

private:
    discardable_result set_setup(ready_callback callback);

    const std::shared_ptr<resilient_core> core_;
};

}  // namespace network_system::resilience
