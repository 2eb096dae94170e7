#pragma once

#include "runtime/network.h"
#include "transport/socket_stream.h"

namespace network_system::inline v0_1::transport {

/// The sockets of whatever network.
class network_calls {
public:
    explicit network_calls(runtime::network& net) noexcept : net_(&net) {}

    [[nodiscard]] runtime::network* origin() const noexcept { return net_; }
    [[nodiscard]] runtime::sockets::io_result read(runtime::socket_handle handle,
                                                   std::span<const runtime::io_slice> into) const {
        return net_->read(handle, into);
    }
    [[nodiscard]] runtime::sockets::io_result write(runtime::socket_handle handle,
                                                    std::span<const runtime::io_slice> from) const {
        return net_->write(handle, from);
    }
    [[nodiscard]] runtime::sockets::unacknowledged count_unacknowledged(
        runtime::socket_handle handle, std::uint32_t written,
        runtime::sockets::unacknowledged::unit known) const noexcept {
        return net_->count_unacknowledged(handle, written, known);
    }
    void shutdown_write(runtime::socket_handle handle) const { net_->shutdown_write(handle); }
    void reset_on_close(runtime::socket_handle handle) const noexcept {
        net_->reset_on_close(handle);
    }
    static bool closes_slowly(runtime::socket_handle) noexcept { return false; }

private:
    runtime::network* net_;
};

/// A socket of a simulation.
using network_stream = socket_stream<network_calls>;

}  // namespace network_system::transport
