#pragma once

#include <network_system/config.h>
#include <network_system/core/metrics.h>
#include <network_system/core/ws_callbacks.h>
#include <network_system/core/ws_options.h>
#include <network_system/export.h>
#include <network_system/session/ws_connection.h>
#include <network_system/session/ws_handshake.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#if !NETWORK_SYSTEM_WITH_WEBSOCKET
#error "This build of network_system has no WebSocket: BUILD_WEBSOCKET_SUPPORT=OFF."
#endif

namespace network_system::inline v0_1::core {

/// A WebSocket client (RFC 6455); with `ws_client_config::tls` it speaks wss.
///
///     messaging_ws_client client("me");
///     client.set_text_message_callback([](std::string_view text) { std::cout << text << '\n'; });
///     ws_client_config config;
///     config.host = "example.com";
///     config.port = 443;
///     config.tls.emplace();
///     auto connected = client.start_client(config);
///
/// Thread-safety: every member may be called from any thread and from any callback. Callbacks
/// never overlap. No user code runs under a lock. An exception out of a callback closes the
/// connection, with 1011.
///
/// Object lifetimes: the destructor stops the client. Once `stop_client` or the destructor has
/// returned to a thread that is not inside a library callback, no callback runs or will run. The
/// object may be destroyed anywhere, inside its own callbacks too.
class NETWORK_SYSTEM_EXPORT messaging_ws_client {
public:
    using connection_ptr = std::shared_ptr<session::ws_connection>;
    using session_ptr = connection_ptr;
    using connected_callback = unique_function<void()>;
    using disconnected_callback = unique_function<void(ws_close_code, std::string_view reason)>;
    using message_callback = unique_function<void(const ws_message&)>;
    using text_callback = unique_function<void(std::string_view)>;
    using binary_callback = unique_function<void(std::span<const std::uint8_t>)>;
    using error_callback = unique_function<void(std::error_code)>;
    using writable_callback = unique_function<void()>;
    using start_callback = unique_function<void(VoidResult)>;

    /// `client_id` names the client in log lines and error messages. `config` is what a start uses
    /// that is given none.
    explicit messaging_ws_client(std::string client_id, ws_client_config config = {});
    /// The same with its callbacks, which need no setters then: setters can fail.
    template <std::same_as<ws_client_callbacks> Callbacks>
    messaging_ws_client(std::string client_id, Callbacks callbacks, ws_client_config config = {})
        : messaging_ws_client(std::move(client_id), std::move(config), std::move(callbacks),
                              std::nullopt) {}
    messaging_ws_client(const messaging_ws_client&) = delete;
    messaging_ws_client& operator=(const messaging_ws_client&) = delete;
    virtual ~messaging_ws_client();

    /// Connects and blocks until the WebSocket is open or `connect_timeout` has passed. The
    /// connected callback runs before it returns. An attempt that fails is repeated if
    /// `reconnect_options::retry_start_for` says so.
    ///
    /// Errors: `invalid_argument` (empty host, port 0, a configuration that contradicts itself or
    /// that HTTP does not allow), `already_exists` (started and not stopped), `would_block` (inside
    /// a library callback, or on the thread that runs the user's io_context), `resolve_failed`,
    /// `connection_refused`, `connection_timeout`, `connection_failed`, `connection_closed`
    /// (stopped meanwhile, or by the server), `handshake_rejected` (the text says what the server
    /// has answered), `protocol_error`, those of TLS (see secure_messaging_client),
    /// `not_supported` (wss in a build without TLS).
    [[nodiscard]] VoidResult start_client(const ws_client_config& config);
    /// The same without blocking; `handler` runs on the client's I/O thread. When the answer here
    /// is an error, the handler does not run. `operation` names the start for `cancel`.
    [[nodiscard]] VoidResult start_client(
        const ws_client_config& config, start_callback&& handler,
        session::operation_id operation = session::operation_id::none);
    /// Cancels the start, or a ping or receive of the current connection; see
    /// session::cancel_operation. After a start that was cancelled no other callback runs.
    bool cancel(session::operation_id operation);
    /// The same with the configuration of the constructor, but for the host and the port (and the
    /// path).
    [[nodiscard]] VoidResult start_client(std::string_view host, std::uint16_t port);
    [[nodiscard]] VoidResult start_client(std::string_view host, std::uint16_t port,
                                          std::string_view path);
    template <typename Handler>
        requires std::constructible_from<start_callback, Handler>
    [[nodiscard]] VoidResult start_client(
        std::string_view host, std::uint16_t port, Handler&& handler,
        session::operation_id operation = session::operation_id::none) {
        return with_callback(std::forward<Handler>(handler), [&](start_callback& done) {
            return start_at(host, port, done, operation);
        });
    }
    /// The same to a URL (RFC 6455 section 3): "ws://host:port/path?query", or "wss://…" over TLS.
    /// Without a port it is 80 or 443, without a path "/". IPv6 addresses are in brackets, with a
    /// zone behind "%25". wss uses the `tls` of the constructor's configuration, or, if that has
    /// none, its defaults: the server's certificate is verified against what the system trusts.
    ///
    /// Errors also: `invalid_argument` (another scheme, user information, a fragment, a port that
    /// is none, characters that have to be percent-encoded; ws although the configuration has
    /// `tls`).
    template <std::convertible_to<std::string_view> Url>
    [[nodiscard]] VoidResult start_client(const Url& url) {
        return start_url(url);
    }
    template <std::convertible_to<std::string_view> Url, typename Handler>
        requires std::constructible_from<start_callback, Handler>
    [[nodiscard]] VoidResult start_client(
        const Url& url, Handler&& handler,
        session::operation_id operation = session::operation_id::none) {
        return with_callback(std::forward<Handler>(handler),
                             [&](start_callback& done) { return start_url(url, done, operation); });
    }

