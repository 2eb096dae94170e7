#pragma once

#include <network_system/config.h>
#include <network_system/core/accept_answer.h>
#include <network_system/core/listener.h>
#include <network_system/core/metrics.h>
#include <network_system/core/ws_callbacks.h>
#include <network_system/core/ws_options.h>
#include <network_system/core/ws_session_manager.h>
#include <network_system/export.h>
#include <network_system/session/ws_connection.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#if !NETWORK_SYSTEM_WITH_WEBSOCKET
#error "This build of network_system has no WebSocket: BUILD_WEBSOCKET_SUPPORT=OFF."
#endif

namespace network_system::inline v0_1::core {

/// The counters of a WebSocket server since its last start. Of `server_metrics`,
/// `connections_refused` are those there was no room for, each of which is a `rejected_unavailable`
/// too, unless there were so many at once that some were closed unheard.
struct ws_server_metrics : server_metrics {
    /// WebSockets that were opened.
    std::uint64_t handshakes = 0;
    /// Requests that were no handshakes, answered by the HTTP callback.
    std::uint64_t http_answers = 0;
    /// Refused by the handshake callback, whatever the status.
    std::uint64_t rejected_by_callback = 0;
    /// 404: nothing is served at the path.
    std::uint64_t rejected_path = 0;
    /// 503: the server or the address had reached its limit, or the server was stopping.
    std::uint64_t rejected_unavailable = 0;
    /// 426: not a handshake, or one of another version.
    std::uint64_t rejected_upgrade = 0;
    /// 414 and 431: a head over `max_header_size` or `max_headers`.
    std::uint64_t rejected_size = 0;
    /// 408: not complete within `handshake_timeout`.
    std::uint64_t rejected_timeout = 0;
    /// Any other status, 400 or 405 for example: not a correct request. Or 500: the handshake
    /// callback threw, or accepted with what HTTP does not allow.
    std::uint64_t rejected_request = 0;
};

/// A WebSocket server (RFC 6455), for browsers and every other client that keeps to it; with
/// `ws_server_config::tls` it speaks wss.
///
///     messaging_ws_server server("chat");
///     server.set_text_message_callback([&](const auto& connection, std::string_view text) {
///         (void)server.broadcast_text(connection->id() + ": " + std::string(text));
///     });
///     ws_server_config config;
///     config.port = 8080;
///     auto started = server.start_server(config);
///
/// Thread-safety: every member may be called from any thread and from any callback. Callbacks of
/// one connection never overlap; with one I/O thread (the default) no two callbacks of the server
/// do. No user code runs under a lock. An exception out of a callback closes that connection only,
/// with 1011.
///
/// Object lifetimes: the destructor stops the server. Once `stop_server` or the destructor has
/// returned to a thread that is not inside a library callback, no callback runs or will run. The
/// object may be destroyed anywhere, inside its own callbacks too.
class NETWORK_SYSTEM_EXPORT messaging_ws_server {
public:
    using connection_ptr = std::shared_ptr<session::ws_connection>;
    using session_ptr = connection_ptr;
    using connection_callback = unique_function<void(const connection_ptr&)>;
    using disconnection_callback = unique_function<void(const std::string& connection_id,
                                                        ws_close_code, std::string_view reason)>;
    using message_callback = unique_function<void(const connection_ptr&, const ws_message&)>;
    using text_callback = unique_function<void(const connection_ptr&, std::string_view)>;
    using binary_callback =
        unique_function<void(const connection_ptr&, std::span<const std::uint8_t>)>;
    using error_callback = unique_function<void(const std::string& connection_id, std::error_code)>;
    using handshake_callback = ws_handshake_callback;
    using accept_callback = core::accept_callback;
    using http_callback = ws_http_callback;

    /// `server_id` names the server in log lines and error messages. `config` is what a start uses
    /// that is given none.
    explicit messaging_ws_server(std::string server_id, ws_server_config config = {});
    /// The same with its callbacks, which need no setters then: setters can fail.
    template <std::same_as<ws_server_callbacks> Callbacks>
    messaging_ws_server(std::string server_id, Callbacks callbacks, ws_server_config config = {})
        : messaging_ws_server(std::move(server_id), std::move(config), std::move(callbacks),
                              std::nullopt) {}
    messaging_ws_server(const messaging_ws_server&) = delete;
    messaging_ws_server& operator=(const messaging_ws_server&) = delete;
    virtual ~messaging_ws_server();

