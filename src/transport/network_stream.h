#pragma once

#include "runtime/loop.h"
#include "runtime/network.h"

#include <span>
#include <system_error>
#include <utility>

namespace network_system::transport {

/// A stream over a socket of whatever network: what plain_stream is for the machine's own.
class network_stream {
public:
    network_stream(runtime::network& sockets, runtime::unique_socket socket) noexcept
        : sockets_(&sockets), socket_(std::move(socket)) {}

    [[nodiscard]] std::error_code attach(runtime::loop& where, runtime::io_watch& watch,
                                         runtime::interest wanted) {
        handle_ = socket_.get();
        return where.sockets().add(watch, std::move(socket_), wanted);
    }
    static void set_interest(runtime::loop& where, runtime::io_watch& watch,
                             runtime::interest wanted) {
        where.sockets().set_interest(watch, wanted);
    }
    void detach(runtime::loop& where, runtime::io_watch& watch) {
        where.sockets().remove(watch);
        handle_ = runtime::invalid_socket;
    }

    [[nodiscard]] runtime::sockets::io_result try_read(
        std::span<const runtime::io_slice> into) const {
        return sockets_->read(handle_, into);
    }
    [[nodiscard]] runtime::sockets::io_result try_write(
        std::span<const runtime::io_slice> from) const {
        return sockets_->write(handle_, from);
    }
    void shutdown_write() const { sockets_->shutdown_write(handle_); }
    void prepare_reset() const noexcept { sockets_->reset_on_close(handle_); }

private:
    runtime::network* sockets_;
    runtime::unique_socket socket_;
    runtime::socket_handle handle_ = runtime::invalid_socket;
};

}  // namespace network_system::transport