    /// Sends what is queued, closes with 1000, and ends within `drain_timeout`; ends attempts to
    /// reconnect at once. Idempotent: ok when stopped. The disconnected callback runs before it
    /// returns. Inside a library callback it only begins the stop, and returns ok.
    discardable_result stop_client();
    /// The same without blocking: `handler` runs once, on the client's I/O thread, after every
    /// other callback. Error: `connection_closed` (there is nothing to stop).
    VoidResult stop_client(session::stop_handler&& handler);
    /// Blocks until the client is stopped, or its connection has ended and it does not reconnect.
    /// `would_block` inside a library callback.
    discardable_result wait_for_stop();

    /// Closes the connection with a code and a reason; see ws_connection::close. The client does
    /// not reconnect, and can be started again once the disconnected callback runs. Errors:
    /// `connection_closed`, `invalid_argument`.
    discardable_result close(ws_close_code code = ws_close_code::normal,
                             std::string_view reason = {});

    /// Each sends one message, which may be empty; see ws_connection. Errors: `connection_closed`
    /// (also while reconnecting), `message_too_large`, `send_buffer_full`.
    [[nodiscard]] VoidResult send_text(std::string_view text, session::send_callback&& done = {});
    [[nodiscard]] VoidResult send_binary(std::vector<std::uint8_t>&& data,
                                         session::send_callback&& done = {});
    [[nodiscard]] VoidResult send_binary(std::span<const std::uint8_t> data,
                                         session::send_callback&& done = {});
    [[nodiscard]] VoidResult send_binary(std::initializer_list<std::uint8_t> data,
                                         session::send_callback&& done = {});
    /// The names that messaging_client has: each sends one binary message, also of a text.
    [[nodiscard]] VoidResult send_packet(std::vector<std::uint8_t>&& data,
                                         session::send_callback&& done = {}) {
        return send_binary(std::move(data), std::move(done));
    }
    [[nodiscard]] VoidResult send_packet(std::span<const std::uint8_t> data,
                                         session::send_callback&& done = {}) {
        return send_binary(data, std::move(done));
    }
    [[nodiscard]] VoidResult send_packet(std::string_view text, session::send_callback&& done = {});
    [[nodiscard]] VoidResult send_packet(std::initializer_list<std::uint8_t> data,
                                         session::send_callback&& done = {}) {
        return send_binary(data, std::move(done));
    }
    /// See ws_connection.
    VoidResult send_ping(std::span<const std::uint8_t> payload = {});
    VoidResult send_pong(std::span<const std::uint8_t> payload = {});

    /// Measures the round-trip time with a ping; the handler runs on the client's I/O thread.
    /// Error: `connection_closed`.
    [[nodiscard]] VoidResult ping(session::ping_handler&& handler,
                                  session::operation_id operation = session::operation_id::none);
    /// The same, blocking for at most `connect_timeout`. Errors also: `would_block`,
    /// `connection_timeout`.
    [[nodiscard]] Result<std::chrono::microseconds> ping();

    /// `receive_mode::pull` only; see ws_connection::receive_message, and
    /// messaging_session::receive_packet for the bytes alone.
    [[nodiscard]] VoidResult receive_message(
        session::ws_receive_handler&& handler,
        session::operation_id operation = session::operation_id::none);
    [[nodiscard]] VoidResult receive_packet(
        session::receive_handler&& handler,
        session::operation_id operation = session::operation_id::none);
    discardable_result pause_receiving();
    discardable_result resume_receiving();