    /// Binds and listens; when it returns ok, clients can connect. A stopped server can be started
    /// again, with another configuration too. Never blocks.
    ///
    /// Errors: `server_already_running`, `bind_failed` (port in use, no permission, address not on
    /// this machine), `invalid_argument` (the configuration contradicts itself),
    /// `certificate_load_failed`, `not_supported` (wss in a build without TLS).
    [[nodiscard]] VoidResult start_server(const ws_server_config& config);
    /// The same with the configuration of the constructor, but for the port (and the path; see
    /// ws_server_config::path).
    [[nodiscard]] VoidResult start_server(std::uint16_t port);
    [[nodiscard]] VoidResult start_server(std::uint16_t port, std::string_view path);
    /// On a socket that listens already; see messaging_server::start_server. The configuration's
    /// port, addresses, backlog and options of listening sockets are not used.
    [[nodiscard]] VoidResult start_server(const ws_server_config& config, listener&& taken);
    [[nodiscard]] VoidResult start_server(const ws_server_config& config,
                                          std::vector<listener>&& taken);
    [[nodiscard]] VoidResult start_server(listener&& taken);
    [[nodiscard]] VoidResult start_server(std::vector<listener>&& taken);
    /// See messaging_server::share_listener.
    [[nodiscard]] Result<listener> share_listener();
    /// See messaging_server::share_listeners.
    [[nodiscard]] Result<std::vector<listener>> share_listeners();

    /// See messaging_server::stop_accepting.
    discardable_result stop_accepting();

    /// Stops accepting, closes every connection with 1001 (going away), answers handshakes in
    /// progress with 503 (also those that wait to be accepted, unless the listener is shared), and
    /// resets what remains after `drain_timeout`; how long it takes at most, see
    /// messaging_server::stop_server. Idempotent: ok when stopped. Disconnection callbacks run
    /// before it returns. Inside a library callback it only begins the stop, and returns ok.
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

    /// wss: reads the files of the configuration's certificates again; see
    /// secure_messaging_server::reload_certificates. Errors: `server_not_started`,
    /// `certificate_load_failed`, `not_supported` (not wss).
    VoidResult reload_certificates();

    /// The setters below fail with `invalid_argument` while the server is running: callbacks are
    /// set before start.
    ///
    /// Decides about each connection for which there is room, before anything is read from it; see
    /// messaging_server::set_accept_callback. What it attaches is in
    /// `ws_handshake_answer::user_data` too. A rejected client gets 403 for its request; of a crowd
    /// of them some are closed unheard.
    discardable_result set_accept_callback(accept_callback callback);
    /// `callback(connection)`, `callback(id)` or `callback()`: a handshake is complete. The id of a
    /// connection is a `const std::string&`. Here as below, a callback that takes several forms, or
    /// has `auto` parameters, gets the one that says most, which is the first.
    discardable_result set_connection_callback(detail::session_callback<connection_ptr> callback);
    /// Runs when a WebSocket has ended, with its user data still there: with the code and reason of
    /// the peer's close frame; `no_status` (1005) when that had no code, and `abnormal` (1006) when
    /// none came, with the cause for a reason. `callback(connection, code, reason)`,
    /// `callback(id, code, reason)` or `callback(code, reason)`; the reason is a `std::string_view`
    /// valid during the call, or a `const std::string&`. Or as messaging_server has it:
    /// `callback(connection, error)`, `callback(id, error)`, `callback(connection)`,
    /// `callback(id)`, `callback(error)` or `callback()`.
    discardable_result set_disconnection_callback(detail::ws_end_callback callback);
    /// `callback(connection, data)`, `callback(id, data)`, `callback(data)` or `callback()` for
    /// every message, text and binary, as messaging_server has it; data is a
    /// `std::span<const std::uint8_t>` valid during the call (no copy), or a
    /// `const std::vector<std::uint8_t>&`. With several of the callbacks for messages set, each
    /// gets what it is for, in the order in which they stand here.
    discardable_result set_receive_callback(detail::data_callback<connection_ptr> callback);
    /// `callback(connection, message)`, `callback(id, message)`, `callback(message)` or
    /// `callback()` for every message, text and binary.
    discardable_result set_message_callback(detail::ws_message_callback callback);
    /// `callback(connection, text)`, `callback(id, text)`, `callback(text)` or `callback()` for
    /// every text message, which is UTF-8: a `std::string_view` valid during the call (no copy), or
    /// a `const std::string&`.
    discardable_result set_text_message_callback(detail::text_callback<connection_ptr> callback);
    /// The same as `set_receive_callback`, for every binary message.
    discardable_result set_binary_message_callback(detail::data_callback<connection_ptr> callback);
    /// Without `auto_pong` only: `callback(connection, payload)` for every ping, of at most 125
    /// bytes, to be answered with `send_pong`. Forms as above.
    discardable_result set_ping_callback(detail::data_callback<connection_ptr> callback);
    /// `callback(connection, error)`, `callback(id, error)`, `callback(error)` or `callback()`.
    /// Runs for each connection that fails (before its disconnection callback), and with a null
    /// connection, whose id is empty, for accept errors and for connections that brought no valid
    /// PROXY header.
    discardable_result set_error_callback(detail::failure_callback<connection_ptr> callback);
    /// `callback(connection)`, `callback(id)` or `callback()`. Runs when a connection whose sends
    /// were refused has drained to its low watermark.
    discardable_result set_writable_callback(detail::session_callback<connection_ptr> callback);

