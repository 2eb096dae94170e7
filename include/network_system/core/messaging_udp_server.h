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
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {

/// A UDP server: receives datagrams from anybody and sends them to anybody. What is sent may be
/// lost, doubled or overtaken on its way, as UDP has it; `metrics` tells of all that was lost on
/// this machine.
///
/// Thread-safety: every member may be called from any thread and from any callback. With one I/O
/// thread callbacks never overlap; with more those of one peer do not. No user code runs under a
/// lock. An exception out of a callback is counted, logged and reported as `internal_error`.
///
/// Object lifetimes: the destructor stops the server. Once `stop_server` or the destructor has
/// returned to a thread that is not inside a library callback, no callback runs or will run. The
/// object may be destroyed anywhere, inside its own callbacks too.
class NETWORK_SYSTEM_EXPORT messaging_udp_server {
public:
    using receive_callback = unique_function<void(std::span<const std::uint8_t>, const endpoint&)>;
    using error_callback = unique_function<void(std::error_code)>;
    using writable_callback = unique_function<void()>;
    using peer_callback = unique_function<void(const endpoint&)>;
    using send_callback = session::send_callback;
    using receive_handler = unique_function<void(Result<received_datagram>)>;

    /// `server_id` names the server in log lines and error messages.
    explicit messaging_udp_server(std::string server_id, udp_server_options options = {});
    /// The same with its callbacks, which need no setters then: setters can fail.
    template <std::same_as<udp_server_callbacks> Callbacks>
    messaging_udp_server(std::string server_id, Callbacks callbacks,
                         udp_server_options options = {})
        : messaging_udp_server(std::move(server_id), std::move(options), std::move(callbacks)) {}
    messaging_udp_server(const messaging_udp_server&) = delete;
    messaging_udp_server& operator=(const messaging_udp_server&) = delete;
    ~messaging_udp_server();

    /// Binds and begins to receive; what arrives once it has returned ok is delivered. Port 0 lets
    /// the system pick one: see `local_port`.
    ///
    /// Errors: `invalid_argument` (contradictory options, an interface that does not exist),
    /// `server_already_running`, `bind_failed`, `not_supported` ("unix:" as an address).
    [[nodiscard]] VoidResult start_server(std::uint16_t port);

    /// Stops receiving, sends what is queued, and closes at `drain_timeout`. Idempotent: ok when
    /// stopped. Inside a library callback it only begins the stop, and returns ok.
    discardable_result stop_server();
    /// The same without blocking: `handler` runs once, on an I/O thread, after every other
    /// callback. Error: `server_not_started` (there is nothing to stop).
    VoidResult stop_server(session::stop_handler&& handler);
    /// Blocks until the server is stopped; returns at once when it is not running, or inside a
    /// library callback, where nothing may block (`would_block`).
    discardable_result wait_for_stop();

    [[nodiscard]] bool is_running() const noexcept;
    /// In host byte order; 0 when not running.
    [[nodiscard]] std::uint16_t local_port() const noexcept;
    /// Unspecified when not running.
    [[nodiscard]] endpoint local_endpoint() const;
    [[nodiscard]] const std::string& server_id() const noexcept;

    /// The setters below fail with `invalid_argument` while the server is running: callbacks are
    /// set before start.
    ///
    /// `callback(data, endpoint)`, `callback(data)` or `callback()` for every datagram, empty ones
    /// too; data is a `std::span<const std::uint8_t>` valid during the call (no copy), or a
    /// `const std::vector<std::uint8_t>&`.
    discardable_result set_receive_callback(detail::datagram_callback callback);
    /// `callback(error)` or `callback()`. Once for each kind of error in a batch; `metrics` counts
    /// each. `message_too_large` (a datagram over the limit arrived, or the network did not take
    /// one), `send_failed`, `receive_failed`, `internal_error` (a callback threw).
    discardable_result set_error_callback(detail::error_callback callback);
    /// Runs when the queue has fallen to the low watermark after a send was refused.
    discardable_result set_writable_callback(detail::signal_callback callback);
    /// `callback(endpoint)` or `callback()`. With `peer_limits::max_peers`: before the first
    /// datagram of a peer is delivered, and when one is forgotten after `idle_timeout`.
    discardable_result set_new_peer_callback(detail::peer_callback callback);
    discardable_result set_peer_expired_callback(detail::peer_callback callback);

    /// Queues a datagram; it leaves at the end of the batch, together with others, on Linux from
    /// the address that the peer has asked (docs/UDP.md). `done` runs when the operating system has
    /// taken it, or with the error that prevented it.
    ///
    /// Errors: `invalid_argument` (no address, port 0, or IPv6 from an IPv4 socket),
    /// `message_too_large`, `send_buffer_full` (see `datagram_config::policy`),
    /// `server_not_started`.
    [[nodiscard]] VoidResult send_to(std::span<const std::uint8_t> data, const endpoint& to,
                                     send_callback&& done = {});
    [[nodiscard]] VoidResult send_to(std::string_view text, const endpoint& to,
                                     send_callback&& done = {});
    [[nodiscard]] VoidResult send_to(std::initializer_list<std::uint8_t> data, const endpoint& to,
                                     send_callback&& done = {});
    [[nodiscard]] VoidResult async_send_to(std::span<const std::uint8_t> data, const endpoint& to,
                                           send_callback handler) {
        return send_to(data, to, std::move(handler));
    }

    /// The next datagram; needs `receive_mode::pull`, which needs one I/O thread. Errors:
    /// `not_supported`, `invalid_argument`, `server_not_started`; the handler gets
    /// `connection_closed` at a stop, and `cancelled`.
    /// `operation` names it for `cancel`; `already_exists` when it names a pending one. A receive
    /// that is cancelled takes no datagram.
    [[nodiscard]] VoidResult receive_from(
        receive_handler&& handler, session::operation_id operation = session::operation_id::none);
    /// Cancels a receive of this server; see session::cancel_operation.
    bool cancel(session::operation_id operation);

    /// Of the current run, or of the last.
    [[nodiscard]] datagram_metrics metrics() const;

private:
    class impl;

    messaging_udp_server(std::string server_id, udp_server_options&& options,
                         udp_server_callbacks&& callbacks);

    std::unique_ptr<impl> impl_;
};

}  // namespace network_system::core
