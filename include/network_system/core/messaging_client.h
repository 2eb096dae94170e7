#pragma once

#include <network_system/core/callbacks.h>
#include <network_system/core/metrics.h>
#include <network_system/core/options.h>
#include <network_system/export.h>
#include <network_system/session/messaging_session.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/tls_info.h>
#include <network_system/utils/unique_function.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
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

/// A TCP client that exchanges whole messages with a server.
///
/// Thread-safety: every member may be called from any thread and from any callback. Callbacks
/// never overlap. No user code runs under a lock. An exception out of a callback closes the
/// connection.
///
/// Object lifetimes: the destructor stops the client. Once `stop_client` or the destructor has
/// returned to a thread that is not inside a library callback, no callback runs or will run. The
/// object may be destroyed anywhere, inside its own callbacks too.
class NETWORK_SYSTEM_EXPORT messaging_client {
public:
    using session_ptr = std::shared_ptr<session::messaging_session>;
    using connected_callback = unique_function<void()>;
    using disconnected_callback = unique_function<void()>;
    using receive_callback = unique_function<void(std::span<const std::uint8_t>)>;
    using request_callback =
        unique_function<void(std::span<const std::uint8_t>, detail::request_call&)>;
    using error_callback = unique_function<void(std::error_code)>;
    using writable_callback = unique_function<void()>;
    using start_callback = unique_function<void(VoidResult)>;
    using ping_callback = session::ping_handler;

    /// `client_id` names the client in log lines and error messages.
    explicit messaging_client(std::string client_id, client_options options = {});
    /// The same with its callbacks, which need no setters then: setters can fail.
    template <std::same_as<client_callbacks> Callbacks>
    messaging_client(std::string client_id, Callbacks callbacks, client_options options = {})
        : messaging_client(std::move(client_id), std::move(callbacks), std::move(options),
                           nullptr) {}
    messaging_client(const messaging_client&) = delete;
    messaging_client& operator=(const messaging_client&) = delete;
    virtual ~messaging_client();

    /// Connects and blocks until the connection works or `connect_timeout` has passed: with
    /// `framing::message` the server's hello has arrived. The connected callback runs before it
    /// returns. An attempt that fails is repeated if `reconnect_options::retry_start_for` says so.
    /// `host` is a name or a numeric address: the addresses of a name are tried side by
    /// side, 250 ms apart (RFC 8305), and the first to connect is used. "unix:/path" is a Unix
    /// domain socket, "unix:@name" one in Linux's abstract namespace; `port` is then 0.
    ///
    /// Names are ASCII, of at most 253 characters, each label at most 63; others have an "xn--..."
    /// form. A dot at the end keeps a name from being looked for in the machine's own domains. IPv6
    /// addresses may have brackets, link-local ones a zone ("fe80::1%eth0"); IPv4 addresses have
    /// four numbers, and IPv4-mapped ones are IPv4.
    ///
    /// Errors: `invalid_argument` (a host that is none, port 0, contradictory options: the message
    /// says what is wrong), `already_exists` (connecting or connected), `would_block` (inside a
    /// library callback, or on the thread that runs the user's io_context), `resolve_failed` (also
    /// of a zone that is no interface here), `connection_refused`, `connection_timeout`,
    /// `connection_failed`, `connection_closed` (stopped meanwhile), `server_full`,
    /// `protocol_error`.
    [[nodiscard]] VoidResult start_client(std::string_view host, std::uint16_t port);
    /// The same without blocking; `handler` runs on the client's I/O thread. When the answer here
    /// is an error, the handler does not run. `operation` names the start for `cancel`.
    [[nodiscard]] VoidResult start_client(
        std::string_view host, std::uint16_t port, start_callback&& handler,
        session::operation_id operation = session::operation_id::none);
    /// Cancels the start, or a ping, request or receive of its connection; see
    /// session::cancel_operation. After a start that was cancelled no other callback runs.
    bool cancel(session::operation_id operation);

    /// Sends what is queued, tells the server, and closes within `client_options::drain_timeout`.
    /// Idempotent: ok when stopped. The disconnected callback runs before it returns. Inside a
    /// library callback it only begins the stop, and returns ok.
    discardable_result stop_client();

    /// The same without blocking: `handler` runs once, on the client's I/O thread, after every
    /// other callback. Error: `connection_closed` (there is nothing to stop).
    VoidResult stop_client(session::stop_handler&& handler);

    /// Blocks until the client is stopped, or its connection has ended and it does not reconnect;
    /// returns at once when it is neither connecting nor connected. `would_block` inside a library
    /// callback.
    discardable_result wait_for_stop();

