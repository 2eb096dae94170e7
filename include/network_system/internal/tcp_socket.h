#pragma once

#include <network_system/core/callback_forms.h>
#include <network_system/core/run_options.h>
#include <network_system/export.h>
#include <network_system/session/messaging_session.h>
#include <network_system/session/session_config.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/tls_info.h>
#include <network_system/utils/unique_function.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

// After Asio, whose version it looks at.
#include <network_system/internal/adopted_socket.h>

namespace network_system::inline v0_1::internal {

struct tcp_socket_options : core::lifecycle_options {
    /// Watermarks, send policy, idle timeout, and the most bytes of one send. `frames` and the
    /// settings of pings have no meaning here.
    session_config limits = {};
};

/// A connected TCP socket as a stream of bytes, for protocols of one's own: the library's batched
/// reads and writes, backpressure and orderly close, without its framing.
///
/// Thread-safety: every member may be called from any thread and from any callback, the setters
/// before `start_read`. Callbacks run on the threads that run the io_context and never overlap. An
/// exception out of a callback closes the connection with `internal_error`.
///
/// Object lifetimes: the destructor begins the close, which goes on in the io_context. Once it has
/// returned to a thread that is not inside a library callback, no callback runs or will run. The
/// object may be destroyed anywhere, inside its own callbacks too. The io_context may end first.
class NETWORK_SYSTEM_EXPORT tcp_socket {
public:
    using receive_callback = unique_function<void(std::span<const std::uint8_t>)>;
    using closed_callback = unique_function<void(std::error_code)>;
    using writable_callback = unique_function<void()>;
    using send_callback = session::send_callback;

    /// Takes a connected socket over from Asio. `socket` is closed for its caller then, and what
    /// was pending on it is cancelled; on an error it is left as it was. `context` is where the
    /// callbacks run; it need not be the socket's own.
    ///
    /// Errors: `invalid_argument` (contradictory options), `connection_closed` (the socket is not
    /// connected), `connection_failed` (Asio cannot give it away).
    [[nodiscard]] static Result<std::unique_ptr<tcp_socket>> adopt(
        asio::io_context& context, asio::ip::tcp::socket&& socket,
        const tcp_socket_options& options = {}) {
        const auto taken = take(std::move(socket), options);
        return taken ? make(context, taken.value(), options) : taken.error();
    }

    tcp_socket(const tcp_socket&) = delete;
    tcp_socket& operator=(const tcp_socket&) = delete;
    virtual ~tcp_socket();

    /// The setters fail with `invalid_argument` after `start_read`. Bytes come as
    /// `std::span<const std::uint8_t>`, valid during the call, or `const
    /// std::vector<std::uint8_t>&`.
    template <typename F>
    discardable_result set_receive_callback(F&& callback) {
        return assign_receive_callback(
            network_system::detail::bytes_kind::adapt<network_system::detail::received_bytes>(
                std::forward<F>(callback)));
    }
    /// Exactly once, last; empty after an orderly close by either side.
    discardable_result set_closed_callback(closed_callback callback);
    /// Runs when the queue has fallen to the low watermark after a send was refused.
    discardable_result set_writable_callback(writable_callback callback);

    /// Begins to read; sends are possible from here on. Error: `already_exists` (called twice),
    /// `connection_closed`.
    [[nodiscard]] VoidResult start_read();

    /// Queues bytes, in the order of the calls. The vector is left intact on error. `done` runs
    /// when the operating system has taken the last of them, or with the error that prevented it.
    ///
    /// Errors: `invalid_argument` (nothing to send), `message_too_large`, `send_buffer_full` (see
    /// send_policy), `connection_closed` (also before `start_read`).
    [[nodiscard]] VoidResult async_send(std::vector<std::uint8_t>&& data, send_callback done = {});
    [[nodiscard]] VoidResult async_send(std::span<const std::uint8_t> data,
                                        send_callback done = {});

    /// Stops reading, so that TCP slows the peer down, or goes on. Error: `connection_closed`.
    discardable_result pause_receiving();
    discardable_result resume_receiving();

    /// Writes what is queued, ends the stream, and closes at the peer's end or after
    /// `drain_timeout`. Idempotent; returns at once.
    void close();

    /// Whether it was started and is not closing.
    [[nodiscard]] bool is_open() const noexcept;
    [[nodiscard]] const endpoint& remote_endpoint() const noexcept;
    [[nodiscard]] const endpoint& local_endpoint() const noexcept;
    [[nodiscard]] std::size_t queued_bytes() const noexcept;
    /// A message here is what one send or one read carried.
    [[nodiscard]] session::session_metrics metrics() const noexcept;

    /// What the TLS handshake agreed on; see messaging_session::tls.
    [[nodiscard]] Result<tls_info> tls() const;

protected:
    using native_handle = asio::ip::tcp::socket::native_handle_type;
    class impl;

    explicit tcp_socket(std::shared_ptr<impl> implementation) noexcept;
    [[nodiscard]] static std::shared_ptr<impl> make_impl(asio::io_context& context,
                                                         native_handle handle,
                                                         const tcp_socket_options& options,
                                                         const stream_kind& kind);
    /// The socket's handle, which is then the caller's.
    [[nodiscard]] static Result<native_handle> take(asio::ip::tcp::socket&& socket,
                                                    const tcp_socket_options& options) {
        if (const auto checked = check(options); !checked) {
            return checked.error();
        }
        return take_over(std::move(socket), "tcp_socket");
    }

private:
    [[nodiscard]] static VoidResult check(const tcp_socket_options& options);
    [[nodiscard]] static Result<std::unique_ptr<tcp_socket>> make(
        asio::io_context& context, native_handle handle, const tcp_socket_options& options);
    VoidResult assign_receive_callback(receive_callback callback);

    std::shared_ptr<impl> impl_;
};

}  // namespace network_system::internal
