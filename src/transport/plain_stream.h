#pragma once

#include "runtime/loop.h"

#include <span>
#include <system_error>
#include <utility>

namespace network_system::transport {

/// A TCP socket as a stream: two non-blocking calls, and the registration of its readiness.
class plain_stream {
public:
    explicit plain_stream(runtime::unique_socket socket) noexcept : handle_(socket.release()) {}
    plain_stream(plain_stream&& other) noexcept
        : handle_(std::exchange(other.handle_, runtime::invalid_socket)),
          is_owner_(other.is_owner_) {}
    plain_stream& operator=(plain_stream&&) = delete;
    ~plain_stream() {
        if (is_owner_) {
            runtime::unique_socket(handle_).reset();
        }
    }

    [[nodiscard]] std::error_code attach(runtime::loop& where, runtime::io_watch& watch,
                                         runtime::interest wanted) {
        is_owner_ = false;
        return where.sockets().add(watch, runtime::unique_socket(handle_), wanted);
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
        std::span<const runtime::io_slice> into) const noexcept {
        return runtime::sockets::read(handle_, into);
    }
    [[nodiscard]] runtime::sockets::io_result try_write(
        std::span<const runtime::io_slice> from) const noexcept {
        return runtime::sockets::write(handle_, from);
    }
    void shutdown_write() const noexcept { runtime::sockets::shutdown_write(handle_); }
    /// The coming `detach` resets the connection instead of ending it in order.
    void prepare_reset() const noexcept { runtime::sockets::reset_on_close(handle_); }

private:
    // There is one in every connection, so it is kept small. The loop owns an attached socket.
    runtime::socket_handle handle_;
    bool is_owner_ = true;
};

}  // namespace network_system::transport
