#pragma once

#include "transport/socket_stream.h"

namespace network_system::inline v0_1::transport {

/// The machine's sockets.
struct machine_calls {
    static runtime::network* origin() noexcept { return nullptr; }
    static runtime::sockets::io_result read(runtime::socket_handle handle,
                                            std::span<const runtime::io_slice> into) noexcept {
        return runtime::sockets::read(handle, into);
    }
    static runtime::sockets::io_result write(runtime::socket_handle handle,
                                             std::span<const runtime::io_slice> from) noexcept {
        return runtime::sockets::write(handle, from);
    }
    static runtime::sockets::unacknowledged count_unacknowledged(
        runtime::socket_handle handle, std::uint32_t written,
        runtime::sockets::unacknowledged::unit known) noexcept {
        return runtime::sockets::count_unacknowledged(handle, written, known);
    }
    static void shutdown_write(runtime::socket_handle handle) noexcept {
        runtime::sockets::shutdown_write(handle);
    }
    static void reset_on_close(runtime::socket_handle handle) noexcept {
        runtime::sockets::reset_on_close(handle);
    }
    static bool closes_slowly(runtime::socket_handle handle) noexcept {
        return runtime::closes_slowly(handle);
    }
};

/// A socket of the machine.
using plain_stream = socket_stream<machine_calls>;

}  // namespace network_system::transport
