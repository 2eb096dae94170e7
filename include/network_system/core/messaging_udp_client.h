#pragma once

#include <network_system/core/udp_callbacks.h>
#include <network_system/core/udp_options.h>
#include <network_system/export.h>
#include <network_system/session/messaging_session.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <concepts>
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

/// A UDP client: sends datagrams to one target and receives what comes back.
///
/// Thread-safety: every member may be called from any thread and from any callback. Callbacks never
/// overlap. No user code runs under a lock. An exception out of a callback is counted, logged and
/// reported as `internal_error`.
///
/// Object lifetimes: the destructor stops the client. Once `stop_client` or the destructor has
/// returned to a thread that is not inside a library callback, no callback runs or will run. The
/// object may be destroyed anywhere, inside its own callbacks too.
class NETWORK_SYSTEM_EXPORT messaging_udp_client {
public:
    using receive_callback = unique_function<void(std::span<const std::uint8_t>, const endpoint&)>;
    using error_callback = unique_function<void(std::error_code)>;
    using writable_callback = unique_function<void()>;
    using start_callback = unique_function<void(VoidResult)>;
    using send_callback = session::send_callback;
    using receive_handler = unique_function<void(Result<received_datagram>)>;

    /// `client_id` names the client in log lines and error messages.
    explicit messaging_udp_client(std::string client_id, udp_client_options options = {});
    /// The same with its callbacks, which need no setters then: setters can fail.
    template <std::same_as<udp_client_callbacks> Callbacks>
    messaging_udp_client(std::string client_id, Callbacks callbacks,
                         udp_client_options options = {})
        : messaging_udp_client(std::move(client_id), std::move(options), std::move(callbacks)) {}
    messaging_udp_client(const messaging_udp_client&) = delete;
    messaging_udp_client& operator=(const messaging_udp_client&) = delete;
    ~messaging_udp_client();

    /// Resolves the target, a host as for `messaging_client::start_client` and without Unix domain
    /// sockets, and opens a socket for it: of several addresses the first that the
    /// machine has a way to. Whether anybody is there shows only when something comes back. Blocks
    /// until then, at most `resolve_timeout` for a name.
    ///
    /// Errors: `invalid_argument` (a host that is none, port 0, contradictory options),
    /// `not_supported` ("unix:/path"), `already_exists`, `would_block` (inside a library callback,
    /// or on the thread that runs the user's io_context), `resolve_failed`, `connection_timeout`
    /// (of the resolver), `connection_failed` (no way there), `bind_failed`, `connection_closed`
    /// (stopped meanwhile).
    [[nodiscard]] VoidResult start_client(std::string_view host, std::uint16_t port);
    /// The same without blocking; `handler` runs on the client's I/O thread. When the answer here
    /// is an error, the handler does not run. `operation` names the start for `cancel`.
    [[nodiscard]] VoidResult start_client(
        std::string_view host, std::uint16_t port, start_callback&& handler,
        session::operation_id operation = session::operation_id::none);

    /// From now on sends go elsewhere, and with a connected socket so do those that are queued. The
    /// target has to be of the same family, IPv4 or IPv6. A connected socket keeps its port, and
    /// its address if `bind_address` gave it one; else the system chooses that anew. Errors: as for
    /// `start_client`, and `connection_closed` (not running); the old target stays.
    [[nodiscard]] VoidResult set_target(std::string_view host, std::uint16_t port);
    [[nodiscard]] VoidResult set_target(std::string_view host, std::uint16_t port,
                                        start_callback&& handler);

    /// Stops receiving, sends what is queued, and closes at `drain_timeout`. Idempotent: ok when
    /// stopped. Inside a library callback it only begins the stop, and returns ok.
    discardable_result stop_client();
    /// The same without blocking: `handler` runs once, on the I/O thread, after every other
    /// callback. Error: `connection_closed` (there is nothing to stop).
    VoidResult stop_client(session::stop_handler&& handler);
    /// Blocks until the client is stopped; returns at once when it is not running, or inside a
    /// library callback, where nothing may block (`would_block`).
    discardable_result wait_for_stop();

    [[nodiscard]] bool is_running() const noexcept;
    /// The same, under the name that clients of connections have.
    [[nodiscard]] bool is_connected() const noexcept { return is_running(); }
    /// Unspecified when not running. With a connected socket where its datagrams come from, which
    /// may change with the target.
    [[nodiscard]] endpoint local_endpoint() const;
    /// The target that datagrams go to. Unspecified when not running.
    [[nodiscard]] endpoint remote_endpoint() const;
    [[nodiscard]] const std::string& client_id() const noexcept;

    /// The setters below fail with `invalid_argument` while the client is running: callbacks are
    /// set before start.
    ///
    /// `callback(data, endpoint)`, `callback(data)` or `callback()` for every datagram, empty ones
    /// too; data is a `std::span<const std::uint8_t>` valid during the call (no copy), or a
    /// `const std::vector<std::uint8_t>&`.
    discardable_result set_receive_callback(detail::datagram_callback callback);
    /// `callback(error)` or `callback()`. Once for each kind of error in a batch; `metrics` counts
    /// each. `connection_refused` (nobody is there), `message_too_large`, `send_failed`,
    /// `receive_failed`, `internal_error`. With a connected socket the first three may be what the
    /// network says of a datagram that was sent before (ICMP).
    discardable_result set_error_callback(detail::error_callback callback);
    /// Runs when the queue has fallen to the low watermark after a send was refused.
    discardable_result set_writable_callback(detail::signal_callback callback);

    /// Queues a datagram; it leaves at the end of the batch, together with others. `done` runs when
    /// the operating system has taken it, or with the error that prevented it.
    ///
    /// Errors: `message_too_large`, `send_buffer_full` (see `datagram_config::policy`),
    /// `connection_closed`.
    [[nodiscard]] VoidResult send_packet(std::span<const std::uint8_t> data,
                                         send_callback&& done = {});
    [[nodiscard]] VoidResult send_packet(std::string_view text, send_callback&& done = {});
    [[nodiscard]] VoidResult send_packet(std::initializer_list<std::uint8_t> data,
                                         send_callback&& done = {});

    /// The next datagram; needs `receive_mode::pull`. Errors:
    /// `not_supported`, `invalid_argument`, `connection_closed`; the handler gets
    /// `connection_closed` at a stop, and `cancelled`.
    /// `operation` names it for `cancel`; `already_exists` when it names a pending one. A receive
    /// that is cancelled takes no datagram.
    [[nodiscard]] VoidResult receive_packet(
        receive_handler&& handler, session::operation_id operation = session::operation_id::none);
    /// Cancels the start or a receive of this client; see session::cancel_operation.
    bool cancel(session::operation_id operation);

    /// Of the current run, or of the last.
    [[nodiscard]] datagram_metrics metrics() const;

private:
    class impl;

    messaging_udp_client(std::string client_id, udp_client_options&& options,
                         udp_client_callbacks&& callbacks);

    std::unique_ptr<impl> impl_;
};

}  // namespace network_system::core