    /// Decides about each handshake: `callback(request, remote, answer)` accepts it, choosing a
    /// subprotocol and headers of the answer, or rejects it with a status of HTTP, headers and a
    /// body. `answer` begins as what the configuration says: accepted, with the first offered
    /// subprotocol of `ws_server_config::subprotocols`. Not called for handshakes that are refused
    /// anyway: malformed, too long, no room, a path that is not served.
    ///
    /// Runs on the connection's I/O thread, also with a callback pool; the connection has no id
    /// yet. An exception is answered with 500, and so is an answer that HTTP does not allow, such
    /// as a rejection with 200: the error callback then gets `invalid_argument`, and the log the
    /// reason.
    discardable_result set_handshake_callback(handshake_callback callback);
    /// Answers plain HTTP requests, GET and HEAD, of any path: a page, a health check.
    /// `callback(request, remote, response)` fills the response, which begins as what is sent
    /// without this callback: 426 (upgrade required) where WebSockets are served, else 404. The
    /// connection is closed after the answer. Where it runs, and what becomes of an exception or of
    /// a response that HTTP does not allow (see `http_response`): as above.
    discardable_result set_http_callback(http_callback callback);

    /// Sends one message to every connection; it is encoded once and shared. The text has to be
    /// UTF-8, or every receiver will close its connection: see ws_connection::send_text. Under
    /// `send_policy::wait` it blocks for those that are full, all together, until they have room or
    /// `send_wait_timeout` has passed since the call; the others have the message meanwhile.
    /// Errors: `server_not_started`, `message_too_large`.
    [[nodiscard]] Result<broadcast_result> broadcast_text(std::string_view text);
    [[nodiscard]] Result<broadcast_result> broadcast_binary(std::span<const std::uint8_t> data);
    [[nodiscard]] Result<broadcast_result> broadcast_binary(
        std::initializer_list<std::uint8_t> data);
    /// The names that messaging_server has: each sends one binary message, also of a text.
    [[nodiscard]] Result<broadcast_result> broadcast(std::span<const std::uint8_t> data) {
        return broadcast_binary(data);
    }
    [[nodiscard]] Result<broadcast_result> broadcast(std::string_view text);
    [[nodiscard]] Result<broadcast_result> broadcast(std::initializer_list<std::uint8_t> data) {
        return broadcast_binary(data);
    }

    /// From now on the connection gets what is published to the topic, a name of 1 to 1,024 bytes
    /// of the application's choice. Subscribing again changes nothing; the end of a connection ends
    /// its subscriptions. Errors: `server_not_started`, `invalid_argument`, `session_not_found`,
    /// `rate_limited` (over `max_subscriptions_per_session`).
    VoidResult subscribe(const connection_ptr& connection, std::string_view topic);
    /// Errors: `server_not_started`, `session_not_found` (no such subscription).
    discardable_result unsubscribe(const connection_ptr& connection, std::string_view topic);
    /// Sends one message to the subscribers of the topic, but not to `except`; like the broadcasts.
    /// Under send_policy::conflate the topic is the key: a slow subscriber gets the latest.
    [[nodiscard]] Result<broadcast_result> publish_text(std::string_view topic,
                                                        std::string_view text,
                                                        const connection_ptr& except = nullptr);
    [[nodiscard]] Result<broadcast_result> publish_binary(std::string_view topic,
                                                          std::span<const std::uint8_t> data,
                                                          const connection_ptr& except = nullptr);
    /// The names that messaging_server has; see `broadcast`.
    [[nodiscard]] Result<broadcast_result> publish(std::string_view topic,
                                                   std::span<const std::uint8_t> data,
                                                   const connection_ptr& except = nullptr) {
        return publish_binary(topic, data, except);
    }
    [[nodiscard]] Result<broadcast_result> publish(std::string_view topic, std::string_view text,
                                                   const connection_ptr& except = nullptr);
    /// 0 when not running.
    [[nodiscard]] std::size_t subscriber_count(std::string_view topic) const;

    // Connections are WebSockets that are open: those in their handshake are none yet.

    /// Errors: `session_not_found`, `server_not_started`.
    [[nodiscard]] Result<connection_ptr> get_connection(std::string_view connection_id) const;
    /// A snapshot; empty when not running.
    [[nodiscard]] std::vector<connection_ptr> get_all_connections() const;
    [[nodiscard]] std::size_t connection_count() const;
    /// The same, as messaging_server has it.
    [[nodiscard]] Result<session_ptr> get_session(std::string_view session_id) const {
        return get_connection(session_id);
    }
    [[nodiscard]] std::vector<session_ptr> get_sessions() const { return get_all_connections(); }
    [[nodiscard]] std::size_t session_count() const { return connection_count(); }
    [[nodiscard]] ws_server_metrics metrics() const;
    /// The registry's view of the connections; all zero when not running.
    [[nodiscard]] session_manager_stats session_stats() const;

protected:
    /// `tls`, unless it is empty, makes it wss, also with configurations that have none.
    messaging_ws_server(std::string server_id, ws_server_config&& config,
                        ws_server_callbacks&& callbacks, std::optional<tls_config> tls);

private:
    class impl;

    std::unique_ptr<impl> impl_;
};

}  // namespace network_system::core
