#pragma once

#include "os/native_socket.h"
#include "utils/deadline.h"

#include <cstdint>
#include <system_error>

namespace network_system::inline v0_1::runtime {

/// A listening socket on its way from one process to another over a Unix domain socket
/// (SCM_RIGHTS). Both ends have to belong to the same user, or the other end to root.
///
/// Only where there are Unix domain sockets. The calls block until the deadline at the latest.
struct handed_socket {
    unique_socket socket;
    /// A bit set for the receiver.
    std::uint8_t flags = 0;
};

/// Waits at `local` for a sender. Errors: `timed_out`, or why nobody can wait there.
[[nodiscard]] handed_socket receive_socket(const endpoint& local, detail::steady_time deadline,
                                           std::error_code& error);
/// Sends a duplicate to whoever receives at `peer`, or will; ok when it has arrived.
[[nodiscard]] std::error_code send_socket(const endpoint& peer, socket_handle handle,
                                          std::uint8_t flags, detail::steady_time deadline);

namespace sockets {

/// A duplicate that child processes do not inherit.
[[nodiscard]] unique_socket duplicate(socket_handle handle, std::error_code& error) noexcept;
/// Whether it is a stream socket that listens, over IP or in the Unix domain.
[[nodiscard]] bool is_listening(socket_handle handle);
[[nodiscard]] std::error_code make_private_and_non_blocking(socket_handle handle) noexcept;

}  // namespace sockets
}  // namespace network_system::runtime
