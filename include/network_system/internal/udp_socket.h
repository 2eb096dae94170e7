#pragma once

#include <network_system/core/callback_forms.h>
#include <network_system/core/run_options.h>
#include <network_system/export.h>
#include <network_system/internal/asio_endpoint.h>
#include <network_system/session/datagram_config.h>
#include <network_system/session/messaging_session.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

// After Asio, whose version it looks at.
#include <network_system/internal/adopted_socket.h>

namespace network_system::inline v0_1::internal {

struct udp_socket_options : core::lifecycle_options {
    /// `receiving` has no meaning here; the buffer sizes are the socket's own.
    datagram_config datagrams = {};
};

/// A UDP socket of the application's, with the library's batched receives and sends, its bounded
/// queue and its books.
///
/// Thread-safety: every member may be called from any thread and from any callback, the setters
/// before `start_receive`. Callbacks run on the threads that run the io_context and never overlap.
///
/// Object lifetimes: the destructor begins the close, which goes on in the io_context. Once it has
/// returned to a thread that is not inside a library callback, no callback runs or will run. The
/// object may be destroyed anywhere, inside its own callbacks too. The io_context may end first.
class NETWORK_SYSTEM_EXPORT udp_socket {
public:
    using receive_callback = unique_function<void(std::span<const std::uint8_t>, const endpoint&)>;
    using error_callback = unique_function<void(std::error_code)>;
    using writable_callback = unique_function<void()>;
    using send_callback = session::send_callback;

    /// Takes a bound socket over from Asio, connected or not. `socket` is closed for its caller
    /// then, and what was pending on it is cancelled; on an error it is left as it was. `context`
    /// is where the callbacks run; it need not be the socket's own.
    ///
    /// Errors: `invalid_argument` (contradictory options), `connection_closed` (the socket is not
    /// open and bound), `connection_failed` (Asio cannot give it away).
    [[nodiscard]] static Result<std::unique_ptr<udp_socket>> adopt(
        asio::io_context& context, asio::ip::udp::socket&& socket,
        const udp_socket_options& options = {}) {
        if (const auto checked = check(options); !checked) {
            return checked.error();
        }
        const auto taken = take_over(std::move(socket), "udp_socket");
        return taken ? make(context, taken.value(), options) : taken.error();
    }

    udp_socket(const udp_socket&) = delete;
    udp_socket& operator=(const udp_socket&) = delete;
    ~udp_socket();

    /// The setters fail with `invalid_argument` after `start_receive`. See messaging_udp_server for
    /// the callbacks.
    template <typename F>
    discardable_result set_receive_callback(F&& callback) {
        return assign_receive_callback(
            network_system::detail::datagram_kind::adapt<network_system::detail::received_bytes,
                                                         const endpoint&>(
                std::forward<F>(callback)));
    }
    discardable_result set_error_callback(error_callback callback);
    discardable_result set_writable_callback(writable_callback callback);

    /// Begins to receive; sends are possible from here on. Error: `already_exists` (called twice),
    /// `connection_closed`.
    [[nodiscard]] VoidResult start_receive();

    /// Queues a datagram, to the peer of a connected socket when `to` is unspecified. `done` runs
    /// when the operating system has taken it, or with the error that prevented it.
    ///
    /// Errors: `invalid_argument` (an address the socket cannot send to), `message_too_large`,
    /// `send_buffer_full`, `connection_closed` (also before `start_receive`).
    [[nodiscard]] VoidResult async_send_to(std::span<const std::uint8_t> data, const endpoint& to,
                                           send_callback done = {});

    /// Sends what is queued, and closes. Idempotent; returns at once.
    void close();

    /// Whether it was started and is not closing.
    [[nodiscard]] bool is_open() const noexcept;
    [[nodiscard]] const endpoint& local_endpoint() const noexcept;
    [[nodiscard]] datagram_metrics metrics() const;

private:
    using native_handle = asio::ip::udp::socket::native_handle_type;
    class impl;

    explicit udp_socket(std::shared_ptr<impl> implementation) noexcept;
    [[nodiscard]] static VoidResult check(const udp_socket_options& options);
    [[nodiscard]] static Result<std::unique_ptr<udp_socket>> make(
        asio::io_context& context, native_handle handle, const udp_socket_options& options);
    VoidResult assign_receive_callback(receive_callback callback);

    std::shared_ptr<impl> impl_;
};

}  // namespace network_system::internal
