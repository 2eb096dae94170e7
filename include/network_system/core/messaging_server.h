#pragma once

#include <network_system/core/accept_answer.h>
#include <network_system/core/callbacks.h>
#include <network_system/core/listener.h>
#include <network_system/core/metrics.h>
#include <network_system/core/options.h>
#include <network_system/core/session_manager.h>
#include <network_system/export.h>
#include <network_system/session/messaging_session.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/tls_info.h>
#include <network_system/utils/unique_function.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {

class stream_security;

/// A TCP server that exchanges whole messages with its clients.
///
/// Thread-safety: every member may be called from any thread and from any callback. Callbacks of
/// one session never overlap; with one I/O thread (the default) no two callbacks of the server
/// do. No user code runs under a lock. An exception out of a callback closes that session only.
///
/// Object lifetimes: the destructor stops the server. Once `stop_server` or the destructor has
/// returned to a thread that is not inside a library callback, no callback runs or will run. The
/// object may be destroyed anywhere, inside its own callbacks too.
class NETWORK_SYSTEM_EXPORT messaging_server {
public:
    using session_ptr = std::shared_ptr<session::messaging_session>;
    using connection_callback = unique_function<void(const session_ptr&)>;
    using disconnection_callback = unique_function<void(const std::string& session_id)>;
    using receive_callback =
        unique_function<void(const session_ptr&, std::span<const std::uint8_t>)>;
    using request_callback = unique_function<void(const session_ptr&, std::span<const std::uint8_t>,
                                                  detail::request_call&)>;
    using error_callback = unique_function<void(const session_ptr&, std::error_code)>;
    using writable_callback = unique_function<void(const session_ptr&)>;
    using accept_callback = core::accept_callback;

    /// `server_id` names the server in log lines and error messages.
    explicit messaging_server(std::string server_id, server_options options = {});
    /// The same with its callbacks, which need no setters then: setters can fail.
    template <std::same_as<server_callbacks> Callbacks>
    messaging_server(std::string server_id, Callbacks callbacks, server_options options = {})
        : messaging_server(std::move(server_id), std::move(callbacks), std::move(options),
                           nullptr) {}
    messaging_server(const messaging_server&) = delete;
    messaging_server& operator=(const messaging_server&) = delete;
    virtual ~messaging_server();

    /// Binds and listens; when it returns ok, clients can connect. Port 0 lets the system pick
    /// one: see `local_port`; for a Unix domain socket it has to be 0. A stopped server can be
    /// started again. Never blocks.
    ///
    /// Errors: `server_already_running`, `bind_failed` (port in use, no permission, address not
    /// on this machine), `invalid_argument` (the options contradict each other).
    [[nodiscard]] VoidResult start_server(std::uint16_t port);

    /// The same on a socket that listens already: one that another process has handed over, or a
    /// supervisor has opened. `bind_address`, `listen_addresses`, `backlog` and the options of
    /// listening sockets are not used. On error the listener is left intact.
    ///
    /// Errors: `server_already_running`, `invalid_argument`, `bind_failed`.
    [[nodiscard]] VoidResult start_server(listener&& taken);
    /// The same on several. On error all of them are left intact.
    [[nodiscard]] VoidResult start_server(std::vector<listener>&& taken);

    /// A duplicate of the listening socket, to be handed to another process: see `listener`. From
    /// then on a stop leaves the file of a Unix domain socket in its place, and connections that
    /// come after it wait for whoever serves the duplicate.
    ///
    /// Errors: `server_not_started`, `not_supported` (not a POSIX system), `connection_failed` (no
    /// more descriptors).
    [[nodiscard]] Result<listener> share_listener();
    /// The same of every listening socket, in the order of `local_endpoints`; `share_listener`
    /// duplicates the first one only.
    [[nodiscard]] Result<std::vector<listener>> share_listeners();

    /// Closes the listener: nobody is let in any more, and the connections there are go on, until
    /// `stop_server`. Those that wait in the queue of the listener are let in first, as in a stop.
    /// For a restart that rolls over several servers: afterwards the others take what is new, and
    /// `metrics().totals.requests_unanswered` tells when this one has nothing left to answer.
    /// Idempotent. Error: `server_not_started`.
    discardable_result stop_accepting();

    /// Stops accepting, lets every connection drain, and resets what remains at
    /// `server_options::drain_timeout`. With 1,000 connections it returns at most 100 ms after
    /// that, whatever the peers do, unless the process itself is held up: by a callback that takes
    /// long, or for want of a processor. The descriptors of connections that were reset with much
    /// unsent may be closed only after it has returned. Connections that wait in the queue of the
    /// listener are accepted and told as well, at most as many as `backlog` lets wait; not so if
    /// the listener is shared or came from elsewhere. Idempotent: ok when stopped. Disconnection
    /// callbacks of the closed sessions run before it returns. Inside a library callback it only
    /// begins the stop, and returns ok.
    discardable_result stop_server();

    /// The same without blocking: `handler` runs once, on an I/O thread, after every other
    /// callback. Error: `server_not_started` (there is nothing to stop).
    VoidResult stop_server(session::stop_handler&& handler);

    /// Blocks until the server is stopped; returns at once when it is not running, or inside a
    /// library callback, where nothing may block (`would_block`).
    discardable_result wait_for_stop();

    [[nodiscard]] bool is_running() const noexcept;
    /// The port listened on, in host byte order; 0 when not running, and with a Unix domain socket.
    /// With several addresses, of the first.
    [[nodiscard]] std::uint16_t local_port() const noexcept;
    /// Everything listened on, in the order of `bind_address` and `listen_addresses`; empty when
    /// not running.
    [[nodiscard]] std::vector<endpoint> local_endpoints() const;
    [[nodiscard]] const std::string& server_id() const noexcept;