    /// Sends one message; see messaging_session::send_packet.
    [[nodiscard]] VoidResult send_packet(std::vector<std::uint8_t>&& data,
                                         session::send_callback&& done = {});
    [[nodiscard]] VoidResult send_packet(std::span<const std::uint8_t> data,
                                         session::send_callback&& done = {});
    [[nodiscard]] VoidResult send_packet(std::string_view text, session::send_callback&& done = {});
    [[nodiscard]] VoidResult send_packet(std::initializer_list<std::uint8_t> bytes,
                                         session::send_callback&& done = {});

    /// Asks the server; see messaging_session::request.
    template <typename F>
    [[nodiscard]] VoidResult request(
        std::span<const std::uint8_t> data, std::chrono::milliseconds timeout, F&& handler,
        session::operation_id operation = session::operation_id::none) {
        return send_request(data, timeout, detail::make_response_handler(std::forward<F>(handler)),
                            operation);
    }
    template <typename F>
    [[nodiscard]] VoidResult request(
        std::string_view text, std::chrono::milliseconds timeout, F&& handler,
        session::operation_id operation = session::operation_id::none) {
        return request(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()),
                       timeout, std::forward<F>(handler), operation);
    }
    /// The same, blocking until the answer or an error comes. Errors also: `would_block` (inside a
    /// library callback, or on the thread that runs the user's io_context).
    [[nodiscard]] Result<std::vector<std::uint8_t>> request(std::span<const std::uint8_t> data,
                                                            std::chrono::milliseconds timeout);
    [[nodiscard]] Result<std::vector<std::uint8_t>> request(std::string_view text,
                                                            std::chrono::milliseconds timeout);

    /// `receive_mode::pull` only; see messaging_session::receive_packet.
    [[nodiscard]] VoidResult receive_packet(
        session::receive_handler&& handler,
        session::operation_id operation = session::operation_id::none);

    /// Measures the round-trip time; see messaging_session::ping.
    [[nodiscard]] VoidResult ping(ping_callback&& handler,
                                  session::operation_id operation = session::operation_id::none);
    /// The same, blocking for at most `connect_timeout`. Errors also: `would_block`,
    /// `connection_timeout`.
    [[nodiscard]] Result<std::chrono::microseconds> ping();

    discardable_result pause_receiving();
    discardable_result resume_receiving();

    [[nodiscard]] bool is_connected() const noexcept;
    [[nodiscard]] const std::string& client_id() const noexcept;
    /// The two ends of the current connection; unspecified when not connected.
    [[nodiscard]] endpoint local_endpoint() const;
    [[nodiscard]] endpoint remote_endpoint() const;
    /// The current connection. Error: `connection_closed`.
    [[nodiscard]] Result<session_ptr> get_session() const;
    [[nodiscard]] client_metrics metrics() const;

    /// The setters below fail with `invalid_argument` while the client is connecting or
    /// connected: callbacks are set before start. Their forms are those of messaging_server: each
    /// takes the session, or its id, or neither, and what is named here.
    ///
    /// `callback(data)`, with a `std::span<const std::uint8_t>` or a
    /// `const std::vector<std::uint8_t>&`, for every message.
    discardable_result set_receive_callback(detail::data_callback<session_ptr> callback);
    /// Answers the requests of the server: `callback(data)` or `callback(data, responder)`; see
    /// messaging_server::set_request_callback.
    discardable_result set_request_callback(detail::request_callback<session_ptr> callback);
    discardable_result set_connected_callback(detail::session_callback<session_ptr> callback);
    /// `callback(error)`, a `std::error_code` that is empty after a clean close, or `callback()`.
    discardable_result set_disconnected_callback(detail::end_callback<session_ptr> callback);
    /// `callback(error)`. Runs when the connection fails, before the disconnected callback, and for
    /// each attempt to reconnect that fails, then without a session. Errors of `start_client` are
    /// its result, and are not reported here.
    discardable_result set_error_callback(detail::failure_callback<session_ptr> callback);
    /// Runs when a connection whose sends were refused has drained to its low watermark.
    discardable_result set_writable_callback(detail::session_callback<session_ptr> callback);
    /// `callback(const core::reconnect_attempt&)`, or `callback(unsigned attempt)`, or
    /// `callback()`. With `auto_reconnect`: runs before each pause, after the disconnected
    /// callback; it may stop the client.
    discardable_result set_reconnecting_callback(detail::reconnecting_callback callback);

protected:
    /// Over what `security` makes of sockets.
    messaging_client(std::string client_id, client_callbacks&& callbacks, client_options&& options,
                     std::shared_ptr<stream_security> security);

private:
    class impl;

    [[nodiscard]] VoidResult send_request(std::span<const std::uint8_t> data,
                                          std::chrono::milliseconds timeout,
                                          session::response_handler handler,
                                          session::operation_id operation);

    std::unique_ptr<impl> impl_;
};

}  // namespace network_system::core
