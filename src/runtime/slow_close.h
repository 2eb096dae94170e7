#pragma once

#include "os/native_socket.h"

namespace network_system::inline v0_1::runtime {

/// Whether resetting the connection takes the system long: it throws away what the peer did not
/// take, page by page, some 0.3 ms for a megabyte.
[[nodiscard]] bool closes_slowly(socket_handle handle) noexcept;

/// Closes the socket soon, on a thread that does nothing else: a loop that has to reset a thousand
/// connections goes on at once. The thread ends when nothing is left. Where there is no thread to
/// have, or thousands wait already, it closes the socket itself.
///
/// The descriptor counts against the limits of the process until then. A child that is forked
/// meanwhile has a copy, as of every open socket. While the process exits, what is left is closed
/// before statics are destroyed.
///
/// Thread-safety: both functions may be called from any thread.
void close_aside(unique_socket socket) noexcept;

}  // namespace network_system::runtime