    /// The setters below fail with `invalid_argument` while the server is running: callbacks are
    /// set before start.
    /// Decides about each connection for which there is room, before a session is made of it: with
    /// the client's endpoint, behind a proxy the one that the PROXY header names. It may reject it,
    /// or attach the user data of its session. With TLS it runs before the handshake. Without it
    /// every connection is accepted.
    ///
    /// Runs on the I/O thread that accepts, also with a `callback_pool`; with several I/O threads
    /// it may run while callbacks of sessions do. A rejected client is told `connection_refused`
    /// with `framing::message` (with TLS by an alert), its connection is closed, and
    /// `server_metrics::connections_rejected` counts it. So is one for which the callback throws;
    /// that is logged and counted in `callback_exceptions`.
    discardable_result set_accept_callback(accept_callback callback);
    /// `callback(session)`, `callback(id)` or `callback()`: a client has connected. The id of a
    /// session is a `const std::string&`. Here as below, a callback that takes several forms, or
    /// has `auto` parameters, gets the one that says most, which is the first.
    discardable_result set_connection_callback(detail::session_callback<session_ptr> callback);
    /// `callback(session, error)`, `callback(id, error)`, `callback(session)`, `callback(id)`,
    /// `callback(error)` or `callback()`: a session has ended, with its user data still there. The
    /// `std::error_code` is empty after a clean close.
    discardable_result set_disconnection_callback(detail::end_callback<session_ptr> callback);
    /// `callback(session, data)`, `callback(id, data)`, `callback(data)` or `callback()` for every
    /// message; data is a `std::span<const std::uint8_t>` valid during the call (no copy), or a
    /// `const std::vector<std::uint8_t>&`.
    discardable_result set_receive_callback(detail::data_callback<session_ptr> callback);
    /// Answers the requests of clients. `callback(session, data)` returns
    /// `Result<std::vector<std::uint8_t>>`, or `callback(session, data, responder)` completes the
    /// `session::responder` then or later, on any thread. Instead of the session either may take
    /// its id, or neither. Without this callback requests are answered with `not_supported`.
    discardable_result set_request_callback(detail::request_callback<session_ptr> callback);
    /// `callback(session, error)`, `callback(id, error)`, `callback(error)` or `callback()`. Runs
    /// for each failed session (before its disconnection callback), and with a null session, whose
    /// id is empty, for accept errors and for connections that brought no valid PROXY header.
    discardable_result set_error_callback(detail::failure_callback<session_ptr> callback);
    /// `callback(session)`, `callback(id)` or `callback()`. Runs when a session whose sends were
    /// refused has drained to its low watermark.
    discardable_result set_writable_callback(detail::session_callback<session_ptr> callback);

    /// Sends one message to every session; it is encoded once and shared. Under
    /// `send_policy::wait` it blocks for those that are full, all together, until they have room or
    /// `send_wait_timeout` has passed since the call; the others have the message meanwhile.
    /// Errors: `server_not_started`, `invalid_argument` (empty), `message_too_large`.
    [[nodiscard]] Result<broadcast_result> broadcast(std::span<const std::uint8_t> data);
    [[nodiscard]] Result<broadcast_result> broadcast(std::string_view text);
    [[nodiscard]] Result<broadcast_result> broadcast(std::initializer_list<std::uint8_t> data);

    /// From now on the session gets what is published to the topic, a name of 1 to 1,024 bytes of
    /// the application's choice. Subscribing again changes nothing; the end of a session ends its
    /// subscriptions. Errors: `server_not_started`, `invalid_argument`, `session_not_found`,
    /// `rate_limited` (over `max_subscriptions_per_session`).
    VoidResult subscribe(const session_ptr& session, std::string_view topic);
    /// Errors: `server_not_started`, `session_not_found` (no such subscription).
    discardable_result unsubscribe(const session_ptr& session, std::string_view topic);
    /// Sends one message to the subscribers of the topic, but not to `except`; like `broadcast`.
    /// Under send_policy::conflate the topic is the key: a slow subscriber gets the latest.
    [[nodiscard]] Result<broadcast_result> publish(std::string_view topic,
                                                   std::span<const std::uint8_t> data,
                                                   const session_ptr& except = nullptr);
    [[nodiscard]] Result<broadcast_result> publish(std::string_view topic, std::string_view text,
                                                   const session_ptr& except = nullptr);
    /// 0 when not running.
    [[nodiscard]] std::size_t subscriber_count(std::string_view topic) const;

    /// Errors: `session_not_found`, `server_not_started`.
    [[nodiscard]] Result<session_ptr> get_session(std::string_view session_id) const;
    /// A snapshot of the sessions that are open, over TLS after their handshakes; empty when not
    /// running.
    [[nodiscard]] std::vector<session_ptr> get_sessions() const;
    /// How many sessions are open.
    [[nodiscard]] std::size_t session_count() const;
    /// The same.
    [[nodiscard]] std::size_t connection_count() const { return session_count(); }
    [[nodiscard]] server_metrics metrics() const;
    /// The registry's view of the sessions; all zero when not running.
    [[nodiscard]] session_manager_stats session_stats() const;

protected:
    /// Over what `security` makes of sockets.
    messaging_server(std::string server_id, server_callbacks&& callbacks, server_options&& options,
                     std::shared_ptr<stream_security> security);

private:
    class impl;

    std::unique_ptr<impl> impl_;
};

}  // namespace network_system::core
