#pragma once

#include <network_system/core/run_options.h>
#include <network_system/core/tls_config.h>
#include <network_system/export.h>
#include <network_system/session/session_config.h>
#include <network_system/session/ws_connection.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

// After Asio, whose version it looks at.
#include <network_system/internal/adopted_socket.h>

namespace network_system::inline v0_1::internal {

struct websocket_socket_options : core::lifecycle_options {
    /// Limits, watermarks, deadlines and pings. `frames` has no meaning here.
    session_config limits = {};

    /// How much the peer may send before the handshake is over.
    websocket::handshake_limits handshake_limits = {};

    /// The connection is closed when the handshake, TLS's included, is not over by then. More than
    /// 0. Default 10 s.
    std::chrono::milliseconds handshake_timeout{10'000};

    /// wss: WebSocket over TLS. A server needs an identity; a client verifies that the server's
    /// certificate is for the name in `client_handshake::host`, unless told otherwise. Without
    /// `application_protocols` it offers or takes "http/1.1". Empty = plain TCP (default).
    std::optional<core::tls_config> tls = {};
};

/// A WebSocket over a connected TCP socket of the application's, on either side, encrypted or not,
/// for programs that accept and connect by themselves.
///
/// Thread-safety: every member may be called from any thread and from any callback, the setters
/// before `start`. Callbacks run on the threads that run the io_context and never overlap. An
/// exception out of a callback closes the connection with `internal_error` (1011).
///
/// Object lifetimes: the destructor begins the close, which goes on in the io_context. Once it has
/// returned to a thread that is not inside a library callback, no callback runs or will run. The
/// object may be destroyed anywhere, inside its own callbacks too. The io_context may end first.
class NETWORK_SYSTEM_EXPORT websocket_socket {
public:
    using handshake_callback = unique_function<void(const ws_request&, ws_handshake_answer&)>;
    using http_callback = unique_function<void(const ws_request&, http_response&)>;
    using open_callback = unique_function<void()>;
    using message_callback = unique_function<void(const ws_message&)>;
    using closed_callback = unique_function<void(std::error_code)>;
    using writable_callback = unique_function<void()>;

    /// Takes a connected socket over from Asio as the server of its connection. `socket` is closed
    /// for its caller then; on an error it is left as it was. `context` is where the callbacks run.
    ///
    /// Errors: `invalid_argument` (contradictory options), `connection_closed` (the socket is not
    /// connected), `connection_failed` (Asio cannot give it away). With TLS also
    /// `certificate_load_failed`, and `not_supported` in a build without it.
    [[nodiscard]] static Result<std::unique_ptr<websocket_socket>> adopt_server(
        asio::io_context& context, asio::ip::tcp::socket&& socket,
        const websocket_socket_options& options = {}) {
        return adopt(context, std::move(socket), nullptr, options);
    }
    /// The same as the client. `asks` is what it asks the server for. Errors also: those of
    /// websocket::encode_request.
    [[nodiscard]] static Result<std::unique_ptr<websocket_socket>> adopt_client(
        asio::io_context& context, asio::ip::tcp::socket&& socket,
        const websocket::client_handshake& asks, const websocket_socket_options& options = {}) {
        return adopt(context, std::move(socket), &asks, options);
    }

    websocket_socket(const websocket_socket&) = delete;
    websocket_socket& operator=(const websocket_socket&) = delete;
    ~websocket_socket();

    /// The setters fail with `invalid_argument` after `start`. Server: decides about a handshake;
    /// by default every one is accepted.
    discardable_result set_handshake_callback(handshake_callback callback);
    /// Server: answers a request for something else; by default with 426.
    discardable_result set_http_callback(http_callback callback);
    /// The handshake is over: messages may be sent.
    discardable_result set_open_callback(open_callback callback);
    discardable_result set_message_callback(message_callback callback);
    /// Exactly once, last; empty after a closing handshake. `connection().close_code()` says more.
    discardable_result set_closed_callback(closed_callback callback);
    /// Runs when the queue has fallen to the low watermark after a send was refused.
    discardable_result set_writable_callback(writable_callback callback);

    /// Begins the handshake. Error: `already_exists` (called twice), `connection_closed`.
    [[nodiscard]] VoidResult start();

    /// For everything else: sends fail with `connection_closed` before it is open. Lives as long
    /// as this object.
    [[nodiscard]] session::ws_connection& connection() const noexcept;

    /// The closing handshake with 1000. Idempotent; returns at once.
    void close();

private:
    class impl;

    explicit websocket_socket(std::shared_ptr<impl> implementation) noexcept;
    // `asks`: null for a server.
    [[nodiscard]] static VoidResult check(const websocket::client_handshake* asks,
                                          const websocket_socket_options& options);
    [[nodiscard]] static Result<stream_kind_ptr> prepare(const websocket::client_handshake* asks,
                                                         const websocket_socket_options& options);
    [[nodiscard]] static std::unique_ptr<websocket_socket> make(
        asio::io_context& context, asio::ip::tcp::socket::native_handle_type handle,
        const websocket::client_handshake* asks, const websocket_socket_options& options,
        const stream_kind& kind);
    [[nodiscard]] static Result<std::unique_ptr<websocket_socket>> adopt(
        asio::io_context& context, asio::ip::tcp::socket&& socket,
        const websocket::client_handshake* asks, const websocket_socket_options& options) {
        const auto kind = prepare(asks, options);
        if (!kind) {
            return kind.error();
        }
        const auto taken = take_over(std::move(socket), "websocket_socket");
        return taken ? Result<std::unique_ptr<websocket_socket>>(
                           make(context, taken.value(), asks, options, *kind.value()))
                     : taken.error();
    }

    std::shared_ptr<impl> impl_;
};

}  // namespace network_system::internal