    /// Whether the WebSocket is open; false while reconnecting.
    [[nodiscard]] bool is_connected() const noexcept;
    [[nodiscard]] const std::string& client_id() const noexcept;
    /// The current connection. Error: `connection_closed`.
    [[nodiscard]] Result<connection_ptr> get_connection() const;
    /// The same, as messaging_client has it.
    [[nodiscard]] Result<session_ptr> get_session() const { return get_connection(); }
    /// The two ends of the current connection; unspecified when not connected.
    [[nodiscard]] endpoint local_endpoint() const;
    [[nodiscard]] endpoint remote_endpoint() const;
    /// How the server has answered the last handshake since `start_client`, when that was not with
    /// 101: the status, the header fields, Retry-After. Null when it has accepted it, or has not
    /// answered. To be asked when a start has failed with `handshake_rejected`, or in the error
    /// callback of an attempt to reconnect.
    [[nodiscard]] std::shared_ptr<const ws_rejection> rejection() const;
    /// Since the client was constructed. `connects` counts each connection made;
    /// `connect_failures` each attempt that failed, those of reconnecting included.
    [[nodiscard]] client_metrics metrics() const;

    /// The setters below fail with `invalid_argument` while the client is started: callbacks are
    /// set before start. Their forms are those of messaging_ws_server: each takes the connection,
    /// or its id, or neither, and what is named here.
    ///
    /// Runs for each connection made.
    discardable_result set_connected_callback(detail::session_callback<connection_ptr> callback);
    /// Runs when a connection has ended: with the code and reason of the server's close frame;
    /// `no_status` (1005) when that had no code, and `abnormal` (1006) when none came, with the
    /// cause for a reason. `callback(code, reason)`; the reason is a `std::string_view` valid
    /// during the call, or a `const std::string&`. Or as messaging_client has it:
    /// `callback(error)` or `callback()`.
    discardable_result set_disconnected_callback(detail::ws_end_callback callback);
    /// `callback(data)` for every message, text and binary, as messaging_client has it; data is a
    /// `std::span<const std::uint8_t>` valid during the call (no copy), or a
    /// `const std::vector<std::uint8_t>&`. With several of the callbacks for messages set, each
    /// gets what it is for, in the order in which they stand here.
    discardable_result set_receive_callback(detail::data_callback<connection_ptr> callback);
    /// `callback(message)` for every message, text and binary.
    discardable_result set_message_callback(detail::ws_message_callback callback);
    /// `callback(text)`: a `std::string_view` valid during the call (no copy), or a
    /// `const std::string&`.
    discardable_result set_text_message_callback(detail::text_callback<connection_ptr> callback);
    /// The same as `set_receive_callback`, for every binary message.
    discardable_result set_binary_message_callback(detail::data_callback<connection_ptr> callback);
    /// Without `auto_pong` only: `callback(payload)` for every ping, of at most 125 bytes, to be
    /// answered with `send_pong`. Types as above.
    discardable_result set_ping_callback(detail::data_callback<connection_ptr> callback);
    /// `callback(error)`. Runs when a connection fails, before the disconnected callback, and for
    /// each attempt to reconnect that fails, then without a connection. Errors of `start_client`
    /// are its result, and are not reported here.
    discardable_result set_error_callback(detail::failure_callback<connection_ptr> callback);
    /// Runs when a connection whose sends were refused has drained to its low watermark.
    discardable_result set_writable_callback(detail::session_callback<connection_ptr> callback);
    /// `callback(const core::reconnect_attempt&)`, or `callback(unsigned attempt)`, or
    /// `callback()`. With `auto_reconnect`: runs before each pause, after the disconnected
    /// callback; it may stop the client.
    discardable_result set_reconnecting_callback(detail::reconnecting_callback callback);

protected:
    /// `tls`, unless it is empty, makes it wss, also with configurations that have none.
    messaging_ws_client(std::string client_id, ws_client_config&& config,
                        ws_client_callbacks&& callbacks, std::optional<tls_config> tls);

private:
    class impl;

    /// A start_callback is left intact on error, as everywhere.
    template <typename Handler, typename Start>
    [[nodiscard]] static VoidResult with_callback(Handler&& handler, const Start& start) {
        if constexpr (std::is_same_v<Handler, start_callback>) {
            return start(handler);
        } else {
            start_callback done(std::forward<Handler>(handler));
            return start(done);
        }
    }
    [[nodiscard]] VoidResult start_url(std::string_view url);
    [[nodiscard]] VoidResult start_url(std::string_view url, start_callback& handler,
                                       session::operation_id operation);
    [[nodiscard]] VoidResult start_at(std::string_view host, std::uint16_t port,
                                      start_callback& handler, session::operation_id operation);

    std::unique_ptr<impl> impl_;
};

}  // namespace network_system::core
